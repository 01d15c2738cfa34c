"""Ordering: the nodes that matter, in an order that can be executed."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from tinyml_core.errors import InputError
from tinyml_plugins.importers.onnx.network import Node


def check_sources(inputs: Iterable[str], constants: Iterable[str], nodes: Iterable[Node]) -> None:
    """Raise InputError where a value has two sources."""
    known = set(constants)
    for name in inputs:
        if name in known:
            raise InputError("is there twice", place=f"input {name!r}")
        known.add(name)
    for node in nodes:
        for name in filter(None, node.outputs):
            if name in known:
                raise InputError(f"writes {name!r}, which has a value already", place=node.place)
            known.add(name)


def live_nodes(nodes: list[Node], outputs: Iterable[str]) -> list[Node]:
    """The nodes that the outputs depend on, in the order of the file."""
    producers = {name: index for index, node in enumerate(nodes) for name in node.outputs if name}
    live: set[int] = set()
    waiting = [producers[name] for name in outputs if name in producers]
    while waiting:
        index = waiting.pop()
        if index not in live:
            live.add(index)
            waiting += [producers[name] for name in nodes[index].inputs if name in producers]
    return [node for index, node in enumerate(nodes) if index in live]


def executable(nodes: list[Node], known: set[str], outputs: Iterable[str]) -> tuple[Node, ...]:
    """``nodes`` in an order that can be executed, that of the file where it can be."""
    producers = {name: index for index, node in enumerate(nodes) for name in node.outputs if name}
    readers: list[list[int]] = [[] for _ in nodes]
    missing = []
    for index, node in enumerate(nodes):
        names = {name for name in node.inputs if name and name not in known}
        for name in sorted(names):
            if name not in producers:
                raise InputError(f"reads {name!r}, which does not exist", place=node.place)
            readers[producers[name]].append(index)
        missing.append(len(names))
    for name in outputs:
        if name not in known and name not in producers:
            raise InputError("is never computed", place=f"output {name!r}")
    ready = [index for index, count in enumerate(missing) if count == 0]
    order = []
    while ready:
        index = heapq.heappop(ready)
        order.append(nodes[index])
        for reader in readers[index]:
            missing[reader] -= 1
            if missing[reader] == 0:
                heapq.heappush(ready, reader)
    if len(order) < len(nodes):
        stuck = next(node for node, count in zip(nodes, missing, strict=True) if count)
        raise InputError("waits for its own result", place=stuck.place)
    return tuple(order)
