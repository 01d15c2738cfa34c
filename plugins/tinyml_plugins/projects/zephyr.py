"""Zephyr: a module in the form of https://docs.zephyrproject.org/latest/develop/modules.html, with a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.api.project_writer import CompiledNetwork
from tinyml_plugins.projects.readme import readme
from tinyml_plugins.projects.sources import FLAGS, headers, sources
from tinyml_plugins.projects.text import package_name, shown_name

_MODULE = """\
name: {name}
build:
  cmake: zephyr
  kconfig: zephyr/Kconfig
samples:
  - samples
"""
_KCONFIG = """\
config {option}
\tbool "Neural network {shown}"
\thelp
\t  The network {shown}, compiled by tinyml-core.
"""
_LISTS = """\
if(CONFIG_{option})
  zephyr_library_named({name})
  zephyr_library_sources(
{sources}
  )
  zephyr_include_directories("${{CMAKE_CURRENT_LIST_DIR}}/../src")
  zephyr_library_compile_options({flags})
endif()
"""
_SAMPLE_LISTS = """\
cmake_minimum_required(VERSION 3.20.0)

# The module that this sample belongs to.
list(APPEND ZEPHYR_EXTRA_MODULES "${{CMAKE_CURRENT_SOURCE_DIR}}/../..")
find_package(Zephyr REQUIRED HINTS $ENV{{ZEPHYR_BASE}})
project({name}_selftest)

target_sources(app PRIVATE src/main.c)
"""
_MAIN = """\
/* Asks the known-answer test of the network once and prints the answer. */
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include <{prefix}_check.h>

int main(void)
{{
    const uint32_t before = k_cycle_get_32();
    const int status = {prefix}_check();
    const uint32_t after = k_cycle_get_32();

    printk("known-answer test: %s, %u cycles of the system clock\\n", status == 0 ? "passed" : "FAILED",
           (unsigned int)(after - before));
    return 0;
}}
"""
_SAMPLE = """\
sample:
  name: {name} known-answer test
  description: Asks whether this machine computes what the laptop did.
tests:
  {name}.selftest:
    tags: tinyml
    harness: console
    harness_config:
      type: one_line
      regex:
        - "known-answer test: passed"
"""
_GUIDE = """\
Name this folder in `west.yml` as a project, or when you build:

    west build -b BOARD your-application -- -DZEPHYR_EXTRA_MODULES=/path/to/this/folder

and set `CONFIG_{option}=y` in `prj.conf`. The sample builds with `west build -b BOARD samples/selftest`.
"""


@dataclass(frozen=True, kw_only=True)
class ZephyrWriter:
    """Writes a module that a Kconfig option switches on, with a sample that asks the known-answer test."""

    beside: ClassVar[bool] = False

    def write(self, network: CompiledNetwork) -> Mapping[str, str]:
        """The module's description, its CMake and Kconfig files, the sources and the sample."""
        name = package_name(network)
        option = name.upper()
        compiled = sources(network, "src/")
        paths = "\n".join(f'    "${{CMAKE_CURRENT_LIST_DIR}}/../{path}"' for path in compiled)
        return {
            "zephyr/module.yml": _MODULE.format(name=name),
            "zephyr/Kconfig": _KCONFIG.format(option=option, shown=shown_name(network)),
            "zephyr/CMakeLists.txt": _LISTS.format(option=option, name=name, sources=paths, flags=" ".join(FLAGS)),
            "README.md": readme(network, _GUIDE.format(option=option)),
            **headers(network, "src/"),
            **compiled,
            "samples/selftest/CMakeLists.txt": _SAMPLE_LISTS.format(name=name),
            "samples/selftest/prj.conf": f"CONFIG_{option}=y\n",
            "samples/selftest/sample.yaml": _SAMPLE.format(name=name),
            "samples/selftest/src/main.c": _MAIN.format(prefix=network.prefix),
        }
