"""Checks of code generators: what they offer the planner, and what their C does on a machine."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization, Tensor, TensorType
from tinyml_core.graph.operator import Operator
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_core.testing.conformance.check import Check, NotApplicable, Violation, refusal, require
from tinyml_core.testing.conformance.samples.generated import Case, cases, first_problem, known_operators
from tinyml_core.testing.conformance.samples.machine import Machine, machine_for, profiles, written
from tinyml_core.testing.conformance.subject import Subject

FEW = 4
"""Networks for checks that compile nothing."""
STRICT = "warnings_as_errors"
"""The option by which a toolchain refuses sources that give a warning."""


@dataclass(frozen=True)
class Enigma(Operator):
    """An operator that no generator can know."""

    kind: ClassVar[str] = "enigma"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """As the input."""
        return (TensorType(inputs[0].shape, inputs[0].dtype),)


def schedules_are_well_formed(subject: Subject) -> None:
    """Every way it offers has a name, finite cycles, bytes not below 0, and works in place of its inputs only."""
    generator, profile = subject.make(CodeGenerator), _profile(subject)
    for case in _few(subject):
        graph = case.program.graph
        for node in graph.nodes:
            offered = generator.candidates(node, graph, profile)
            require(offered, f"it offers nothing for node {node.name!r} ({node.op.kind})")
            for schedule in offered:
                problem = schedule_problem(schedule, len(node.inputs))
                require(not problem, f"node {node.name!r} ({node.op.kind}), kernel {schedule.kernel!r}: {problem}")


def refuses_an_operator_it_has_no_kernel_for(subject: Subject) -> None:
    """It refuses an operator that it cannot know by UnsupportedError, and names the node."""
    graph = _enigmatic()
    (node,) = graph.nodes
    generator, profile = subject.make(CodeGenerator), _profile(subject)
    error = refusal(lambda: generator.candidates(node, graph, profile), "an unknown operator")
    require(isinstance(error, UnsupportedError), f"it raised {type(error).__name__}: {error}")
    require(node.name in str(error), f"{str(error)!r} does not name the node")


def files_are_plain(subject: Subject) -> None:
    """Files are ASCII text under names without folders, and those that two networks share are equal."""
    shared: dict[str, str] = {}
    for number, case in enumerate(_few(subject)):
        code, files = case.code, case.code.files
        odd = [name for name in files if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or not files[name].isascii()]
        require(not odd, f"{', '.join(map(repr, odd))} has another name or text")
        absent = [name for name in (*code.library, code.example) if name not in files]
        require(not absent, f"{', '.join(absent)} is named but not written")
        steps = len(case.program.steps)
        require(len(code.layers) == steps, f"{len(code.layers)} layers are told of a program of {steps} steps")
        require(code.invoke.startswith(f"n{number}"), f"{code.invoke!r} does not begin with the prefix 'n{number}'")
        for name, text in files.items() - {(code.example, files[code.example])}:
            require(shared.setdefault(name, text) == text, f"{name} differs between networks of two prefixes")


def compiles_without_a_warning(subject: Subject) -> None:
    """Its library and its example compile and link with warnings as errors."""
    machine = _strict(subject, _machine(subject))
    for case in cases(subject.make(CodeGenerator), machine.profile, min(FEW, subject.graphs)):
        with tempfile.TemporaryDirectory() as name:
            folder, files = Path(name), dict(case.code.files)
            written(files, folder)
            sources = [folder / source for source in (*case.code.library, case.code.example)]
            region, binary = case.program.region, folder / "network.elf"
            machine.toolchain.build(sources, binary, machine.profile, region=region, stack=2048)


def equals_the_reference_within_its_plan(subject: Subject) -> None:
    """Random networks compute the reference executor's bytes on the machine, and leave all but their arena alone."""
    machine = _machine(subject)
    networks = cases(subject.make(CodeGenerator), machine.profile, subject.graphs)
    require(len(networks) == subject.graphs, f"it has kernels for {len(networks)} networks only")
    problem = first_problem(machine, networks)
    require(not problem, problem)


def answer(subject: Subject) -> object:
    """The files of some networks."""
    return [dict(case.code.files) for case in _few(subject)]


def _few(subject: Subject) -> list[Case]:
    return cases(subject.make(CodeGenerator), _profile(subject), min(FEW, subject.graphs))


def _profile(subject: Subject) -> HardwareProfile:
    """The first profile that it has any kernel for."""
    for profile in profiles(subject):
        if _knows(subject, profile):
            return profile
    raise Violation("it has no kernel for any operator on any installed target")


def _knows(subject: Subject, profile: HardwareProfile) -> bool:
    return any(True for _ in known_operators(subject.make(CodeGenerator), profile))


def _machine(subject: Subject) -> Machine:
    _profile(subject)
    return machine_for(subject, lambda profile: _knows(subject, profile))


def _strict(subject: Subject, machine: Machine) -> Machine:
    """The machine with a compiler that refuses what gives a warning."""
    for name in subject.platform.names(Toolchain):
        declared = subject.platform.registry.find("toolchain", name).options()
        made = type(machine.toolchain) is declared
        if made and STRICT in getattr(declared, "__dataclass_fields__", {}):
            toolchain = subject.platform.create(Toolchain, name, {STRICT: True})
            return Machine(machine.profile, toolchain, machine.runner)
    raise NotApplicable(f"{type(machine.toolchain).__name__} has no option {STRICT}")


def _enigmatic() -> Graph:
    builder = GraphBuilder("enigmatic")
    quantization = Quantization.per_tensor(0.05)
    x = builder.input("x", (1, 4), DType.INT8, quantization)
    return builder.build([builder.node(Enigma(), [x], name="riddle", quantization=quantization)])


def schedule_problem(schedule: Schedule, inputs: int) -> str:
    """What is wrong with a schedule, "" for nothing."""
    if not schedule.kernel.strip():
        return "it has no name"
    if not (math.isfinite(schedule.cycles) and schedule.cycles >= 0):
        return f"it takes {schedule.cycles} cycles"
    for name in ("scratch", "flash", "state"):
        if getattr(schedule, name) < 0:
            return f"{name} is {getattr(schedule, name)} bytes"
    if schedule.alignment < 1 or schedule.alignment & (schedule.alignment - 1):
        return f"the alignment is {schedule.alignment}, no power of two"
    if any(not 0 <= index < inputs for index in schedule.in_place):
        return f"it works in place of inputs {schedule.in_place}, of which there are {inputs}"
    return ""


CHECKS = (
    Check(schedules_are_well_formed),
    Check(refuses_an_operator_it_has_no_kernel_for),
    Check(files_are_plain),
    Check(compiles_without_a_warning, slow=True),
    Check(equals_the_reference_within_its_plan, slow=True),
)
"""Those of a code generator."""
