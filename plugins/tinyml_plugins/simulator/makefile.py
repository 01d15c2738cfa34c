"""Makefile writer: what a user needs to build the generated sources by hand, with plain ``make``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.api.project_writer import CompiledNetwork
from tinyml_plugins.simulator.compiler import COMPILE_FLAGS, LINK_FLAGS
from tinyml_plugins.simulator.cores import CORES, gcc_flags
from tinyml_plugins.simulator.firmware import LINKER_SCRIPT, STARTUP, linker_script, startup_source
from tinyml_plugins.simulator.gcc import GCC_LIBRARIES, GCC_LINK

_MAKEFILE = """\
# make                   builds firmware.elf with arm-none-eabi-gcc
# make CC=/path/to/gcc   takes another GCC for Arm
CC = arm-none-eabi-gcc
OPTIMISATION = {optimisation}
TARGET = {target}
CFLAGS = $(TARGET) $(OPTIMISATION) {compile}
LDFLAGS = $(TARGET) {link} -T {script}
LDLIBS = {libraries}
OBJECTS = {objects}

firmware.elf: $(OBJECTS) {script}
\t$(CC) $(LDFLAGS) $(OBJECTS) $(LDLIBS) -o $@

%.o: %.c {headers}
\t$(CC) $(CFLAGS) -c $< -o $@

.PHONY: clean
clean:
\trm -f firmware.elf $(OBJECTS)
"""


@dataclass(frozen=True, kw_only=True)
class MakefileWriter:
    """Writes ``Makefile``, the linker script and the start-up code."""

    optimisation: str = "-O3"
    """Optimisation level of the compiler."""

    beside: ClassVar[bool] = True

    def write(self, network: CompiledNetwork) -> Mapping[str, str]:
        """The three files; ``make`` beside the generated sources then gives ``firmware.elf``. None for a core that this
        compiler does not know.
        """
        profile, code = network.profile, network.code
        if profile.core not in CORES:
            return {}
        sources = [STARTUP, *code.library, code.example]
        makefile = _MAKEFILE.format(
            optimisation=self.optimisation,
            target=" ".join(gcc_flags(profile)),
            compile=" ".join(COMPILE_FLAGS),
            link=" ".join((*GCC_LINK, *LINK_FLAGS)),
            script=LINKER_SCRIPT,
            libraries=" ".join(GCC_LIBRARIES),
            objects=" ".join(f"{source.removesuffix('.c')}.o" for source in sources),
            headers=" ".join(sorted(name for name in code.files if name.endswith(".h"))),
        )
        return {
            "Makefile": makefile,
            LINKER_SCRIPT: linker_script(profile, network.region, network.stack),
            STARTUP: startup_source(profile),
        }
