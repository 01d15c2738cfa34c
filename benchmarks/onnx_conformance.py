"""ONNX's own node tests through generated C: how much of the operator set is carried out, and none of it wrongly.

Each test of ``onnx.backend.test.loader.load_node_model_tests()`` whose operators and types are in the profile is
imported, planned, generated, compiled for this machine, run, and compared with the outputs the test brings, within its
own tolerances. Inputs that a device knows when it is built (shapes, axes, scales, weights) are baked in as constants
where the network is refused otherwise. Exits with 1 when a result is wrong or fewer pass than asked.

    python benchmarks/onnx_conformance.py [--json] [--operator NAME] [--every N]
"""

from __future__ import annotations

import argparse
import collections
import json
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from host_networks import HostNetwork, prepare, run_all
from onnx import TensorProto, numpy_helper

from tinyml_core import Platform
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.errors import TinyMLError
from tinyml_core.pipeline.passes import apply_passes

ASKED = 400
BATCH = 40
"""Networks compiled into one library."""

OPERATORS = frozenset({
    "Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "AveragePool",
    "BatchNormalization", "Cast", "CastLike", "Ceil", "Celu", "Clip", "Concat", "Constant", "Conv", "ConvInteger",
    "ConvTranspose", "Cos", "Cosh", "DepthToSpace", "DequantizeLinear", "Div", "Dropout", "DynamicQuantizeLinear",
    "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor", "GRU", "Gather", "Gelu", "Gemm", "GlobalAveragePool",
    "GlobalMaxPool", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization",
    "LSTM", "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "LogSoftmax", "LpNormalization",
    "MatMul", "MatMulInteger", "Max", "MaxPool", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or", "PRelu",
    "Pad", "Pow", "QLinearConv", "QLinearMatMul", "QuantizeLinear", "RMSNormalization", "RNN", "Reciprocal",
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Resize", "Round", "Selu", "Shape", "Shrink", "Sigmoid",
    "Sign", "Sin", "Sinh", "Slice", "Softmax", "Softplus", "Softsign", "SpaceToDepth", "Split", "Sqrt", "Squeeze",
    "Sub", "Sum", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Tile", "TopK", "Transpose", "Unsqueeze", "Upsample",
    "Where", "Xor",
})  # fmt: skip
TYPES = frozenset({
    TensorProto.FLOAT, TensorProto.INT4, TensorProto.UINT4, TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16,
    TensorProto.UINT16, TensorProto.INT32, TensorProto.UINT32, TensorProto.INT64, TensorProto.BOOL,
})  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What became of one test."""

    name: str
    operator: str
    outcome: str
    """passed, passed-baked, refused or wrong."""
    reason: str = ""


@dataclass(frozen=True)
class Case:
    """A node test, its expected outputs, and its network once it is prepared."""

    test: object
    model: onnx.ModelProto
    inputs: dict[str, np.ndarray]
    outputs: list[np.ndarray]
    network: HostNetwork
    baked: bool


def in_profile(model: onnx.ModelProto) -> bool:
    """Whether a test uses only operators and types of the profile."""
    values = [*model.graph.input, *model.graph.output]
    if not all(value.type.WhichOneof("value") == "tensor_type" for value in values):
        return False
    return {node.op_type for node in model.graph.node} <= OPERATORS and all(
        value.type.tensor_type.elem_type in TYPES for value in values
    )


def as_array(value) -> np.ndarray:
    """An input or output that a test brings; those of four bits come as protobuf messages."""
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.asarray(value)


def baked(model: onnx.ModelProto, arrays: dict[str, np.ndarray], variable: Sequence[str]) -> onnx.ModelProto:
    """The model with every input but ``variable`` turned into an initialiser."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for value in list(copy.graph.input):
        if value.name not in variable:
            copy.graph.input.remove(value)
            copy.graph.initializer.append(numpy_helper.from_array(arrays[value.name], value.name))
    return copy


def attempt(test, index: int, platform: Platform, folder: Path) -> Case | Result:
    """Prepare a test as exported, else with as few inputs baked as will do, from the last on; else say why not."""
    model, (inputs, outputs) = test.model, test.data_sets[0]
    operator = model.graph.node[0].op_type if len(model.graph.node) == 1 else "expanded"
    names = [value.name for value in model.graph.input]
    arrays = dict(zip(names, (as_array(value) for value in inputs), strict=True))
    reason = ""
    for keep in (names, *(names[:count] for count in range(len(names) - 1, 0, -1))):
        candidate = baked(model, arrays, keep)
        path = folder / "model.onnx"
        path.write_bytes(candidate.SerializeToString())
        try:
            graph = apply_passes(platform.load(path), platform)
            network = prepare(graph, f"t{index}", platform)
        except TinyMLError as error:
            reason = str(error).partition(": ")[2] or str(error)
            continue
        given = {name: arrays[name] for name in graph.inputs}
        return Case(test, candidate, given, [as_array(value) for value in outputs], network, keep != names)
    return Result(test.name, operator, "refused", reason)


