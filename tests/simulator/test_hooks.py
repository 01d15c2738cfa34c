"""Registration: light to import, and every component satisfies its protocol."""

from __future__ import annotations

import subprocess
import sys

from tinyml_core.api.project_writer import ProjectWriter
from tinyml_core.api.runner import Runner
from tinyml_core.api.toolchain import Toolchain
from tinyml_plugins.simulator import hooks


def test_components_make_what_their_hook_promises():
    for components, protocol, names in (
        (hooks.tinyml_toolchains(), Toolchain, ["zig", "gcc"]),
        (hooks.tinyml_runners(), Runner, ["unicorn", "qemu"]),
        (hooks.tinyml_project_writers(), ProjectWriter, ["makefile", "cmake"]),
    ):
        assert [component.name for component in components] == names
        for component in components:
            assert isinstance(component.load()(), protocol)
            assert component.load_options() is not None
            assert component.summary


def test_hooks_import_nothing_heavy():
    code = "import sys, tinyml_plugins.simulator.hooks; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"unicorn", "capstone", "elftools", "numpy", "subprocess"} & set(loaded)
    assert "tinyml_plugins.simulator.runner" not in loaded
