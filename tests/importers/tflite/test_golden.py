"""Real networks: the bytes that TensorFlow Lite Micro computed on an emulated Cortex-M7, and computes here."""

from pathlib import Path

import numpy as np
import pytest

from tflite_models.writer import runtime
from tinyml_core.api.importer import Importer
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.graph import DType, Rounding
from tinyml_core.graph.batch import with_batch
from tinyml_core.platform import Platform

SHARED = Path(__file__).resolve().parents[4] / "shared"
NETWORKS = ("ad01_int8", "kws_ref_model", "mcunet_vww1", "vww_96_int8")

needs_models = pytest.mark.skipif(not (SHARED / "models").is_dir(), reason="needs ../shared/models beside the checkout")
needs_data = pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="needs ../shared/data beside the checkout")


@pytest.fixture(scope="module")
def platform():
    return Platform()


def golden(name):
    """Inputs and outputs, each [samples, ...]."""
    with np.load(SHARED / "models" / f"{name}.golden.npz") as archive:
        return archive["inputs"], archive["output0"]


def load(platform, name):
    return platform.create(Importer, "tflite").read(SHARED / "models" / f"{name}.tflite")


def differing(got, expected):
    got, expected = np.ascontiguousarray(got), np.ascontiguousarray(expected)
    assert (got.size, got.dtype) == (expected.size, expected.dtype)
    return int(np.count_nonzero(got.view(np.uint8).ravel() != expected.view(np.uint8).ravel()))


@needs_models
@pytest.mark.parametrize("name", NETWORKS)
def test_reference(platform, name):
    graph = load(platform, name)
    assert graph.rounding is Rounding.TFLITE
    assert all(tensor.dtype is not DType.FLOAT32 for tensor in graph.tensors.values())
    inputs, outputs = golden(name)
    executor, source, output = ReferenceExecutor(graph), graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    for sample, expected in zip(inputs, outputs, strict=True):
        if sample.dtype == np.float32:
            sample = quantise_array(sample, source)
        got = executor.run({source.name: sample.reshape(source.shape)})[output.name]
        if expected.dtype == np.float32:
            got = dequantise_array(got, output)
        assert differing(got, expected) == 0


@needs_models
@pytest.mark.parametrize("target", ["stm32f746", "stm32l4r5"])
@pytest.mark.parametrize("name", NETWORKS)
def test_device(platform, tmp_path, name, target):
    graph = load(platform, name)
    platform.compile(graph, target, tmp_path / name)
    inputs, outputs = golden(name)
    samples = inputs.reshape(len(inputs), *graph.tensors[graph.inputs[0]].shape)
    execution = platform.run(tmp_path / name, {graph.inputs[0]: samples})
    assert execution.exact
    assert execution.samples == len(inputs)
    assert differing(execution.outputs[graph.outputs[0]], outputs) == 0


@needs_models
@needs_data
def test_keyword_spotting_on_a_thousand_recordings(platform):
    graph = load(platform, "kws_ref_model")
    with np.load(SHARED / "data" / "kws01.npz") as archive:
        samples, labels = archive["x"], archive["y"]
    batched = ReferenceExecutor(with_batch(graph, 100))
    got = np.concatenate(
        [
            batched.run({graph.inputs[0]: samples[start : start + 100]})[graph.outputs[0]]
            for start in range(0, 1000, 100)
        ]
    )
    interpreter = runtime.Interpreter.from_file(str(SHARED / "models" / "kws_ref_model.tflite"))
    for sample, ours in zip(samples, got, strict=True):
        interpreter.set_input(sample[np.newaxis], 0)
        interpreter.invoke()
        assert differing(ours, interpreter.get_output(0)) == 0
    assert (got.argmax(1) == labels).mean() == pytest.approx(0.901)
