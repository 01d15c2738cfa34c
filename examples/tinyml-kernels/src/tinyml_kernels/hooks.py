"""Registers the board and its kernels; light to import, because the platform imports it to learn the names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hardware.files import profiles_from
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.generator import Kernel
    from tinyml_core.hardware.profile import HardwareProfile


@hookimpl
def tinyml_hardware_profiles() -> list[Component[HardwareProfile]]:
    return profiles_from("tinyml_kernels")


@hookimpl
def tinyml_kernels() -> list[Component[Kernel]]:
    return [
        Component("kestrel-clamp", "tinyml_kernels.clamp:KestrelClamp", "int8 limits, four elements at a time"),
        Component("kestrel-nearest", "tinyml_kernels.nearest:KestrelNearest", "int8 nearest resize, pixel by pixel"),
    ]
