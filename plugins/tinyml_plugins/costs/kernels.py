"""The fingerprint of a generator's kernels: whether a table was measured with the code that would be compiled now."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import partial

from tinyml_core.api.generator import CodeGenerator, GeneratedCode
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.planner import plan
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.costs.samples import DRAWS, draw_layer, room

SMALL = 20_000
"""Operations of a layer that is looked at."""
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def fingerprint(generator: CodeGenerator, profile: HardwareProfile) -> str:
    """A hash of the C of one layer of every kind that calibration draws, by each kernel that can carry it out whole.

    Comments are left out, and so is which kernel the planner prefers: equal fingerprints mean equal code for these
    layers, whatever else changed in the generator.
    """
    told = hashlib.sha256()
    for kind in DRAWS:
        for code in _written(draw_layer(kind, 0, Rounding.SINGLE, most=SMALL), generator, room(profile)):
            for name, text in sorted(code.files.items()):
                if name not in (code.example, *code.library[1:]):  # only the network and its headers are measured
                    told.update(f"{name}\n{_COMMENT.sub('', text)}".encode())
    return told.hexdigest()[:16]


def _written(graph: Graph, generator: CodeGenerator, profile: HardwareProfile) -> Iterator[GeneratedCode]:
    (node,) = graph.nodes
    try:
        schedules = generator.candidates(node, graph, profile)
    except UnsupportedError:  # not every generator knows every kind of layer
        return
    for schedule in schedules:
        if not schedule.rows:
            yield generator.generate(plan(graph, profile, partial(_only, schedule)), "probe")


def _only(schedule: Schedule, _: Node) -> list[Schedule]:
    return [schedule]
