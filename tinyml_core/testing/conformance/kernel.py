"""Checks of kernels that a vendor adds to a generator: what the generator and the planner ask of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyml_core.api.generator import CodeGenerator, ExtensibleGenerator, GeneratedCode, Kernel, StepInterface
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.program import Program
from tinyml_core.program.schedule import Schedule
from tinyml_core.testing.conformance.check import Check, NotApplicable, require
from tinyml_core.testing.conformance.code_generator import schedule_problem
from tinyml_core.testing.conformance.samples.generated import cases, first_problem
from tinyml_core.testing.conformance.samples.machine import machine_for, profiles
from tinyml_core.testing.conformance.subject import Subject
from tinyml_core.testing.random_graphs import choose_from, random_graph
from tinyml_core.testing.random_nodes import MAKERS

TRIES = 12
"""Random nodes of each operator, of which a kernel may suit some only."""


@dataclass(frozen=True)
class Preferring:
    """A generator that takes the kernel ``name`` wherever it is offered, and its own kernels elsewhere."""

    generator: CodeGenerator
    name: str

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """The kernel's schedules, or all where it has none."""
        offered = self.generator.candidates(node, graph, profile)
        return [schedule for schedule in offered if schedule.kernel == self.name] or offered

    def generate(self, program: Program, prefix: str, step: StepInterface | None = None) -> GeneratedCode:
        """As the generator does."""
        return self.generator.generate(program, prefix, step)


def its_generator_takes_kernels(subject: Subject) -> None:
    """It is for a code generator that an installed plugin brings, and that takes kernels."""
    name, known = subject.make(Kernel).generator, subject.platform.names(CodeGenerator)
    require(name in known, f"it is for {name!r}; installed are {', '.join(known) or 'none'}")
    generator = subject.platform.create(CodeGenerator, name)
    require(isinstance(generator, ExtensibleGenerator), f"generator {name!r} takes no kernels")


def offers_what_it_can(subject: Subject) -> None:
    """It offers well-formed schedules of its own name for some random nodes, and nothing for the others."""
    kernel, offered = subject.make(Kernel), 0
    for operator in MAKERS:
        for graph in _trials(operator):
            for profile in profiles(subject):
                for node in graph.nodes:
                    for schedule in kernel.candidates(node, graph, profile):
                        problem = schedule_problem(schedule, len(node.inputs))
                        require(not problem, f"node {node.name!r} ({node.op.kind}): {problem}")
                        own = schedule.kernel == subject.component.name and not schedule.rows
                        require(own, f"a schedule is by row, or of the kernel {schedule.kernel!r}")
                        offered += 1
    require(offered, "it suits no random node on any installed target")


def equals_the_reference_in_its_generator(subject: Subject) -> None:
    """Random networks with it wherever it fits compute the reference's bytes, and leave all but their arena alone."""
    kernel = subject.make(Kernel)
    if kernel.generator not in subject.platform.names(CodeGenerator):
        raise NotApplicable(f"its generator {kernel.generator!r} is not installed")
    generator = subject.platform.create(CodeGenerator, kernel.generator)
    if not isinstance(generator, ExtensibleGenerator):
        raise NotApplicable(f"its generator {kernel.generator!r} takes no kernels")
    name = subject.component.name
    machine = machine_for(subject, lambda profile: bool(_operators(kernel, profile)))
    extended = Preferring(generator.with_kernels({name: kernel}), name)
    networks = cases(extended, machine.profile, subject.graphs, _operators(kernel, machine.profile))
    used = sum(step.schedule.kernel == name for case in networks for step in case.program.steps)
    require(used, f"no plan of {len(networks)} random networks uses it")
    problem = first_problem(machine, networks)
    require(not problem, problem)


def _operators(kernel: Kernel, profile: HardwareProfile) -> list[type[Operator]]:
    """The operators of random graphs that it suits on ``profile``."""
    return [
        operator
        for operator in MAKERS
        if any(kernel.candidates(node, graph, profile) for graph in _trials(operator) for node in graph.nodes)
    ]


def _trials(operator: type[Operator]) -> list[Graph]:
    seeds = [choose_from(np.random.default_rng(seed)) for seed in range(TRIES)]
    return [random_graph(choose, nodes=(1,), operators=(operator,)) for choose in seeds]


CHECKS = (
    Check(its_generator_takes_kernels),
    Check(offers_what_it_can),
    Check(equals_the_reference_in_its_generator, slow=True),
)
"""Those of a kernel."""
