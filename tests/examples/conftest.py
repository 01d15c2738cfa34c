"""What the tests of example distributions share: each built, and put beside the checkout's core.

A frozen distribution brings tests of its own; they run where it is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
collect_ignore = ["frozen"]


@dataclass(frozen=True)
class Distribution:
    """``source`` is its folder, ``installed`` where its wheel was unpacked.

    ``python`` runs Python with the wheel and the core on the path; ``beside`` are further wheels.
    """

    name: str
    source: Path
    installed: Path
    python: Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def distribution(tmp_path_factory):
    """``distribution(name)``: the example ``tinyml-<name>``, built once."""
    pytest.importorskip("hatchling")
    made = {}

    def build(name):
        if name in made:
            return made[name]
        home, source = tmp_path_factory.mktemp(name), ROOT / "examples" / f"tinyml-{name}"
        script = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
        built = subprocess.run(
            [sys.executable, "-c", script, str(home)], cwd=source, capture_output=True, text=True, check=True
        )
        with zipfile.ZipFile(home / built.stdout.split()[-1]) as wheel:
            wheel.extractall(home / "installed")  # a pure wheel is installed by unpacking it: PEP 427
        paths = [home / "installed", ROOT, ROOT / "plugins", ROOT / "hw_profiles"]

        def python(*arguments, beside=()):
            path = os.pathsep.join(map(str, [*(each.installed for each in beside), *paths]))
            return subprocess.run(
                [sys.executable, *arguments], cwd=home, env={**os.environ, "PYTHONPATH": path},
                capture_output=True, text=True, timeout=900, check=False,
            )  # fmt: skip

        made[name] = Distribution(name, source, home / "installed", python)
        return made[name]

    return build
