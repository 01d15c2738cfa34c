"""What this plugin brings: a project writer for each ecosystem."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.project_writer import ProjectWriter

_HERE = "tinyml_plugins.projects"


@hookimpl
def tinyml_project_writers() -> Iterable[Component[ProjectWriter]]:
    """Libraries that need nothing but their ecosystem's own tools."""
    return [
        Component("arduino", f"{_HERE}.arduino:ArduinoWriter", "library for the Arduino IDE and arduino-cli"),
        Component("platformio", f"{_HERE}.platformio:PlatformIOWriter", "library for PlatformIO"),
        Component("zephyr", f"{_HERE}.zephyr:ZephyrWriter", "module for Zephyr, with a sample"),
        Component("esp-idf", f"{_HERE}.esp_idf:EspIdfWriter", "component for ESP-IDF, with an example"),
        Component("stm32cube", f"{_HERE}.stm32cube:Stm32CubeWriter", "middleware for projects of STM32CubeMX"),
        Component("cmsis-pack", f"{_HERE}.cmsis_pack:CmsisPackWriter", "CMSIS-Pack with one component"),
    ]
