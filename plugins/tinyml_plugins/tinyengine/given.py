"""Given kernels: those that other plugins bring (kind ``kernel``), checked before their C meets the generator's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tinyml_core.api.generator import Kernel
from tinyml_core.errors import PluginError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule

_HEADER = re.compile(r"[A-Za-z0-9_]{1,64}\.h")

GivenKernels = tuple[tuple[str, Kernel], ...]
"""By the name of the component."""


def given_kernels(kernels: Mapping[str, Kernel], own: Iterable[str]) -> GivenKernels:
    """``kernels``, none of which has the name of one of the generator's ``own``.

    Raises:
        PluginError: one has.
    """
    named = {name.rpartition(":")[2]: kernel for name, kernel in kernels.items()}
    for name in named.keys() & set(own):
        raise PluginError(f"kernel {name!r} has the name of one of the generator's own", remedy="rename it")
    return tuple(named.items())


def given_schedules(given: GivenKernels, node: Node, graph: Graph, profile: HardwareProfile) -> list[Schedule]:
    """What the kernels offer for ``node``.

    Raises:
        PluginError: a schedule has another kernel's name, or runs row by row.
    """
    schedules = []
    for name, kernel in given:
        for schedule in kernel.candidates(node, graph, profile):
            if schedule.kernel != name:
                raise PluginError(f"kernel {name!r} offers a schedule of kernel {schedule.kernel!r}")
            if schedule.rows:
                raise PluginError(f"kernel {name!r} offers a schedule by row; given kernels take whole layers")
            schedules.append(schedule)
    return schedules


def given_files(given: GivenKernels, used: Iterable[str], own: Iterable[str]) -> dict[str, str]:
    """The headers of those kernels that are ``used``, in the order given.

    Raises:
        PluginError: a name is no header's, is one of the generator's ``own``, or stands for two texts.
    """
    files: dict[str, str] = {}
    taken = set(own)
    for name, kernel in given:
        for header, text in kernel.files.items() if name in set(used) else ():
            if not _HEADER.fullmatch(header) or header in taken:
                raise PluginError(f"kernel {name!r} cannot have a header called {header!r}", remedy="rename it")
            if files.setdefault(header, text) != text:
                raise PluginError(f"kernel {name!r} has another {header!r} than a kernel before it")
    return files
