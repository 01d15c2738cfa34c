"""Checks of passes: a rewriting keeps what a network computes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinyml_core.api.graph_pass import GraphPass
from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.serialise import digest
from tinyml_core.graph.verify import verify
from tinyml_core.testing.conformance.check import Check, require
from tinyml_core.testing.conformance.samples.networks import floating, residual
from tinyml_core.testing.conformance.subject import Subject
from tinyml_core.testing.random_graphs import choose_from, random_graph, random_inputs

ROUNDS = 20
"""Applications after which a pass has nothing left to do."""


def neighbours_exist(subject: Subject) -> None:
    """The passes that it comes after are installed, and it is none of them."""
    after = subject.make(GraphPass).after
    unknown = [name for name in after if name not in subject.platform.names(GraphPass)]
    require(not unknown, f"it comes after {', '.join(unknown)}, which no plugin brings")
    require(subject.component.name not in after, "it comes after itself")


def results_are_the_same(subject: Subject) -> None:
    """On random int8 networks outputs are the same to the bit, with the same names, shapes and types."""
    for seed in range(subject.graphs):
        choose = choose_from(np.random.default_rng(seed))
        graph = random_graph(choose)
        inputs = random_inputs(graph, choose)
        _compare(subject, graph, inputs, seed, exact=True)
    image = {"x": np.random.default_rng(0).normal(size=(1, 8, 8, 1)).astype(np.float32)}
    _compare(subject, floating(), image, "float", exact=False)


def graphs_given_are_left_alone(subject: Subject) -> None:
    """The graph it is given is the same afterwards, and it applies alike to equal graphs."""
    for graph in _some():
        before = digest(graph)
        first, second = (digest(subject.make(GraphPass).apply(graph)) for _ in range(2))
        require(digest(graph) == before, f"it changed the graph {graph.name!r} in place")
        require(first == second, "two applications to one graph differ")


def comes_to_an_end(subject: Subject) -> None:
    """Applied again and again it has soon nothing left to do, and then returns the very graph it was given."""
    for graph in _some():
        for _ in range(ROUNDS):
            rewritten = subject.make(GraphPass).apply(graph)
            if rewritten is graph:
                break
            graph = rewritten
        else:
            require(False, f"after {ROUNDS} rounds it still rewrites {graph.name!r}")


def _some() -> Iterator[Graph]:
    yield from (residual(), floating())
    for seed in range(4):
        yield random_graph(choose_from(np.random.default_rng(seed)))


def _compare(subject: Subject, graph: Graph, inputs: object, which: object, *, exact: bool) -> None:
    rewritten = verify(subject.make(GraphPass).apply(graph))
    require(rewritten.inputs == graph.inputs, f"network {which}: its inputs are {rewritten.inputs}")
    require(rewritten.outputs == graph.outputs, f"network {which}: its outputs are {rewritten.outputs}")
    expected, found = (execute(each, inputs) for each in (graph, rewritten))  # type: ignore[arg-type]
    for name, array in expected.items():
        types = (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
        require(types, f"network {which}: output {name!r} is {found[name].dtype} {found[name].shape}")
        same = (
            np.array_equal(found[name], array, equal_nan=array.dtype.kind == "f")
            if exact
            else np.allclose(found[name], array, rtol=1e-4, atol=1e-5)
        )
        require(same, f"network {which}: {np.count_nonzero(found[name] != array)} elements of {name!r} differ")


CHECKS = (
    Check(neighbours_exist),
    Check(results_are_the_same),
    Check(graphs_given_are_left_alone),
    Check(comes_to_an_end),
)
"""Those of a pass."""
