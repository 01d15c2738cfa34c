"""Everything the distribution registers; light to import, because the platform imports it to learn the names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hardware.files import profiles_from
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.generator import CodeGenerator
    from tinyml_core.api.runner import Runner
    from tinyml_core.api.toolchain import Toolchain
    from tinyml_core.hardware.profile import HardwareProfile


@hookimpl
def tinyml_hardware_profiles() -> list[Component[HardwareProfile]]:
    return profiles_from("tinyml_esp32c3")


@hookimpl
def tinyml_code_generators() -> list[Component[CodeGenerator]]:
    return [Component("portable-c", "tinyml_esp32c3.portable.generator:PortableC", "int8 networks as plain C kernels")]


@hookimpl
def tinyml_toolchains() -> list[Component[Toolchain]]:
    return [Component("zig-riscv32", "tinyml_esp32c3.toolchain:ZigRiscv32", "clang of the ziglang wheel, for RV32IMC")]


@hookimpl
def tinyml_runners() -> list[Component[Runner]]:
    return [Component("unicorn-riscv32", "tinyml_esp32c3.emulator.runner:UnicornRiscv32", "Unicorn's 32-bit RISC-V")]
