"""Training on the host: it learns, it repeats itself to the bit, and several samples make one step."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.api.optimizer import DEAD_SCALE, TrainingOptimizer
from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.errors import InputError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph import operators as ops
from tinyml_core.platform import Platform
from tinyml_core.testing.descent import Descent, everything
from tinyml_core.testing.random_learners import random_network, residual_network
from tinyml_core.training import FloatHead, Simulation, build_step


def samples_for(graph, count, classes, seed=0):
    """Images of ``classes`` kinds, and their one-hot targets."""
    rng = np.random.default_rng(seed)
    shape = graph.tensors[graph.inputs[0]].shape
    kinds = rng.normal(0, 50, (classes, 1, 1, 1, shape[3]))
    labels = rng.integers(0, classes, count)
    images = np.clip(kinds[labels] + rng.normal(0, 10, (count, *shape)), -128, 127).astype(np.int8)
    return list(zip(images, np.eye(classes, dtype=np.float32)[labels], strict=True))


@pytest.mark.parametrize("rule", ["qas", "momentum", "adam"])
def test_a_network_learns(rule):
    graph = residual_network()
    optimizer = Platform().create(TrainingOptimizer, rule)
    step = build_step(graph, everything(graph), optimizer, head=FloatHead(3))
    simulation, data = Simulation(step), samples_for(graph, 40, 3)
    rate = {"qas": 0.05, "momentum": 0.005, "adam": 0.01}[rule]
    losses = [simulation.train(image, target, rate, seed).loss for seed, (image, target) in enumerate(data * 2)]
    right = [simulation.predict(image).argmax() == target.argmax() for image, target in data]
    assert np.mean(losses[-20:]) < 0.2 * np.mean(losses[:20])
    assert np.mean(right) > 0.9
    assert any(
        not np.array_equal(simulation.variables[each.parameter.name], each.initial)
        for each in step.learnt
        if each.parameter.dtype is DType.INT8
    )


def test_the_same_steps_give_the_same_bits_and_others_do_not():
    graph = random_network(5)
    optimizer = Platform().create(TrainingOptimizer, "qas")
    step = build_step(graph, everything(graph), optimizer, head=FloatHead(3))
    runs = []
    for first in (0, 0, 100):
        simulation = Simulation(step)
        for seed, (image, target) in enumerate(samples_for(graph, 8, 3), first):
            simulation.train(image, target, 0.01, seed)
        runs.append(b"".join(simulation.variables[each.name].tobytes() for each in step.variables))
    assert runs[0] == runs[1] != runs[2]


def test_a_prediction_is_what_the_next_step_computes_first():
    graph = random_network(6)
    step = build_step(graph, everything(graph), Platform().create(TrainingOptimizer, "qas"))
    simulation, data = Simulation(step), samples_for(graph, 5, graph.tensors[graph.outputs[0]].elements)
    for seed, (image, target) in enumerate(data):
        predicted = simulation.predict(image)
        assert np.array_equal(predicted, simulation.train(image, target, 0.02, seed).logits)


def test_several_samples_make_one_step_by_the_mean_of_their_gradients():
    graph = random_network(1)
    one = build_step(graph, everything(graph), Descent(), head=FloatHead(3))
    four = build_step(graph, everything(graph), Descent(), head=FloatHead(3), samples=4)
    data = samples_for(graph, 8, 3)
    alone, together = Simulation(one), Simulation(four)
    before = {each.name: each.initial for each in four.variables}
    sums = {name: np.zeros_like(before[f"{name}.gradient"]) for name in four.gradients}
    from_graph = Simulation(one)._train
    for seed, (image, target) in enumerate(data[:4]):
        together.train(image, target, 0.5, seed)
        given = {**alone.variables, "image": image, "target": target[None]}
        given |= {"rate": np.zeros(1, np.float32), "seed": np.zeros(1, np.int32)}
        found = from_graph.run(given, keep=list(one.gradients.values()))
        for name, handle in one.gradients.items():
            sums[name] += found[handle]
        if seed < 3:
            assert all(np.array_equal(together.variables[f"{name}.gradient"], sums[name]) for name in sums)
            assert all(np.array_equal(together.variables[each.parameter.name], each.initial) for each in four.learnt)
    for name in ("head.weight", "head.bias"):
        expected = before[name] - (sums[name] * np.float32(0.25)) * np.float32(0.5)
        assert np.array_equal(together.variables[name], expected)
    assert not any(together.variables[f"{name}.gradient"].any() for name in sums)
    assert four.graph.inputs[:2] == ("image", "target")
    assert four.apply.inputs[:2] == ("rate", "seed")
    together.train(*data[4], 0.5, 4)
    assert together.variables["head.weight.gradient"].any()


def dead_network():
    """A convolution of four filters; the second is dead: its scale is tiny, its bias is what counts."""
    rng, builder = np.random.default_rng(0), GraphBuilder("dead")
    image = builder.input("image", (1, 5, 5, 3), DType.INT8, Quantization.per_tensor(0.05))
    scales = np.array([0.004, 3.9e-9, 0.003, 0.005], np.float32)
    assert scales[1] < DEAD_SCALE
    for name, shape, op, axis in (
        ("first", (4, 3, 3, 3), ops.Conv2D(), 0),
        ("second", (1, 3, 3, 4), ops.DepthwiseConv2D(), 3),
    ):
        weights = builder.constant(
            f"{name}.w", rng.integers(-127, 128, shape).astype(np.int8), Quantization.per_channel(scales, axis)
        )
        bias = builder.constant(
            f"{name}.b",
            np.array([50, 400_000_000, -20, 9], np.int32),
            Quantization.per_channel(scales * np.float32(0.05), 0),
        )
        image = builder.node(op, [image, weights, bias], name=name, quantization=Quantization.per_tensor(0.05))
    mean = builder.node(ops.Mean((1, 2)), [image], quantization=Quantization.per_tensor(0.05))
    head = builder.constant("v", rng.integers(-127, 128, (3, 4)).astype(np.int8), Quantization.per_tensor(0.01))
    return builder.build([builder.node(ops.FullyConnected(), [mean, head], quantization=Quantization.per_tensor(0.05))])


@pytest.mark.parametrize("rule", ["plain", "sgd", "qas", "momentum", "adam"])
def test_dead_channels_do_not_move(rule):
    graph = dead_network()
    optimizer = Descent() if rule == "plain" else Platform().create(TrainingOptimizer, rule)
    layers = UpdateScheme(tuple(LayerUpdate(name, True, None) for name in ("first", "second")))
    step = build_step(graph, layers, optimizer)
    simulation = Simulation(step)
    for seed, (image, target) in enumerate(samples_for(graph, 30, 3)):
        simulation.train(image, target, {"plain": 1e5, "sgd": 1e5}.get(rule, 0.1), seed)
    for each in step.learnt:
        axis = each.parameter.axis
        now, then = (np.moveaxis(array, axis, 0) for array in (simulation.variables[each.parameter.name], each.initial))
        assert np.array_equal(now[1], then[1]), each.parameter.name
        assert not np.array_equal(now[[0, 2, 3]], then[[0, 2, 3]]), each.parameter.name


def test_a_sample_of_another_shape_is_told():
    graph = random_network(0)
    simulation = Simulation(build_step(graph, everything(graph), Descent()))
    with pytest.raises(InputError, match="image"):
        simulation.predict(np.zeros((1, 2, 2, 1), np.int8))
    with pytest.raises(InputError, match="target"):
        simulation.train(np.zeros(graph.tensors["image"].shape, np.int8), np.zeros(99), 0.1, 0)
