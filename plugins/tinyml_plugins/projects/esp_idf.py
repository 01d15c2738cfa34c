"""ESP-IDF: a component with an example.

The manifest is that of https://docs.espressif.com/projects/idf-component-manager.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.api.project_writer import CompiledNetwork
from tinyml_plugins.projects.readme import readme
from tinyml_plugins.projects.sources import FLAGS, headers, sources
from tinyml_plugins.projects.text import check_address, check_version, package_name, summary

_LISTS = """\
idf_component_register(
  SRCS {sources}
  INCLUDE_DIRS "src"
)
target_compile_options(${{COMPONENT_LIB}} PRIVATE {flags})
"""
_PROJECT = """\
cmake_minimum_required(VERSION 3.16)

include($ENV{{IDF_PATH}}/tools/cmake/project.cmake)
project({name}_selftest)
"""
_MAIN_LISTS = """\
idf_component_register(SRCS "main.c" INCLUDE_DIRS ".")
"""
_MAIN_MANIFEST = """\
dependencies:
  {name}:
    version: "*"
    override_path: "../../.."
"""
_MAIN = """\
/* Asks the known-answer test of the network once and prints the answer. */
#include <stdio.h>

#include "esp_timer.h"

#include "{prefix}_check.h"

void app_main(void)
{{
    const int64_t before = esp_timer_get_time();
    const int status = {prefix}_check();
    const int64_t after = esp_timer_get_time();

    printf("known-answer test: %s in %ld us\\n", status == 0 ? "passed" : "FAILED", (long)(after - before));
}}
"""
_GUIDE = """\
Copy this folder as `components/{name}` into your project; the component's name is that of the folder. The example
builds with `idf.py -C examples/selftest set-target esp32 build`.
"""


@dataclass(frozen=True, kw_only=True)
class EspIdfWriter:
    """Writes a component with an example that asks the known-answer test."""

    version: str = "1.0.0"
    """Of the component."""
    url: str | None = None
    """Page about the component; none by default."""

    beside: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_version(self.version)
        if self.url is not None:
            check_address("url", self.url)

    def write(self, network: CompiledNetwork) -> Mapping[str, str]:
        """``CMakeLists.txt``, ``idf_component.yml``, the sources and an example project."""
        name, compiled = package_name(network), sources(network, "src/")
        manifest = f"version: {json.dumps(self.version)}\ndescription: {json.dumps(summary(network))}\n"
        if self.url is not None:
            manifest += f"url: {json.dumps(self.url)}\n"
        paths = " ".join(f'"{path}"' for path in compiled)
        return {
            "CMakeLists.txt": _LISTS.format(sources=paths, flags=" ".join(FLAGS)),
            "idf_component.yml": manifest,
            "README.md": readme(network, _GUIDE.format(name=name)),
            **headers(network, "src/"),
            **compiled,
            "examples/selftest/CMakeLists.txt": _PROJECT.format(name=name),
            "examples/selftest/main/CMakeLists.txt": _MAIN_LISTS,
            "examples/selftest/main/idf_component.yml": _MAIN_MANIFEST.format(name=name),
            "examples/selftest/main/main.c": _MAIN.format(prefix=network.prefix),
        }
