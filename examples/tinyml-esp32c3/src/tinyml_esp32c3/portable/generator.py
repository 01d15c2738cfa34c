"""PortableC: a network as one C function for each layer, each a call of a kernel of ``portable.h``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from tinyml_core.api.generator import GeneratedCode
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.program import Program
from tinyml_core.program.schedule import Schedule
from tinyml_esp32c3.portable.kernels import KERNELS, schedule_of
from tinyml_esp32c3.portable.layer import Layer

if TYPE_CHECKING:
    from tinyml_core.api.generator import StepInterface

RUNTIME = "portable.h"
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,47}")


@dataclass(frozen=True, kw_only=True)
class PortableC:
    """Generates C99; whole layers only, int8 only."""

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """The one schedule for ``node``.

        Raises:
            UnsupportedError: there is none.
        """
        return [schedule_of(node, graph, profile)]

    def generate(self, program: Program, prefix: str, step: StepInterface | None = None) -> GeneratedCode:
        """C sources of ``program``.

        Raises:
            InputError: ``prefix`` cannot start C names.
            UnsupportedError: a training step is asked for, or an output is a constant.
        """
        if not _PREFIX.fullmatch(prefix):
            raise InputError(f"{prefix!r} cannot start C names", place="prefix", remedy="use letters, digits and _")
        if step is not None:
            raise UnsupportedError("portable-c writes no training steps", remedy="choose --generator tinyengine")
        ports = [*program.graph.inputs, *program.graph.outputs]
        if any(program.graph.tensors[name].data is not None for name in ports):
            raise UnsupportedError("is a constant, which needs no device", place="a graph output")
        layers = [
            Layer(program, each, f"{prefix}_step{number:02d}_{re.sub('[^a-z0-9_]', '_', each.node.op.kind)}")
            for number, each in enumerate(program.steps)
        ]
        bodies = [KERNELS[type(layer.node.op)].emit(layer) for layer in layers]
        written = [(layer, body) for layer, body in zip(layers, bodies, strict=True) if body]
        runtime = (files(__package__) / RUNTIME).read_text(encoding="ascii")
        return GeneratedCode(
            files={
                RUNTIME: runtime,
                f"{prefix}.h": _header(program, prefix),
                f"{prefix}.c": _source(program, prefix, written),
                "main.c": _main(prefix),
            },
            invoke=f"{prefix}_invoke",
            arena=f"{prefix}_arena",
            layers=tuple(layer.symbol if body else "" for layer, body in zip(layers, bodies, strict=True)),
            library=(f"{prefix}.c",),
            example="main.c",
            header=f"{prefix}.h",
        )


def _header(program: Program, prefix: str) -> str:
    guard = prefix.upper()
    lines = [
        f"/* {prefix}.h: an int8 network in an arena: write the inputs, call {prefix}_invoke, read the outputs. */",
        f"#ifndef {guard}_H", f"#define {guard}_H", "",
        f"#define {guard}_ARENA_BYTES {max(program.arena_bytes, 1)}",
        f"#define {guard}_ARENA_ALIGNMENT {program.arena_alignment}",
    ]  # fmt: skip
    for role, names in (("INPUT", program.graph.inputs), ("OUTPUT", program.graph.outputs)):
        for number, name in enumerate(names):
            macro = f"{guard}_{role}" if len(names) == 1 else f"{guard}_{role}_{number}"
            lines.append(f"#define {macro}_OFFSET {program.buffer_of(name).offset}")
            lines.append(f"#define {macro}_BYTES {program.graph.tensors[name].bytes}")
    lines += ["", f"/* Run the network once; returns 0. */\nint {prefix}_invoke(void *arena);", "", "#endif", ""]
    return "\n".join(lines)


def _source(program: Program, prefix: str, written: Sequence[tuple[Layer, str]]) -> str:
    parts = [f"/* {prefix}.c: generated for {program.profile.core}, do not edit. */"]
    parts += [f'#include "{prefix}.h"', f'#include "{RUNTIME}"', ""]
    for layer, body in written:
        parts += layer.tables
        parts.append(f"/* kernel {layer.step.schedule.kernel} */")
        parts.append(f"void {layer.symbol}(uint8_t *arena);\n")
        parts.append(f"PORTABLE_LAYER void {layer.symbol}(uint8_t *arena)\n{{\n{body}}}\n")
    calls = "".join(f"    {layer.symbol}(arena);\n" for layer, _ in written)
    parts.append(f"PORTABLE_LAYER int {prefix}_invoke(void *arena)\n{{\n    (void)arena;\n{calls}    return 0;\n}}\n")
    return "\n".join(parts)


def _main(prefix: str) -> str:
    guard = prefix.upper()
    return (
        f'#include "{prefix}.h"\n\n'
        f"__attribute__((aligned({guard}_ARENA_ALIGNMENT))) unsigned char {prefix}_arena[{guard}_ARENA_BYTES];\n\n"
        f"int main(void)\n{{\n    return {prefix}_invoke({prefix}_arena);\n}}\n"
    )
