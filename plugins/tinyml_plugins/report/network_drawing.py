"""The network drawn: one row for each node, downwards in execution order, with an edge for each tensor that is read.

Edges between neighbours are straight; those that skip nodes run in lanes at the left, the fewest that keep apart edges
that pass each other. A block is as wide as its output is large, on a scale of square roots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyml_plugins.report.text import count, printable, shape

ROW, LANE, BLOCK, TEXT = 30, 9, 74, 300
"""Pixels of a row, of a lane, of the widest block and of the text beside it."""
MOST_NODES = 400
"""Nodes drawn on a page."""
FAMILIES = {
    "conv2d": "conv", "transpose_conv2d": "conv", "depthwise_conv2d": "depthwise", "fully_connected": "dense",
    "mat_mul": "dense", "average_pool2d": "pool", "max_pool2d": "pool", "mean": "pool", "reduce": "pool",
    "lstm": "dense", "gru": "dense", "rnn": "dense",
}  # fmt: skip
"""Operator -> what its colour says; all others are ``other``."""
LEGEND = {
    "input": "input", "conv": "convolution", "depthwise": "depthwise", "dense": "dense or recurrent",
    "pool": "pooling", "other": "other",
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A node; ``y`` is its middle."""

    x: float
    y: float
    width: float
    family: str
    name: str
    note: str
    text: str


@dataclass(frozen=True)
class Drawing:
    """Blocks and the paths of edges; ``hidden`` nodes are not drawn."""

    width: int
    height: int
    spine: float
    blocks: tuple[Block, ...]
    edges: tuple[str, ...]
    families: Mapping[str, str]
    hidden: int


def draw_network(build: Mapping[str, Any], share: float = 1.0) -> Drawing | None:
    """The drawing of ``nodes`` and ``inputs`` of a build; None where it has none.

    ``share`` of the page is for this build.
    """
    nodes = build.get("nodes") or []
    if not nodes:
        return None
    shown = nodes[: int(MOST_NODES * share)]
    skips: dict[int, list[int]] = {}
    for number, node in enumerate(shown):
        for read in node["reads"]:
            if number - read > 1:
                skips.setdefault(read, []).append(number)
    lanes = _lanes(skips)
    spine = LANE * (max(lanes.values(), default=-1) + 2) + BLOCK / 2
    greatest = max(max(node["bytes"] for node in shown), 1)
    blocks = [_input(build["inputs"], spine)]
    for number, node in enumerate(shown):
        width = max(12.0, BLOCK * (node["bytes"] / greatest) ** 0.5)
        name, operator = printable(node["name"], 44), printable(node["operator"])
        text = f"{printable(node['name'])}: {operator}, {node['type']} {shape(node['shape'])}, {count(node['bytes'])} B"
        blocks.append(
            Block(
                round(spine - width / 2, 1), _middle(number), round(width, 1), FAMILIES.get(node["kind"], "other"),
                name, f"{operator} · {shape(node['shape'])}", text,
            )
        )  # fmt: skip
    edges = [
        _edge(spine, read, number) for number, node in enumerate(shown) for read in node["reads"] if number - read == 1
    ]
    edges += [_skip(spine, lane, first, skips[first]) for first, lane in lanes.items()]
    used = {block.family for block in blocks}
    return Drawing(
        width=round(spine + BLOCK / 2 + TEXT), height=ROW * (len(blocks)) + 8, spine=spine, blocks=tuple(blocks),
        edges=tuple(edges), families={key: text for key, text in LEGEND.items() if key in used},
        hidden=len(nodes) - len(shown),
    )  # fmt: skip


def _input(inputs: Sequence[Mapping[str, Any]], spine: float) -> Block:
    shapes = ", ".join(f"{each['type']} {shape(each['shape'])}" for each in inputs[:4])
    names = ", ".join(printable(each["name"], 40) for each in inputs[:4])
    return Block(spine - BLOCK / 2, _middle(-1), BLOCK, "input", names, f"input · {shapes}", f"input {names}: {shapes}")


def _middle(number: int) -> float:
    return ROW * (number + 1.5) + 4


def _edge(spine: float, first: int, last: int) -> str:
    return f"M{spine} {_middle(first) + 8}V{_middle(last) - 8}"


def _skip(spine: float, lane: int, first: int, readers: Sequence[int]) -> str:
    """From a node out to its lane, down to the last reader and in to each."""
    x, top, bottom = spine - BLOCK / 2 - LANE * (lane + 1), _middle(first), _middle(readers[-1])
    path = f"M{spine} {top}H{x + 6}Q{x} {top} {x} {top + 6}V{bottom - 6}Q{x} {bottom} {x + 6} {bottom}H{spine}"
    return path + "".join(f"M{x} {_middle(reader)}H{spine}" for reader in readers[:-1])


def _lanes(skips: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """A lane for each node whose output skips others, short ways nearest; those in one lane do not overlap."""
    taken: list[list[tuple[int, int]]] = []
    found = {}
    for first, readers in sorted(skips.items(), key=lambda skip: (skip[1][-1] - skip[0], skip[0])):
        last = readers[-1]
        lane = next(
            (index for index, others in enumerate(taken) if all(last <= a or b <= first for a, b in others)), len(taken)
        )
        if lane == len(taken):
            taken.append([])
        taken[lane].append((first, last))
        found[first] = lane
    return found
