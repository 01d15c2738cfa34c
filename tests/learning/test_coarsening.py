"""Filters whose biases lie beyond the reach of variables: a learning network computes what it computed before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Conv2D, DepthwiseConv2D
from tinyml_core.platform import Platform
from tinyml_core.testing.descent import Descent, everything
from tinyml_core.training import build_step

MODEL = Path(__file__).resolve().parents[3] / "shared" / "models" / "mcunet_5fps.qdq.onnx"
DEAD = 3.9e-9
ENDS = (2**31 - 2**22, -(2**31) + 2**22, 2**29, 3 * 2**28, 0)
"""Biases; those at the very ends of int32 would wrap round, as the arithmetic says, and none leads to a tie."""


def _same_forward(graph, sample):
    step = build_step(graph, everything(graph), Descent())
    names = [name for node in graph.nodes for name in node.outputs if name != "logits"]  # the step has its own
    variables = {each.name: each.initial for each in step.variables}
    given = {step.graph.inputs[0]: sample, **variables}
    found = execute(step.evaluation, {name: given[name] for name in step.evaluation.inputs}, keep=names)
    expected = execute(graph, {graph.inputs[0]: sample}, keep=names)
    return [name for name in names if not np.array_equal(expected[name], found[name])]


@pytest.mark.parametrize("depthwise", [False, True])
def test_dead_filters_keep_their_values(depthwise):
    rng = np.random.default_rng(3)
    b = GraphBuilder("dead")
    x = b.input("x", (1, 5, 5, len(ENDS)), DType.INT8, Quantization.per_tensor(0.03, -5))
    shape = (1, 3, 3, len(ENDS)) if depthwise else (len(ENDS), 3, 3, len(ENDS))
    scales = Quantization.per_channel([DEAD] * 4 + [0.01], 3 if depthwise else 0)
    w = b.constant("w", rng.integers(-128, 128, shape).astype(np.int8), scales)
    bias = b.constant("b", np.array(ENDS, np.int32), Quantization.per_channel(np.multiply(scales.scale, 0.03), 0))
    op = DepthwiseConv2D(padding=(1, 1, 1, 1)) if depthwise else Conv2D(padding=(1, 1, 1, 1))
    graph = b.build([b.node(op, [x, w, bias], quantization=Quantization.per_tensor(0.01, -100))])
    assert not _same_forward(graph, rng.integers(-128, 128, (1, 5, 5, len(ENDS))).astype(np.int8))


@pytest.mark.slow
def test_a_real_network_computes_what_it_did():
    if not MODEL.exists():
        pytest.skip("needs the shared models")
    graph = Platform().load(MODEL)
    shape = graph.tensors[graph.inputs[0]].shape
    assert not _same_forward(graph, np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8))
