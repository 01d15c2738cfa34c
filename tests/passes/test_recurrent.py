"""Recurrent layers go through every pass unharmed, and are refused by name where nothing is known about them."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import GraphError
from tinyml_core.graph import DType, GraphBuilder, Rounding
from tinyml_core.graph.operators import LSTM, FullyConnected, Reshape
from tinyml_core.graph.serialise import digest, load, save
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.platform import Platform
from tinyml_plugins.passes.intervals import intervals

GRAPHS = runpy.run_path(str(Path(__file__).parents[1] / "tinyengine" / "recurrent_graphs.py"))


def inputs_of(graph):
    rng = np.random.default_rng(0)
    values = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        if tensor.dtype is DType.FLOAT32:
            values[name] = rng.normal(size=tensor.shape).astype(np.float32)
        else:
            low, high = tensor.dtype.limits
            values[name] = rng.integers(low, high + 1, tensor.shape).astype(tensor.dtype.numpy)
    return values


@pytest.mark.parametrize("graph", GRAPHS["layers"](Rounding.TFLITE)[::7], ids=lambda graph: graph.name)
def test_passes_and_files_keep_the_result(graph, tmp_path):
    inputs = inputs_of(graph)
    expected = execute(graph, inputs)
    passed = apply_passes(graph, Platform())
    save(passed, tmp_path / "graph.tinyml")
    loaded = load(tmp_path / "graph.tinyml")
    assert digest(loaded) == digest(passed)
    for name, values in execute(loaded, inputs).items():
        np.testing.assert_array_equal(values, expected[name])


def test_a_state_may_be_any_integer():
    graph = GRAPHS["int8_lstm"](Rounding.SINGLE, np.random.default_rng(1), (1, 4, 3, 5), -11)
    known = intervals(graph)
    for name in graph.outputs[:2]:
        assert (known[name].low == -128).all()
        assert (known[name].high == 127).all()


def test_training_refuses_it_by_name():
    torch_graph = pytest.importorskip("tinyml_plugins.training.torch_graph", reason="torch is not installed")
    b = GraphBuilder("trained")
    x = b.input("x", (1, 4, 3), DType.FLOAT32)
    operands = [b.zeros(name, shape) for name, shape in (("w", (8, 3)), ("r", (8, 2)), ("b", (8,)))]
    sequence, *_ = b.node_outputs(LSTM(), [x, *operands], name="layer")
    flat = b.node(Reshape((1, 8)), [sequence])
    graph = b.build([b.node(FullyConnected(), [flat, b.zeros("d", (2, 8))])])
    with pytest.raises(GraphError, match=r"layer.*lstm.*cannot be trained"):
        torch_graph.TorchGraph(graph)
