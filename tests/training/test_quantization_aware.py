"""Quantisation-aware training: what it trained against is what the integers compute, and they do well."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tinyml_core.api.quantizer import Quantizer
from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.errors import GraphError
from tinyml_core.graph import Graph
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.verify import verify
from tinyml_core.quantization import observe_ranges, quantise_graph
from tinyml_plugins.training.quantization_aware import FakeQuantisation, QuantizationAwareTraining
from tinyml_plugins.training.torch_graph import TorchGraph


def logits(graph: Graph, x: np.ndarray) -> np.ndarray:
    """Real outputs of an integer graph."""
    image, output = (graph.tensors[names[0]] for names in (graph.inputs, graph.outputs))
    seen = execute(with_batch(graph, len(x)), {image.name: quantise_array(x, image)})[output.name]
    return dequantise_array(seen, output)


@pytest.fixture(scope="module")
def post_training(folded, digits) -> Graph:
    return quantise_graph(folded, observe_ranges(folded, digits.train.x, count=256))


@pytest.fixture(scope="module")
def aware(folded, digits) -> Graph:
    return QuantizationAwareTraining(steps=100).quantize(folded, digits, 0)


def test_fake_quantisation_computes_what_the_integers_do(folded, post_training, digits):
    module = TorchGraph(folded, transform=FakeQuantisation(post_training)).eval()
    x = digits.validation.x
    with torch.inference_mode():
        simulated = module(torch.from_numpy(x)).numpy()
    real = logits(post_training, x)
    steps = np.abs(simulated - real) / post_training.tensors["dense"].scale
    assert steps.max() <= 4
    assert np.median(steps) < 1
    assert np.mean(simulated.argmax(1) == real.argmax(1)) > 0.99


def test_it_does_at_least_as_well_as_post_training_quantisation(aware, post_training, digits):
    verify(aware)
    x, y = digits.validation.x, digits.validation.y
    before, after = (np.mean(logits(graph, x).argmax(1) == y) for graph in (post_training, aware))
    assert after >= before - 0.01
    assert after > 0.95


def test_weights_learn_and_activations_keep_their_scales(aware, post_training):
    assert aware.tensors["project1_norm"].quantization == post_training.tensors["project1_norm"].quantization
    assert aware.tensors["project1_w"].data.tobytes() != post_training.tensors["project1_w"].data.tobytes()


def test_the_gradient_passes_the_rounding_but_not_the_saturation(post_training):
    rounding = FakeQuantisation(post_training)
    tensor = post_training.tensors["pool"]
    x = torch.tensor([0.3, 1e6], requires_grad=True)
    y = rounding("pool", x)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 0.0]
    assert abs(y[0].item() - 0.3) <= tensor.scale / 2
    assert y[1].item() == pytest.approx(tensor.scale * (127 - tensor.zero_point))


def test_equal_arguments_give_equal_bits(folded, digits):
    first, again = (QuantizationAwareTraining(steps=3).quantize(folded, digits, 5) for _ in range(2))
    assert first.tensors == again.tensors
    for name, tensor in first.tensors.items():
        if tensor.data is not None:
            assert tensor.data.tobytes() == again.tensors[name].data.tobytes()


def test_without_data_there_is_nothing_to_train(folded):
    assert isinstance(QuantizationAwareTraining(), Quantizer)
    verify(QuantizationAwareTraining().quantize(folded, None, 0))


def test_a_normalisation_must_have_been_folded(trained, digits):
    with pytest.raises(GraphError, match="fold-batch-norm"):
        QuantizationAwareTraining().quantize(trained.graph, digits, 0)
