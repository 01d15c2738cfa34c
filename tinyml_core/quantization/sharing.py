"""Sharing: a tensor that only feeds a concatenation and its like gets their range, which saves a requantisation."""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_core.graph.graph import Graph
from tinyml_core.quantization.rules import INTERPOLATING, Scale, rule_of
from tinyml_core.quantization.scales import Range


def shared_ranges(graph: Graph, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """``ranges`` with those of operands that must share a scale replaced, through what only moves values.

    Clipping an operand at the limits of the result changes nothing there. Inputs and outputs of the network and
    tensors with other readers keep their own range.
    """
    chosen = dict(ranges)
    replaced: set[str] = set()
    for node in reversed(graph.nodes):
        rule, result = rule_of(node.op), node.outputs[0]
        if rule is Scale.SHARED:
            operands = node.inputs
        elif rule is Scale.SOURCE and result in replaced and not isinstance(node.op, INTERPOLATING):
            operands = node.inputs[:1] if len(node.outputs) == 1 else ()
        else:
            continue
        for name in operands:
            private = len(graph.consumers[name]) == 1 and name not in graph.inputs + graph.outputs
            if private and name in chosen and result in chosen:
                chosen[name] = chosen[result]
                replaced.add(name)
    return chosen
