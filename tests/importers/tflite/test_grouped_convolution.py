"""CONV_2D whose filters see a part of the channels only, against TensorFlow Lite Micro."""

import numpy as np
import pytest

from tflite_models.authoring import INT8, Author, agrees
from tinyml_core.graph.operators import Concat, Conv2D, Split


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize(("groups", "depth", "filters"), [(2, 3, 8), (3, 2, 3), (4, 1, 8)])
@pytest.mark.parametrize("bias", [True, False])
def test_groups(groups, depth, filters, per_channel, bias, tmp_path):
    author, rng = Author(), np.random.default_rng(groups)
    scales = rng.uniform(0.002, 0.02, filters) if per_channel else np.full(filters, 0.01)
    weights = rng.integers(-127, 128, (filters, 3, 2, depth))
    operands = [author.input((1, 7, 6, groups * depth)), author.constant(weights, INT8, scale=scales)]
    operands.append(author.constant(rng.integers(-900, 900, filters), scale=scales * 0.5) if bias else -1)
    output = author.tensor((1, 4, 6, filters), name="output", scale=0.3, zero_point=3)
    author.operator(
        "CONV_2D", operands, [output], "Conv2DOptions", version=3, strideH=2, strideW=1, dilationHFactor=1,
        dilationWFactor=1, padding=0, fusedActivationFunction=1,
    )  # fmt: skip
    graph = agrees(author.outputs(output), tmp_path)
    assert [type(node.op) for node in graph.nodes] == [Split, *[Conv2D] * groups, Concat]