def to_device(name: str, array: np.ndarray, network: HostNetwork) -> np.ndarray:
    """A test's array as the device takes it."""
    tensor = network.graph.tensors[name]
    if name in network.graph.axes:
        array = array.transpose(network.graph.axes[name])
    if array.dtype == np.float32 and tensor.quantization is not None:
        array = quantise_array(array, tensor)
    return np.asarray(array.astype(tensor.dtype.numpy, copy=False), order="C")


def from_device(name: str, array: np.ndarray, network: HostNetwork, like: np.ndarray) -> np.ndarray:
    """A device's array as the test expects it."""
    if like.dtype == np.float32 and network.graph.tensors[name].quantization is not None:
        array = dequantise_array(array, network.graph.tensors[name])
    if name in network.graph.axes:
        array = array.transpose(np.argsort(network.graph.axes[name]))
    return array


def judge(case: Case, got: dict[str, np.ndarray] | None) -> Result:
    """Compare within the test's own tolerances."""
    test, operator = case.test, case.model.graph.node[0].op_type if len(case.model.graph.node) == 1 else "expanded"
    if got is None:
        return Result(test.name, operator, "wrong", "the process died")
    for name, expected in zip(case.network.graph.outputs, case.outputs, strict=True):
        array = from_device(name, got[name], case.network, expected)
        if (array.shape, array.dtype) != (expected.shape, expected.dtype):
            told = f"{array.dtype}{list(array.shape)} instead of {expected.dtype}{list(expected.shape)}"
            return Result(test.name, operator, "wrong", told)
        try:
            np.testing.assert_allclose(array, expected, rtol=test.rtol, atol=test.atol)
        except AssertionError as error:
            return Result(test.name, operator, "wrong", " ".join(str(error).split())[:160])
    return Result(test.name, operator, "passed-baked" if case.baked else "passed")


def main() -> int:
    """Run every test of the profile."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--operator", help="only tests of this operator")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th test")
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the generators of the tests divide by zero on purpose
        from onnx.backend.test.loader import load_node_model_tests

        tests = [test for test in load_node_model_tests() if in_profile(test.model)]
    if options.operator:
        tests = [test for test in tests if options.operator in {node.op_type for node in test.model.graph.node}]
    tests = tests[:: options.every]
    platform, results, cases = Platform(), [], []
    with tempfile.TemporaryDirectory() as folder:
        for index, test in enumerate(tests):
            found = attempt(test, index, platform, Path(folder))
            (cases if isinstance(found, Case) else results).append(found)
    for start in range(0, len(cases), BATCH):
        batch = cases[start : start + BATCH]
        inputs = [{n: to_device(n, a, case.network) for n, a in case.inputs.items()} for case in batch]
        results += [judge(*pair) for pair in zip(batch, run_all([c.network for c in batch], inputs), strict=True)]
    count = collections.Counter(result.outcome for result in results)
    passed = count["passed"] + count["passed-baked"]
    by_operator: dict[str, collections.Counter[str]] = {}
    for result in results:
        by_operator.setdefault(result.operator, collections.Counter())[result.outcome] += 1
    report = {
        "in_profile": len(tests), "passed": passed, "passed_as_exported": count["passed"], "asked": ASKED,
        "refused": count["refused"], "wrong": count["wrong"],
        "wrong_tests": [{"name": r.name, "reason": r.reason} for r in results if r.outcome == "wrong"],
        "by_operator": {name: dict(counts) for name, counts in sorted(by_operator.items())},
        "refused_tests": {r.name: r.reason for r in results if r.outcome == "refused"},
        "reasons": dict(collections.Counter(r.reason for r in results if r.outcome == "refused").most_common()),
    }  # fmt: skip
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        for name, counts in report["by_operator"].items():
            print(f"{name:<24} " + ", ".join(f"{outcome} {number}" for outcome, number in sorted(counts.items())))
        for test in report["wrong_tests"]:
            print(f"WRONG {test['name']}: {test['reason']}")
        for reason, number in list(report["reasons"].items())[:40]:
            print(f"refused {number:4}  {reason[:130]}")
        print(f"{passed} passed (asked {ASKED}; {count['passed']} as exported) of {len(tests)}, "
              f"{count['refused']} refused by name, {count['wrong']} wrong")  # fmt: skip
    return 0 if count["wrong"] == 0 and (passed >= ASKED or options.operator or options.every > 1) else 1


if __name__ == "__main__":
    raise SystemExit(main())
