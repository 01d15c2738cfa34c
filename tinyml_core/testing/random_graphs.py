"""Random int8 graphs: valid ones over every operator, edge cases first among equals.

All randomness comes from one function that picks one of several options, so that Hypothesis can drive it and shrink
what it finds (simple options stand first), and so can a seeded generator::

    random_graph(choose_from(np.random.default_rng(7)))
    random_graph(lambda options: data.draw(st.sampled_from(options)))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from tinyml_core.graph import DType, Graph, GraphBuilder, Rounding
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import IDENTITY, RELU, RELU6, Activation, Dequantize, Quantize
from tinyml_core.graph.verify import verify
from tinyml_core.testing.author import Author, pick_quantization
from tinyml_core.testing.random_nodes import MAKERS

T = TypeVar("T")

ACTIVATIONS: tuple[Activation, ...] = (IDENTITY, RELU, RELU6, (-1.0, 1.0), (0.5, 2.0))


class Choose(Protocol):
    """Picks one of the options, of which there is at least one."""

    def __call__(self, options: Sequence[T], /) -> T:
        """One of ``options``."""
        ...


def choose_from(rng: np.random.Generator) -> Choose:
    """A :class:`Choose` that draws evenly from ``rng``."""

    def choose(options: Sequence[T], /) -> T:
        return options[int(rng.integers(len(options)))]

    return choose


def random_graph(
    choose: Choose,
    *,
    nodes: Sequence[int] = range(1, 9),
    operators: Sequence[type[Operator]] = tuple(MAKERS),
    activations: Sequence[Activation] = ACTIVATIONS,
    roundings: Sequence[Rounding] = tuple(Rounding),
    crossings: bool = False,
) -> Graph:
    """A verified graph with batch size 1 and one input; every value that no node reads is an output.

    Args:
        choose: the only source of randomness.
        nodes: numbers of nodes to pick from; a flattening before a dense layer comes on top.
        operators: to pick from.
        activations: fused ones and clamps, to pick from.
        roundings: to pick from.
        crossings: take a float input through a quantize node, and end one output in a dequantize node.
    """
    builder = GraphBuilder("random", choose(roundings))
    shape = (1, choose(range(1, 10)), choose(range(1, 10)), choose(range(1, 18)))
    quantization = pick_quantization(choose)
    if crossings:
        source = builder.input("image", shape, DType.FLOAT32)
        source = builder.node(Quantize(), [source], quantization=quantization)
    else:
        source = builder.input("image", shape, DType.INT8, quantization)
    author = Author(builder, choose, np.random.default_rng(choose(range(1 << 16))), tuple(activations), [source])
    ends: list[str] = []
    for _ in range(choose(nodes)):
        image = choose(author.values[-1:] + author.values[-3:-1])
        suitable = [op for op in operators if MAKERS[op].suits(builder.tensor(image))]
        if suitable:
            made = MAKERS[choose(suitable)].make(author, image)
            (author.values if builder.tensor(made).dtype is DType.INT8 else ends).append(made)
    read = {name for node in builder.build([]).nodes for name in node.inputs}
    outputs = [name for name in author.values if name not in read] or author.values[-1:]
    outputs += ends
    if crossings:
        outputs[0] = builder.node(Dequantize(), outputs[:1])
    return verify(builder.build(outputs))


def random_inputs(graph: Graph, choose: Choose) -> dict[str, npt.NDArray[np.generic]]:
    """One array per input of ``graph``: all least, all greatest, both in turn, or anything."""
    return {name: _random_array(graph, name, choose) for name in graph.inputs}


def _random_array(graph: Graph, name: str, choose: Choose) -> npt.NDArray[np.generic]:
    tensor = graph.tensors[name]
    rng = np.random.default_rng(choose(range(1 << 16)))
    if tensor.dtype is DType.FLOAT32:
        return rng.normal(0, choose([1.0, 0.0, 1e-3, 1e6]), tensor.shape).astype(np.float32)
    low, high = tensor.dtype.limits
    options = choose([(low, high)] * 4 + [(low, low), (high, high), (0, 0)])
    if choose([False, False, True]):
        return rng.choice(np.array(options), tensor.shape).astype(tensor.dtype.numpy)
    return rng.integers(options[0], options[1], tensor.shape, endpoint=True).astype(tensor.dtype.numpy)
