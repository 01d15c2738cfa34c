"""Rings: in which order the rows of consecutive nodes are computed, and how many rows of each tensor that keeps alive.

The order is eager: a row arrives, then whatever can run runs, the deepest node first, so that rows are read as soon as
they are all there. Nodes further down never change the order of those before them: one simulation of a run of nodes
therefore serves every segment that starts where it does.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.program.program import ARRIVAL
from tinyml_core.program.rows import calls, needed_rows, reduces_rows, row_count


@dataclass(frozen=True)
class Reading:
    """What the calls of a node read of one tensor."""

    tensor: str
    until: tuple[int, ...]
    """For each call, how many rows must be there."""
    oldest: tuple[int, ...]
    """For each call, and after the last one, the first row that it or a later call reads; all rows when none does."""


@dataclass(frozen=True)
class Flow:
    """The simulated run of nodes ``first`` to ``last`` inclusive."""

    first: int
    last: int
    source: str
    events: tuple[int, ...]
    """ARRIVAL, or the number of the node that is called next."""
    rows: Mapping[str, int]
    """Rows of each tensor alive at once; of no use for a tensor that nodes after ``last`` read too."""

    def order(self, last: int) -> tuple[int, ...]:
        """The order of the segment from ``first`` to ``last``; steps count from ``first``."""
        return tuple(event if event == ARRIVAL else event - self.first for event in self.events if event <= last)


def readings(node: Node, graph: Graph) -> tuple[Reading, ...]:
    """What a node that runs by rows reads of its variable inputs."""
    found = []
    for index, name in enumerate(node.inputs):
        tensor = graph.tensors[name]
        if tensor.data is not None:
            continue
        needed = [needed_rows(node, graph, index, call) for call in range(calls(node, graph))]
        oldest = [row_count(tensor)]
        for rows in reversed(needed):
            oldest.append(min(oldest[-1], rows.start) if rows else oldest[-1])
        found.append(Reading(name, tuple(rows.stop if rows else 0 for rows in needed), tuple(reversed(oldest))))
    return tuple(found)


def simulate(graph: Graph, read: Sequence[tuple[Reading, ...]], first: int, last: int) -> Flow:
    """Run nodes ``first`` to ``last`` by rows; ``read`` holds the readings of every node of the graph.

    The source is the tallest tensor that the first node reads. Other tensors from outside lie in the arena as a whole;
    their rows count as arriving at the source's pace, because a branch that ran ahead would only fill its rings.
    """
    return _Simulation(graph, read, first, last).run()


class _Simulation:
    def __init__(self, graph: Graph, read: Sequence[tuple[Reading, ...]], first: int, last: int) -> None:
        self.first, self.last = first, last
        self.nodes = range(first, last + 1)
        self.read = read
        self.calls = {i: calls(graph.nodes[i], graph) for i in self.nodes}
        self.done = dict.fromkeys(self.nodes, 0)
        self.outputs = {i: graph.nodes[i].outputs for i in self.nodes}
        self.reduces = {i for i in self.nodes if reduces_rows(graph.nodes[i], graph)}
        self.readers: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
        for i in self.nodes:
            for reading in read[i]:
                self.readers.setdefault(reading.tensor, []).append((i, reading.oldest))
        inside = {name for i in self.nodes for name in self.outputs[i]}
        self.height = {name: row_count(graph.tensors[name]) for name in (*self.readers, *inside)}
        self.outside = [name for name in self.readers if name not in inside]
        self.source = max((each.tensor for each in read[first]), key=lambda name: self.height[name])
        self.there = dict.fromkeys(self.height, 0)
        self.rows = dict.fromkeys(self.height, 1)
        self.events: list[int] = []
        self.runnable: list[int] = []  # a heap of node numbers, negated: the deepest first; some may have to wait

    def run(self) -> Flow:
        rows = self.height[self.source]
        for arrival in range(rows):
            self.events.append(ARRIVAL)
            for name in self.outside:
                self._produce(name, -(-(arrival + 1) * self.height[name] // rows))
            while self.runnable:
                number = -self.runnable[0]
                if self._waits(number):
                    heapq.heappop(self.runnable)
                else:
                    self._call(number)
        assert self.done == self.calls, "a row that is needed was never there"
        return Flow(self.first, self.last, self.source, tuple(self.events), self.rows)

    def _waits(self, number: int) -> bool:
        call = self.done[number]
        return call == self.calls[number] or any(
            self.there[reading.tensor] < reading.until[call] for reading in self.read[number]
        )

    def _call(self, number: int) -> None:
        self.events.append(number)
        self.done[number] += 1
        if number in self.reduces and self.done[number] < self.calls[number]:
            return
        for name in self.outputs[number]:
            self._produce(name, self.there[name] + 1)

    def _produce(self, name: str, until: int) -> None:
        """Rows of ``name`` up to ``until`` are there."""
        self.there[name] = until
        readers = self.readers.get(name, ())
        oldest = min((oldest[self.done[reader]] for reader, oldest in readers), default=until)
        self.rows[name] = max(self.rows[name], until - oldest)
        for reader, _ in readers:
            heapq.heappush(self.runnable, -reader)
