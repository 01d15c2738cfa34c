"""What only the reference executor carries out: a device refuses it by name, and nothing is written."""

import pytest
from click.testing import CliRunner

from tinyml_core.cli import tinyml
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import (
    OPERATORS,
    Conv2DInputGradient,
    Conv2DWeightGradient,
    DepthwiseInputGradient,
    DepthwiseWeightGradient,
)
from tinyml_core.graph.serialise import save
from tinyml_plugins.tinyengine.table import KERNELS

UNIT = Quantization.per_tensor(1.0)
INT8, FLOAT32 = DType.INT8, DType.FLOAT32
IMAGE, GRADIENT = ((1, 4, 4, 2), INT8), ((1, 4, 4, 2), FLOAT32)
SEVERAL = ((2, 1, 1, 2), INT8)
CASES = [
    (Conv2DInputGradient(height=4, width=4), [GRADIENT, ((2, 1, 1, 2), FLOAT32)], "knows this shape"),
    (DepthwiseInputGradient(height=4, width=4), [GRADIENT, ((1, 1, 1, 2), FLOAT32)], "knows this shape"),
    (Conv2DWeightGradient(), [GRADIENT, GRADIENT], "no kernel for these types"),
    (DepthwiseWeightGradient(), [GRADIENT, GRADIENT], "no kernel for these types"),
]


def compile_graph(op, inputs, folder):
    b = GraphBuilder("step")
    names = [
        b.input(f"x{place}", shape, dtype, UNIT if dtype in (INT8, DType.UINT8) else None)
        for place, (shape, dtype) in enumerate(inputs)
    ]
    written = op.infer([b.tensor(name) for name in names])[0].dtype
    quantization = UNIT if written in (INT8, DType.UINT8) else None
    save(b.build([b.node(op, names, name="the node", quantization=quantization)]), folder / "step.tinyml")
    arguments = ["compile", str(folder / "step.tinyml"), "--target", "stm32f746", "--out", str(folder / "out")]
    return CliRunner().invoke(tinyml, arguments).exception


@pytest.mark.parametrize(("op", "inputs", "reason"), CASES, ids=lambda value: getattr(value, "kind", None))
def test_it_is_refused_by_name(op, inputs, reason, tmp_path):
    error = compile_graph(op, inputs, tmp_path)
    assert isinstance(error, UnsupportedError), error
    assert f"node 'the node' ({op.kind}" in str(error)
    assert reason in str(error)
    assert not (tmp_path / "out").exists()


def test_no_operator_is_without_a_kernel():
    assert set(KERNELS) == set(OPERATORS.values())
