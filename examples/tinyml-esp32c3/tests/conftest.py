"""What the tests share: the platform, and the network of all operators compiled once for each rounding."""

from __future__ import annotations

import numpy as np
import pytest
from networks import IMAGE, everything

from tinyml_core import Platform
from tinyml_core.graph.graph import Rounding


@pytest.fixture(scope="session")
def platform():
    return Platform()


@pytest.fixture(scope="session", params=Rounding, ids=lambda rounding: rounding.value)
def compiled(request, platform, tmp_path_factory):
    """The network compiled with nothing chosen but the target."""
    return platform.compile(everything(request.param), "esp32c3", tmp_path_factory.mktemp("network") / "out")


@pytest.fixture(scope="session")
def execution(platform, compiled):
    samples = np.random.default_rng(2).integers(-128, 128, (3, *IMAGE[1:]), dtype=np.int8)
    return platform.run(compiled.folder, {"x": samples})
