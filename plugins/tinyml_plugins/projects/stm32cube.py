"""STM32Cube: middleware for projects that STM32CubeMX makes, be they of CubeIDE, for make or for CMake.

A Makefile of CubeMX collects ``C_SOURCES`` and ``C_INCLUDES``, its CMake project links libraries to the project's
target, and CubeIDE compiles every source folder with the flags of the project: for it the sources carry pragmas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.api.project_writer import CompiledNetwork
from tinyml_plugins.projects.readme import readme
from tinyml_plugins.projects.sources import FLAGS, headers, sources
from tinyml_plugins.projects.text import package_name

_MAKE = """\
# In the Makefile of STM32CubeMX, below the lines that set C_SOURCES and C_INCLUDES:
#
#     include {folder}/{name}.mk
C_SOURCES += \\
{sources}

C_INCLUDES += -I{folder}/Inc

{objects}: CFLAGS += {flags}
"""
_LISTS = """\
# In the CMakeLists.txt of STM32CubeMX:
#
#     add_subdirectory({folder})
#     target_link_libraries(${{CMAKE_PROJECT_NAME}} {name})
add_library({name} STATIC
{sources}
)
target_include_directories({name} PUBLIC "${{CMAKE_CURRENT_SOURCE_DIR}}/Inc")
target_compile_options({name} PRIVATE {flags})
"""
_GUIDE = """\
Copy the folder `Middlewares` into the folder of your STM32CubeMX project. Then, for

* **CubeIDE**: refresh the project, add `{folder}/Src` to *Paths and Symbols / Source Location* and `{folder}/Inc` to
  *Includes*;
* **Makefile**: write `include {folder}/{name}.mk` below the lines that set `C_SOURCES` and `C_INCLUDES`;
* **CMake**: write `add_subdirectory({folder})` and `target_link_libraries(${{CMAKE_PROJECT_NAME}} {name})`.

In `main.c`, include `{prefix}_check.h` and call `{prefix}_check()` once: it returns 0 where all is well.
"""


@dataclass(frozen=True, kw_only=True)
class Stm32CubeWriter:
    """Writes a folder ``Middlewares/Third_Party/<name>``."""

    beside: ClassVar[bool] = False

    def write(self, network: CompiledNetwork) -> Mapping[str, str]:
        """``Inc``, ``Src``, and what a Makefile and a CMake project include."""
        name = package_name(network)
        folder = f"Middlewares/Third_Party/{name}"
        compiled = sources(network, "Src/", pragmas=True)
        objects = (path.removeprefix("Src/").removesuffix(".c") + ".o" for path in compiled)
        told = {"name": name, "folder": folder, "flags": " ".join(FLAGS)}
        makefile = _MAKE.format(
            sources=" \\\n".join(f"{folder}/{path}" for path in compiled),
            objects=" ".join(f"$(BUILD_DIR)/{each}" for each in objects), **told,
        )  # fmt: skip
        lists = _LISTS.format(sources="\n".join(f'  "{path}"' for path in compiled), **told)
        return {
            "README.md": readme(network, _GUIDE.format(prefix=network.prefix, **told)),
            f"{folder}/{name}.mk": makefile,
            f"{folder}/CMakeLists.txt": lists,
            **headers(network, f"{folder}/Inc/"),
            **{f"{folder}/{path}": text for path, text in compiled.items()},
        }
