"""Random networks that a code generator has kernels for, and many of them on one machine, within watched arenas."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyml_core.api.generator import CodeGenerator, GeneratedCode
from tinyml_core.api.runner import Device
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.operator import Operator
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.planner import plan
from tinyml_core.program.program import Objective, Program
from tinyml_core.testing.conformance.samples.machine import Machine
from tinyml_core.testing.random_graphs import choose_from, random_graph, random_inputs
from tinyml_core.testing.random_nodes import MAKERS

Array = npt.NDArray[np.generic]

GUARD = 64
"""Bytes watched before and behind an arena."""
FILL = 0xA5
"""What memory holds before an inference."""
TRIALS = 3
"""Random nodes of an operator that must all have a kernel before networks are made with it."""
MAIN = """\
#include <stdint.h>
{prototypes}
union {{ uint64_t alignment[{words}]; uint8_t bytes[{size}]; }} kit_memory;
int main(void)
{{
    void *arena = &kit_memory.bytes[{guard}];
    return {calls};
}}
"""


@dataclass(frozen=True)
class Case:
    """A network with its plan and C, inputs for it, and what the reference makes of them."""

    seed: int
    program: Program
    code: GeneratedCode
    inputs: Mapping[str, Array]
    expected: Mapping[str, Array]


def planned(generator: CodeGenerator, graph: Graph, profile: HardwareProfile, objective: Objective) -> Program:
    """The plan of a graph by what the generator offers."""
    return plan(graph, profile, lambda node: generator.candidates(node, graph, profile), objective=objective)


def known_operators(generator: CodeGenerator, profile: HardwareProfile) -> Iterator[type[Operator]]:
    """The operators of random graphs that the generator has kernels for on ``profile``."""
    for operator in MAKERS:
        try:
            for seed in range(TRIALS):
                graph = random_graph(choose_from(np.random.default_rng(seed)), nodes=(1,), operators=(operator,))
                planned(generator, graph, profile, "latency")
        except UnsupportedError:
            continue
        yield operator


def cases(
    generator: CodeGenerator,
    profile: HardwareProfile,
    number: int,
    operators: Sequence[type[Operator]] | None = None,
) -> list[Case]:
    """``number`` random networks, by turns planned for latency and SRAM; over the operators the generator knows."""
    operators, found = operators or list(known_operators(generator, profile)), list[Case]()
    for seed in range(10 * number if operators else 0):
        choose = choose_from(np.random.default_rng(seed))
        graph, objective = random_graph(choose, operators=operators), ("latency", "sram")[len(found) % 2]
        inputs = random_inputs(graph, choose)
        try:
            program = planned(generator, graph, profile, "sram" if objective == "sram" else "latency")
        except UnsupportedError:
            continue
        code = generator.generate(program, f"n{len(found)}")
        found.append(Case(seed, program, code, inputs, execute(graph, inputs)))
        if len(found) == number:
            break
    return found


def load(machine: Machine, networks: Sequence[Case], folder: Path) -> Device:
    """One binary with all the networks, which share one memory."""
    sources = {name: text for case in networks for name, text in case.code.files.items() if name.endswith(".h")}
    for case in networks:
        sources |= {name: case.code.files[name] for name in case.code.library}
    symbols = [symbol for case in networks for symbol in _symbols(case)]
    size = GUARD + max(case.program.arena_bytes for case in networks) + GUARD
    sources["kit_main.c"] = MAIN.format(
        prototypes="\n".join(f"int {symbol}(void *arena);" for symbol in symbols),
        calls=" + ".join(f"{symbol}(arena)" for symbol in symbols),
        words=math.ceil(size / 8), size=8 * math.ceil(size / 8), guard=GUARD,
    )  # fmt: skip
    return machine.load(sources, folder)


def run(device: Device, case: Case) -> tuple[dict[str, Array], str]:
    """The outputs of one inference, and what it did that it must not, "" for nothing."""
    program, start = case.program, device.address("kit_memory")
    size = GUARD + program.arena_bytes + GUARD
    device.write(start, bytes([FILL]) * size)
    arena, problem = start + GUARD, ""
    if (feed := case.code.feed) is None:
        for name, value in case.inputs.items():
            device.write(arena + program.buffer_of(name).offset, value.tobytes())
        status, _ = device.call(case.code.invoke, [arena])
    else:
        ((name, value),) = case.inputs.items()
        offset, data = program.buffer_of(name).offset, value.tobytes()
        device.call(feed.begin, [arena])
        for row in range(feed.rows):
            place = arena + offset + row % feed.slots * feed.row_bytes
            device.write(place, data[row * feed.row_bytes : (row + 1) * feed.row_bytes])
            status, _ = device.call(case.code.invoke, [arena])
    memory = device.read(start, size)
    if status != 0:
        problem = f"{case.code.invoke} returned {status}"
    elif {*memory[:GUARD], *memory[GUARD + program.arena_bytes :]} != {FILL}:
        problem = f"it wrote outside the {program.arena_bytes} bytes of its arena"
    outputs: dict[str, Array] = {}
    for name in program.graph.outputs:
        tensor, offset = program.graph.tensors[name], GUARD + program.buffer_of(name).offset
        data = memory[offset : offset + tensor.bytes]
        outputs[name] = np.frombuffer(data, tensor.dtype.numpy).reshape(tensor.shape)
    return outputs, problem


def first_problem(machine: Machine, networks: Sequence[Case]) -> str:
    """What the first of the networks that misbehaves on the machine does, "" where all do what the reference does."""
    with tempfile.TemporaryDirectory() as folder:
        device = load(machine, networks, Path(folder))
        for case in networks:
            outputs, problem = run(device, case)
            for name, expected in case.expected.items():
                if not problem and not np.array_equal(outputs[name], expected, equal_nan=expected.dtype.kind == "f"):
                    problem = f"{np.count_nonzero(outputs[name] != expected)} elements of {name!r} differ"
            if problem:
                operators = ", ".join(node.op.kind for node in case.program.graph.nodes)
                return f"random network {case.seed} ({operators}): {problem}"
    return ""


def _symbols(case: Case) -> list[str]:
    return [case.code.invoke, *([case.code.feed.begin] if case.code.feed else [])]
