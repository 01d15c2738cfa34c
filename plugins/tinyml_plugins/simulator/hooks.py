"""Plugin ``simulator``: toolchains, the runners Unicorn and QEMU, and writers of build files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tinyml_core.api.project_writer import ProjectWriter
    from tinyml_core.api.runner import Runner
    from tinyml_core.api.toolchain import Toolchain

_HERE = "tinyml_plugins.simulator"


@hookimpl
def tinyml_toolchains() -> Iterable[Component[Toolchain]]:
    """The compilers: one from PyPI, one from the distribution."""
    return [
        Component("zig", f"{_HERE}.zig:ZigToolchain", "clang from the ziglang wheel: pip is all it needs", extra="sim"),
        Component("gcc", f"{_HERE}.gcc:GccToolchain", "arm-none-eabi-gcc on PATH", extra="sim"),
    ]


@hookimpl
def tinyml_runners() -> Iterable[Component[Runner]]:
    """The emulated cores."""
    return [
        Component("unicorn", f"{_HERE}.runner:UnicornRunner", "Unicorn, with exact instruction counts", extra="sim"),
        Component("qemu", f"{_HERE}.qemu.runner:QemuRunner", "qemu-system-arm on PATH, to check counts", extra="sim"),
    ]


@hookimpl
def tinyml_project_writers() -> Iterable[Component[ProjectWriter]]:
    """Build files for plain ``make`` and for CMake."""
    return [
        Component(
            "makefile", f"{_HERE}.makefile:MakefileWriter", "Makefile, linker script and start-up code", extra="sim"
        ),
        Component("cmake", f"{_HERE}.cmake:CMakeWriter", "CMakeLists.txt with the network as a library"),
    ]
