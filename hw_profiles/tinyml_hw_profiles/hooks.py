"""Registers every microcontroller described by a YAML file of this package."""

from __future__ import annotations

from tinyml_core.component import Component
from tinyml_core.hardware.files import profiles_from
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.hookspecs import hookimpl


@hookimpl
def tinyml_hardware_profiles() -> list[Component[HardwareProfile]]:
    """The bundled parts of STMicroelectronics and Nordic Semiconductor."""
    return profiles_from("tinyml_hw_profiles")
