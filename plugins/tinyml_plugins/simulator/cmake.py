"""CMake writer: the network as a library target that a firmware project adds with ``add_subdirectory``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.api.project_writer import CompiledNetwork

_LISTS = """\
# Adds the static library {target}; in a firmware project:
#
#     add_subdirectory(path/to/this/folder)
#     target_link_libraries(firmware PRIVATE {target})
#
# Flags of the core come from the project's toolchain file. Sources are C99; a * b + c must round twice.
cmake_minimum_required(VERSION 3.13)
project({target} LANGUAGES C)

add_library({target} STATIC {sources})
target_include_directories({target} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
set_target_properties({target} PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
target_compile_options({target} PRIVATE -ffp-contract=off -ffunction-sections -fdata-sections {optimisation})
"""


@dataclass(frozen=True, kw_only=True)
class CMakeWriter:
    """Writes ``CMakeLists.txt``."""

    optimisation: str = "-O3"
    """Optimisation level of the compiler."""

    beside: ClassVar[bool] = True

    def write(self, network: CompiledNetwork) -> Mapping[str, str]:
        """The one file; the library is named as the first of the sources."""
        library = network.code.library
        lists = _LISTS.format(
            target=library[0].removesuffix(".c"), sources=" ".join(library), optimisation=self.optimisation
        )
        return {"CMakeLists.txt": lists}
