"""Builders of compiled networks, for every test that wants the bytes of a device."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from compiled_networks.network import Network, make_network
from compiled_networks.running import Firmware, HostLibrary
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.platform import Platform


@pytest.fixture(scope="session")
def firmware():
    """Builder of :class:`Firmware`, which skips where a toolchain or the emulator is missing."""
    platform = Platform()
    pytest.importorskip("unicorn", reason="the emulator is an extra: pip install tinyml-core[sim]")

    def build(toolchain: str, core: str, networks: list[Network], folder: Path) -> Firmware:
        if (reason := platform.create(Toolchain, toolchain).missing()) is not None:
            pytest.skip(reason)
        return Firmware(platform, toolchain, core, networks, folder)

    return build


@pytest.fixture(scope="session")
def host_compiler() -> str:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler for the host on PATH")
    return compiler


@pytest.fixture
def host_library(host_compiler: str, tmp_path: Path):
    """Builder of :class:`HostLibrary`."""
    return lambda networks, *flags: HostLibrary(host_compiler, networks, tmp_path, *flags)


@pytest.fixture(name="make_network")
def make_network_fixture():
    """Builder of :class:`Network`."""
    return make_network
