"""Scales at the ends of float32 in every function: computed or refused, with no warning on the user's terminal."""

import itertools
import warnings

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.arithmetic.lowering.unary import FUNCTIONS
from tinyml_core.errors import TinyMLError
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import Add, Clamp, Quantize, Unary

SCALES = (1e-45, 1e-30, 0.1, 1e30, 3e38)
OPERATORS = [*(Unary(function=name) for name in FUNCTIONS), Add(), Clamp((0.0, 6.0)), Quantize(dtype="int8")]


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: getattr(op, "function", op.kind))
def test_no_warning(op, rounding):
    values = np.arange(-128, 128, dtype=np.int8).reshape(1, 256)
    computed = 0
    for before, after in itertools.product(SCALES, SCALES):
        b = GraphBuilder("g", rounding)
        x = b.input("x", values.shape, DType.INT8, Quantization.per_tensor(before, 5))
        inputs = [x, x] if isinstance(op, Add) else [x]
        graph = b.build([b.node(op, inputs, quantization=Quantization.per_tensor(after, -3))])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                ReferenceExecutor(graph).run({x: values})
                computed += 1
            except TinyMLError as error:
                assert str(error).isprintable()  # noqa: PT017
    assert computed > 0
