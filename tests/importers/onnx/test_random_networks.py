"""Random networks, quantised by onnxruntime in both of its forms and float, against onnxruntime itself."""

import numpy as np
import onnx
import pytest

from tests.importers.onnx.oracle import Agreement, all_values, compare_layers, on_device, session  # noqa: TID251
from tests.importers.onnx.random_networks import quantised, random_network  # noqa: TID251
from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.quantised import dequantise_array
from tinyml_core.graph.operators import Conv2D
from tinyml_plugins.importers.onnx.importer import OnnxImporter


def check(seed, path, agreement):
    model, samples = random_network(seed)
    quantised(model, samples, path, qdq=seed % 2 == 0, per_channel=seed % 4 < 2, unsigned=seed % 3 == 0)
    graph = OnnxImporter().read(path)
    exported = onnx.load(path)
    assert [node for node in graph.nodes if graph.tensors[node.inputs[0]].dtype.value == "int8"]
    for sample in samples[:2]:
        values = all_values(exported, {"x": sample})
        compare_layers(graph, values, agreement)
        device = on_device(graph.tensors["x"], sample)
        got = execute(graph, {"x": device})["y"]
        output = graph.tensors["y"]
        steps = np.abs(dequantise_array(got, output) - values["y"]) / output.scale
        agreement.spread = max(agreement.spread, round(float(steps.max())))


@pytest.mark.parametrize("seed", range(24))
def test_each_layer_is_onnxruntimes_but_for_ties(seed, tmp_path):
    agreement = Agreement()
    check(seed, tmp_path / "q.onnx", agreement)
    assert agreement.layers >= 4
    assert agreement.differing.total() <= 0.01 * agreement.elements


@pytest.mark.slow
def test_two_hundred_networks(tmp_path):
    agreement = Agreement()
    for seed in range(1000, 1200):
        check(seed, tmp_path / f"{seed}.onnx", agreement)
    print(agreement)
    assert agreement.differing.total() <= 0.002 * agreement.elements


def test_a_wrong_weight_is_seen(tmp_path):
    """The comparison can fail."""
    model, samples = random_network(2)
    quantised(model, samples, tmp_path / "q.onnx", qdq=True, per_channel=True, unsigned=False)
    graph = OnnxImporter().read(tmp_path / "q.onnx")
    node = next(node for node in graph.nodes if isinstance(node.op, Conv2D))
    weights = graph.tensors[node.inputs[1]].data
    weights[...] = np.roll(weights, 1)
    with pytest.raises(AssertionError):
        compare_layers(graph, all_values(onnx.load(tmp_path / "q.onnx"), {"x": samples[0]}), Agreement())


@pytest.mark.parametrize("seed", range(40, 70))
def test_float_networks(seed, tmp_path):
    model, samples = random_network(seed)
    onnx.save(model, tmp_path / "f.onnx")
    graph = OnnxImporter().read(tmp_path / "f.onnx")
    for sample in samples[:2]:
        (expected,) = session(model).run(["y"], {"x": sample})
        axes = graph.axes.get("x", (0, 1, 2, 3))
        got = execute(graph, {"x": np.ascontiguousarray(sample.transpose(axes))})["y"]
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
