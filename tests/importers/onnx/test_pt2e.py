"""Networks quantised by PyTorch itself and exported by PyTorch itself, layer for layer against onnxruntime."""

import onnx
import pytest

from tests.importers.onnx.oracle import Agreement, all_values, compare_layers, on_device  # noqa: TID251
from tests.importers.onnx.pt2e_networks import exported, torch  # noqa: TID251
from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.quantised import dequantise_array
from tinyml_plugins.importers.onnx.importer import OnnxImporter


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def check(seed, path, agreement):
    model, samples = exported(seed, per_channel=seed % 3 != 0)
    onnx.save(model, path)
    graph = OnnxImporter().read(path)
    (feed,), (output,) = ([value.name for value in values] for values in (model.graph.input, model.graph.output))
    for sample in samples[:2]:
        values = all_values(model, {feed: sample})
        compare_layers(graph, values, agreement)
        got = execute(graph, {feed: on_device(graph.tensors[feed], sample)})[output]
        tensor = graph.tensors[output]
        real = got if tensor.quantization is None else dequantise_array(got, tensor)
        step = 0.05 if tensor.quantization is None else tensor.scale  # a float output is a softmax
        agreement.spread = max(agreement.spread, round(float(abs(real - values[output]).max()) / step))
    return graph


@pytest.mark.parametrize("seed", range(8))
def test_each_layer_is_onnxruntimes_but_for_ties(seed, tmp_path):
    agreement = Agreement()
    graph = check(seed, tmp_path / "m.onnx", agreement)
    convolutions = [node for node in graph.nodes if node.op.kind in ("conv2d", "depthwise_conv2d", "fully_connected")]
    assert len(convolutions) >= 5
    assert all(graph.tensors[node.inputs[0]].dtype.value == "int8" for node in convolutions)
    assert agreement.differing.total() <= 0.01 * agreement.elements
    assert agreement.spread <= 2  # end to end, in steps of the output


@pytest.mark.slow
def test_sixty_networks(tmp_path):
    agreement = Agreement()
    for seed in range(1000, 1060):
        check(seed, tmp_path / f"{seed}.onnx", agreement)
    print(agreement)
    assert agreement.differing.total() <= 0.002 * agreement.elements
