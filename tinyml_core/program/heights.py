"""Heights: the bytes alive while a step or a segment runs, whatever was chosen for the steps around it.

A step's height depends on the others only through which tensors share memory. Working in place needs an input that
nobody reads afterwards, so only aliases share memory that is read later, and an alias is taken wherever it is offered.
State is written where it was read from: what replaces an input is an alias of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.program.liveness import lifetimes
from tinyml_core.program.schedule import Schedule


class Heights:
    """Who shares memory with whom, and what is alive when."""

    def __init__(self, graph: Graph, offered: Sequence[Sequence[Schedule]]) -> None:
        self.graph = graph
        self.lifetimes = lifetimes(graph)
        self.alias: dict[str, str] = {name: name for name in graph.inputs}
        """The tensor whose bytes each variable tensor is: itself but for aliases."""
        self.before: list[tuple[str, ...]] = []
        """For each step, the tensors from before it that are still needed, in the order they were written."""
        alive, replaced = list(graph.inputs), {updated: name for name, updated in graph.state.items()}
        for number, (node, options) in enumerate(zip(graph.nodes, offered, strict=True)):
            alive = [name for name in alive if self.lifetimes[name].last >= number]
            self.before.append(tuple(alive))
            renames = any(schedule.alias for schedule in options)
            if renames and node.inputs[0] not in self.alias:
                raise UnsupportedError(
                    "only renames a constant",
                    place=f"node {node.name!r} ({node.op.kind})",
                    remedy="fold constants first",
                )
            for name in node.outputs:
                self.alias[name] = replaced.get(name) or (self.alias[node.inputs[0]] if renames else name)
            alive += node.outputs

    def replaces(self, number: int, schedule: Schedule) -> bool:
        """Whether a schedule may write where the step's outputs have to lie: over state it reads, only in place."""
        node = self.graph.nodes[number]
        places = {self.alias[name] for name in node.outputs} & self.graph.state.keys()
        read = [index for index, name in enumerate(node.inputs) if self.alias.get(name) in places]
        return schedule.alias or set(read) <= set(schedule.in_place)

    def outside(self, number: int, without: str | None = None) -> int:
        """Bytes of the tensors from before step ``number`` that are still needed, but for ``without``."""
        return sum(self._live(name for name in self.before[number] if name != without).values())

    def whole(self, number: int, schedule: Schedule) -> int:
        """Bytes alive while step ``number`` computes its whole output."""
        live = self._live(self.before[number])
        shared = self.shared(number, schedule)
        for name in self.graph.nodes[number].outputs:
            key = self.alias[shared] if shared else self.alias[name]
            live[key] = max(live.get(key, 0), self.graph.tensors[name].bytes)
        return sum(live.values()) + schedule.scratch

    def apart(self, number: int, schedule: Schedule) -> int:
        """Bytes alive while step ``number`` computes its whole output and does not work in place."""
        written = sum(self.graph.tensors[name].bytes for name in self.graph.nodes[number].outputs)
        return self.outside(number) + written + schedule.scratch

    def shared(self, number: int, schedule: Schedule) -> str | None:
        """The input whose offset the output takes over, if any."""
        node = self.graph.nodes[number]
        if schedule.alias:
            return node.inputs[0]
        for name in node.outputs:
            if self.alias[name] != name:
                return self.alias[name]
        for index in schedule.in_place:
            name = node.inputs[index]
            if name not in self.alias or node.inputs.count(name) > 1 or self.alias[name] in self.graph.state:
                continue
            members = [other for other in self.before[number] if self.alias[other] == self.alias[name]]
            if all(self.lifetimes[m].last <= number and m not in self.graph.outputs for m in members) and not any(
                member != name and member in node.inputs for member in members
            ):
                return name
        return None

    def stays(self, name: str, last: int) -> bool:
        """Whether a tensor is needed after step ``last``."""
        return name in self.graph.outputs or self.lifetimes[name].last > last

    def _live(self, names: Iterable[str]) -> dict[str, int]:
        live: dict[str, int] = {}
        for name in names:
            key = self.alias[name]
            live[key] = max(live.get(key, 0), self.graph.tensors[name].bytes)
        return live
