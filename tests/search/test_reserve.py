"""The reserve for code: what every network is told to need covers what is linked."""

from __future__ import annotations

import pytest

from costed_networks import network
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.platform import Platform
from tinyml_core.search.reserve import CODE_BYTES, FEW_LAYERS, LAYER_CODE_BYTES, code_reserve


def test_few_layers_share_what_all_networks_need():
    assert code_reserve(0) == code_reserve(FEW_LAYERS) == CODE_BYTES
    assert code_reserve(FEW_LAYERS + 45) == CODE_BYTES + 45 * LAYER_CODE_BYTES
    assert code_reserve(FEW_LAYERS + 2, few=100, each=20) == 140


@pytest.mark.parametrize("layers", [[8], [8, 0] * 40])
def test_the_reserve_covers_the_code_that_is_linked(layers, tmp_path):
    platform = Platform()
    if (reason := platform.create(Toolchain, "zig").missing()) is not None:
        pytest.skip(reason)
    graph = network(layers, seed=1)
    compiled = platform.compile(graph, "stm32f412", tmp_path / "out", CompileOptions(toolchain="zig"))
    assert 0 < compiled.manifest.code_bytes <= code_reserve(len(graph.nodes))
