"""The evaluator learns real digits, the same way twice, on one thread, wherever it is called."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from tinyml_core.api.dataset import Split
from tinyml_core.api.evaluator import Evaluator, PreparedEvaluator
from tinyml_core.component import Component
from tinyml_core.errors import InputError
from tinyml_core.graph import DType, Graph, GraphBuilder, Node
from tinyml_core.graph.operators import FullyConnected, Softmax
from tinyml_core.graph.verify import verify
from tinyml_plugins.training import hooks
from tinyml_plugins.training.evaluator import Training
from tinyml_plugins.training.loop import accuracy, pace
from tinyml_plugins.training.recipe import Recipe
from tinyml_plugins.training.torch_graph import TorchGraph


def weights(graph: Graph) -> bytes:
    return b"".join(tensor.data.tobytes() for tensor in graph.tensors.values() if tensor.data is not None)


def test_a_short_training_learns_the_digits(trained, digits):
    verify(trained.graph)
    assert trained.accuracy > 0.95
    assert accuracy(TorchGraph(trained.graph), digits.test) > 0.95
    assert accuracy(TorchGraph(trained.graph), digits.validation) == trained.accuracy


def test_equal_arguments_give_equal_bits_and_another_seed_others(untrained, digits):
    first, again, other = (Training(steps=5, shift=1).evaluate(untrained, digits, seed) for seed in (3, 3, 4))
    assert weights(first.graph) == weights(again.graph)
    assert first.accuracy == again.accuracy
    assert weights(first.graph) != weights(other.graph)


def test_a_worker_process_gives_the_same_bits(untrained, digits):
    expected = Training(steps=3).evaluate(untrained, digits, 0)
    with ProcessPoolExecutor(1) as pool:
        there = pool.submit(Training(steps=3).evaluate, untrained, digits, 0).result()
    assert weights(there.graph) == weights(expected.graph)


def test_threads_and_generators_of_the_caller_are_left_as_they_were(untrained, digits):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    Training(steps=2).evaluate(untrained, digits, 0)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_training_goes_on_from_trained_weights(trained, digits):
    resumed = Training(steps=1, learning_rate=0.0).evaluate(trained.graph, digits, 1)
    assert resumed.graph.tensors["dense_w"].data.tobytes() == trained.graph.tensors["dense_w"].data.tobytes()


def test_a_network_that_ends_in_softmax_learns_too(untrained, digits):
    softmax = Node("softmax", Softmax(), ("dense",), ("softmax",))
    tensors = {**untrained.tensors, "softmax": replace(untrained.tensors["dense"], name="softmax")}
    graph = replace(untrained, tensors=tensors, nodes=(*untrained.nodes, softmax), outputs=("softmax",))
    result = Training(steps=60).evaluate(verify(graph), digits, 0)
    assert result.accuracy > 0.8
    assert result.graph.nodes[-1].op == Softmax()


def test_samples_that_are_no_images_are_not_shifted(digits):
    b = GraphBuilder("dense")
    x = b.input("x", (1, 64), DType.FLOAT32)
    graph = b.build([b.node(FullyConnected(), [x, b.zeros("w", (10, 64)), b.zeros("b", (10,))])])
    flat = [Split(part.x.reshape(len(part), 64), part.y) for part in (digits.train, digits.validation, digits.test)]
    data = replace(digits, train=flat[0], validation=flat[1], test=flat[2])
    assert Training(steps=100, shift=2).evaluate(graph, data, 0).accuracy > 0.8


def test_the_pace_rises_then_falls_to_nearly_nothing():
    recipe = Recipe(steps=100, warmup=0.1)
    paces = [pace(step, recipe) for step in range(100)]
    assert paces[:10] == pytest.approx(np.linspace(0.1, 1, 10))
    assert paces[10:] == sorted(paces[10:], reverse=True)
    assert paces[-1] < 0.001
    assert [pace(step, Recipe(steps=1)) for step in range(1)] == [1.0]


@pytest.mark.parametrize(
    "options",
    [{"steps": 0}, {"batch_size": 1}, {"learning_rate": -1}, {"warmup": 1}, {"label_smoothing": 2}, {"shift": -1}],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        Training(**options)


def test_data_that_does_not_suit_the_network_is_refused(untrained, digits):
    coloured = replace(digits, train=Split(digits.train.x.repeat(3, axis=3), digits.train.y))
    with pytest.raises(InputError, match=r"samples have shape \[8, 8, 3\], the network takes \[8, 8, 1\]"):
        Training().evaluate(untrained, coloured, 0)
    with pytest.raises(InputError, match="has 11 classes"):
        Training().evaluate(untrained, replace(digits, classes=(*digits.classes, "ten")), 0)


def test_components_load_and_declare_their_options():
    evaluators = {component.name: component for component in hooks.tinyml_evaluators()}
    (quantizer,) = hooks.tinyml_quantizers()
    assert sorted(evaluators) == ["supernet", "training", "zero-cost"]
    for component in (evaluators["training"], evaluators["supernet"], quantizer):
        assert isinstance(component, Component)
        assert "steps" in component.load_options().__dataclass_fields__
    assert isinstance(evaluators["training"].load()(steps=3), Evaluator)
    assert isinstance(evaluators["supernet"].load()(steps=3), PreparedEvaluator)


def test_hooks_import_no_torch():
    modules = [f"tinyml_plugins.{name}.hooks" for name in ("datasets", "passes", "quantize", "training")]
    code = f"import sys, {', '.join(modules)}, tinyml_plugins.quantize.post_training; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
