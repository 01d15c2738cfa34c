"""Kernels of training steps: their headers come only where they are needed, memory is reused, special floats count."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import (
    Add,
    Conv2DInputGradient,
    DepthwiseInputGradient,
    MaskedScale,
    SaturatingSubtract,
    SaturationMask,
    StochasticRound,
)

UNIT = Quantization.per_tensor(1.0)
INT8, INT32, FLOAT32 = DType.INT8, DType.INT32, DType.FLOAT32
GRADIENT = ((1, 4, 5, 3), FLOAT32)
MASK = ((8,), DType.UINT8)


def _graph(op, *inputs):
    b = GraphBuilder("step", Rounding.SINGLE)
    names = [
        b.input(f"x{i}", shape, dtype, UNIT if dtype.size == 1 else None) for i, (shape, dtype) in enumerate(inputs)
    ]
    one_byte = op.infer([b.tensor(name) for name in names])[0].dtype.size == 1
    return b.build([b.node(op, names, quantization=UNIT if one_byte else None)])


def _depthwise(stride=1):
    size = {"height": 4 * stride, "width": 5 * stride}
    return DepthwiseInputGradient((stride, stride), (1, 1, 1, 1), **size), GRADIENT, ((1, 3, 3, 3), INT8)


@pytest.mark.parametrize(
    ("operands", "headers"),
    [
        ((Add(), ((4,), FLOAT32), ((4,), FLOAT32)), set()),
        ((SaturationMask(), ((9,), INT8)), {"tinyml_gradients.h"}),
        ((StochasticRound(), GRADIENT, ((1,), INT32)), {"tinyml_updates.h"}),
    ],
)
def test_headers_come_with_their_operators(operands, headers, make_network):
    code = make_network(_graph(*operands)).code
    for header in ("tinyml_gradients.h", "tinyml_updates.h"):
        assert (header in code.files) == (header in headers)
        assert (f'#include "{header}"' in code.files["net.c"]) == (header in headers)


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7"])
def test_chained_products_only_where_they_are_no_slower(core, make_network):
    source = make_network(_graph(*_depthwise()), core=core).code.files["net.c"]
    assert ("#define TINYML_VMLA" in source) == (core == "cortex-m7")


@pytest.mark.parametrize(
    "operands",
    [
        (SaturationMask(), ((60,), INT8)),
        (MaskedScale(), GRADIENT, MASK, ((3,), FLOAT32)),
        _depthwise(),
        _depthwise(stride=2),
        (StochasticRound(), GRADIENT, ((1,), INT32)),
        (SaturatingSubtract(), ((9,), INT8), ((9,), INT32)),
        (SaturatingSubtract(), ((9,), INT32), ((9,), INT32)),
    ],
    ids=lambda operands: operands[0].kind,
)
def test_the_output_takes_the_place_of_an_input(operands, make_network):
    network = make_network(_graph(*operands))
    (output,) = network.graph.outputs
    places = {network.program.buffer_of(name).offset for name in network.graph.inputs}
    assert network.program.buffer_of(output).offset in places


@pytest.mark.parametrize(
    "operands",
    [
        _depthwise(),
        _depthwise(stride=2),
        (Conv2DInputGradient(height=4, width=5), GRADIENT, ((3, 1, 1, 6), INT8)),
        (Conv2DInputGradient((1, 1), (1, 1, 1, 1), height=4, width=5), GRADIENT, ((3, 3, 3, 2), INT8)),
        (MaskedScale(), GRADIENT, MASK, ((3,), FLOAT32)),
        (StochasticRound(7), GRADIENT, ((1,), INT32)),
    ],
    ids=lambda operands: operands[0].kind,
)
def test_special_floats_count_as_in_the_reference(operands, make_network, host_library):
    network = make_network(_graph(*operands))
    library, rng = host_library([network]), np.random.default_rng(5)
    for special in ([np.inf], [np.nan, -np.inf], [-0.0, 1e-42, -1e-45], [-0.0]):
        inputs = network.inputs(3)
        places = rng.random(inputs["x0"].shape) < (1.0 if special == [-0.0] else 0.2)
        inputs["x0"][places] = rng.choice(np.array(special, np.float32), places.sum())
        assert library.run(network, inputs) == network.expected(inputs), special
