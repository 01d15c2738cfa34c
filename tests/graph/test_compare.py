"""identical() sees every difference."""

from dataclasses import replace

import numpy as np
import pytest

from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.compare import identical
from tinyml_core.graph.operators import RELU, FullyConnected


def network() -> Graph:
    b = GraphBuilder("net", Rounding.TFLITE)
    x = b.input("x", (1, 2), DType.INT8, Quantization.per_tensor(0.1, 1))
    w = b.constant("w", np.array([[1, 2]], np.int8), Quantization.per_tensor(0.1))
    return b.build([b.node(FullyConnected(), [x, w], name="y", quantization=Quantization.per_tensor(0.2))])


def with_tensor(graph, name, **changes):
    return replace(graph, tensors={**graph.tensors, name: replace(graph.tensors[name], **changes)})


def test_equal_graphs():
    assert identical(network(), network())
    backwards = replace(network(), tensors=dict(reversed(network().tensors.items())))
    assert identical(network(), backwards)


@pytest.mark.parametrize(
    "change",
    [
        lambda g: replace(g, name="other"),
        lambda g: replace(g, rounding=Rounding.SINGLE),
        lambda g: replace(g, outputs=("x",)),
        lambda g: replace(g, nodes=(replace(g.nodes[0], op=FullyConnected(RELU)),)),
        lambda g: with_tensor(g, "y", quantization=Quantization.per_tensor(0.3)),
        lambda g: with_tensor(g, "w", data=np.array([[1, 3]], np.int8)),
        lambda g: with_tensor(g, "w", data=None),
        lambda g: replace(g, tensors={name: t for name, t in g.tensors.items() if name != "w"}),
    ],
)
def test_each_difference_shows(change):
    assert not identical(network(), change(network()))
    assert not identical(change(network()), network())


def test_constants_compare_by_bits():
    def constant(value):
        b = GraphBuilder("c")
        return b.build([b.constant("c", np.array([value], np.float32))])

    assert identical(constant(np.nan), constant(np.nan))
    assert not identical(constant(0.0), constant(-0.0))
