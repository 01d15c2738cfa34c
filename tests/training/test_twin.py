"""The torch twin beside the reference executor: the same integers, the same gradients, the same updates."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core import Platform
from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.arithmetic.executor import ReferenceExecutor, execute
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import RELU6, Add, Conv2D, DepthwiseConv2D, FullyConnected, Mean, Softmax, Unary
from tinyml_core.training.head import FloatHead
from tinyml_core.training.simulation import Simulation
from tinyml_core.training.step import build_step
from tinyml_plugins.training.twin.fitting import FineTuning, accuracy, fit
from tinyml_plugins.training.twin.frozen import features
from tinyml_plugins.training.twin.twin import TrainingTwin

CLASSES = 3
SCHEME = UpdateScheme(
    (
        LayerUpdate("expand", bias=True, channels=(1, 2)),
        LayerUpdate("filter", bias=True, channels=None),
        LayerUpdate("project", bias=False, channels=None),
    )
)


def int8_network(rounding, dead=False):
    """Stem (frozen), an inverted bottleneck with its residual, mean and classifier; activations saturate at times."""
    builder, rng = GraphBuilder("twin", rounding), np.random.default_rng(3)

    def layer(x, name, op, shape, scale):
        axis = 3 if isinstance(op, DepthwiseConv2D) else 0
        scales = rng.uniform(0.004, 0.02, shape[axis])
        bias = rng.integers(-900, 900, shape[axis])
        if dead and name == "expand":
            scales[0], bias[0] = 4e-9, 2**31 - 5
        weights = builder.constant(
            f"{name}_w", rng.integers(-127, 128, shape).astype(np.int8), Quantization.per_channel(scales, axis)
        )
        at = builder.constant(
            f"{name}_b", bias.astype(np.int32), Quantization.per_channel(scales * builder.tensor(x).scale, 0)
        )
        act = Quantization.per_tensor(scale, -128 if op.activation == RELU6 else 4)
        return builder.node(op, [x, weights, at], name=name, quantization=act)

    x = builder.input("x", (1, 8, 8, 2), DType.INT8, Quantization.per_tensor(0.02, -3))
    x = layer(x, "stem", Conv2D(stride=(2, 2), padding=(0, 1, 0, 1), activation=RELU6), (4, 3, 3, 2), 6 / 255)
    y = layer(x, "expand", Conv2D(activation=RELU6), (8, 1, 1, 4), 6 / 255)
    y = layer(y, "filter", DepthwiseConv2D(padding=(1, 1, 1, 1), activation=RELU6), (1, 3, 3, 8), 6 / 255)
    y = layer(y, "project", Conv2D(), (4, 1, 1, 8), 0.05)
    y = builder.node(Add(), [x, y], name="sum", quantization=Quantization.per_tensor(0.06, 9))
    y = builder.node(Mean(), [y], name="mean", quantization=Quantization.per_tensor(0.02, -1))
    y = layer(y, "classes", FullyConnected(), (5, 4), 0.1)
    return builder.build([builder.node(Softmax(), [y], quantization=Quantization.per_tensor(1 / 256, -128))])


def step_of(graph, optimizer="qas", head=True):
    rule = Platform().create(TrainingOptimizer, optimizer)
    return build_step(graph, SCHEME, rule, head=FloatHead(CLASSES, 1) if head else None)


def data(count, classes=CLASSES):
    rng = np.random.default_rng(4)
    x = rng.integers(-128, 128, (count, 8, 8, 2)).astype(np.int8)
    return x, np.eye(classes, dtype=np.float32)[rng.integers(classes, size=count)]


@pytest.fixture(scope="module", params=list(Rounding), ids=lambda rounding: rounding.value)
def graph(request):
    return int8_network(request.param)


@pytest.mark.parametrize("dead", [False, True])
@pytest.mark.parametrize("rounding", list(Rounding))
def test_integers_are_those_of_the_reference(rounding, dead):
    step = step_of(int8_network(rounding, dead))
    twin, (x, _) = TrainingTwin(step), data(6)
    found = twin.tensors(features(twin.frozen, x))
    integers = [name for name in found if step.evaluation.tensors[name].dtype is DType.INT8]
    assert {"expand", "filter", "project", "sum", "mean"} <= set(integers)
    given = {each.name: each.initial for each in step.variables}
    for number, sample in enumerate(x):
        expected = execute(step.evaluation, {"x": sample[None], **given}, keep=integers)
        for name in integers:
            values = found[name] if ".weight" in name else found[name][number : number + 1]
            np.testing.assert_array_equal(values, expected[name], err_msg=name)


@pytest.mark.parametrize("head", [True, False])
def test_gradients_are_those_of_the_step(graph, head):
    step = step_of(graph, head=head)
    twin, (x, targets) = TrainingTwin(step), data(1, CLASSES if head else 5)
    loss, gradients = twin.gradients(features(twin.frozen, x), targets)
    given = {"x": x, "target": targets, "rate": np.ones(1, np.float32), "seed": np.zeros(1, np.int32)}
    given |= {each.name: each.initial for each in step.variables}
    expected = ReferenceExecutor(step.graph).run(given, keep=[*step.gradients.values()])
    assert loss == pytest.approx(expected["loss"][0], rel=1e-5)
    assert gradients.keys() == step.gradients.keys()
    for name, tensor in step.gradients.items():
        norm = np.linalg.norm(expected[tensor])
        assert norm > 0, name
        assert np.linalg.norm(gradients[name] - expected[tensor]) <= 1e-5 * norm, name


@pytest.mark.parametrize("optimizer", ["qas", "adam"])
def test_updates_are_those_of_the_simulation(graph, optimizer):
    step = step_of(graph, optimizer)
    twin, simulation, (x, targets) = TrainingTwin(step), Simulation(step), data(8)
    frozen = features(twin.frozen, x)
    for number in range(len(x)):
        simulation.train(x[number : number + 1], targets[number], 0.01, number)
        twin.train(
            {name: v[number : number + 1] for name, v in frozen.items()}, targets[number : number + 1], 0.01, number
        )
    moved = 0
    for each in step.learnt:
        name = each.parameter.name
        difference = np.abs(simulation.variables[name].astype(float) - twin.variables[name])
        assert difference.max() <= (1 if each.initial.dtype.kind == "i" else 1e-4), name
        moved += np.count_nonzero(simulation.variables[name] != each.initial)
    assert moved > 50


def test_a_batch_is_the_mean_of_its_samples(graph):
    step = step_of(graph)
    twin, (x, targets) = TrainingTwin(step), data(5)
    frozen = features(twin.frozen, x)
    loss, gradients = twin.gradients(frozen, targets)
    single = [twin.gradients({name: v[i : i + 1] for name, v in frozen.items()}, targets[i : i + 1]) for i in range(5)]
    assert loss == pytest.approx(np.mean([each for each, _ in single]), rel=1e-5)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, np.mean([each[name] for _, each in single], axis=0), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("storage", ["device", "latent", "float"])
def test_it_learns_what_it_is_shown(storage):
    step = step_of(int8_network(Rounding.SINGLE))
    twin, (x, targets) = TrainingTwin(step, storage=storage), data(60)
    labels = targets.argmax(1)
    patterns = np.random.default_rng(5).integers(-100, 100, (CLASSES, *x.shape[1:]))
    frozen = features(twin.frozen, np.clip(patterns[labels] + x // 4, -128, 127).astype(np.int8))
    before = accuracy(twin, frozen, labels)
    fit(twin, frozen, targets, FineTuning(epochs=10, batch_size=4, rate=0.02), 0)
    assert accuracy(twin, frozen, labels) >= max(0.9, before + 0.2)


def test_latent_numbers_move_where_integers_do_not():
    step = step_of(int8_network(Rounding.SINGLE))
    latent, (x, targets) = TrainingTwin(step, storage="latent"), data(4)
    frozen = features(latent.frozen, x)
    before = latent.predict(frozen)
    weights = [each.parameter.name for each in step.learnt if each.initial.dtype == np.int8]
    latent.train(frozen, targets, 1e-6, 0)
    change = np.concatenate([latent.variables[name].ravel() for name in weights])
    assert 0 < np.abs(change).max() < 0.5
    np.testing.assert_allclose(latent.predict(frozen), before, atol=1e-4)


def test_dead_channels_stay():
    step = step_of(int8_network(Rounding.SINGLE, dead=True))
    twin, (x, targets) = TrainingTwin(step), data(4)
    for number in range(3):
        twin.train(features(twin.frozen, x), targets, 0.05, number)
    bias = twin.variables["expand.bias"]
    initial = next(each.initial for each in step.learnt if each.parameter.name == "expand.bias")
    assert bias[0] == initial[0]
    assert (bias[1:] != initial[1:]).any()


def test_the_frozen_part_is_computed_once(graph, tmp_path):
    twin, (x, _) = TrainingTwin(step_of(graph)), data(11)
    assert [node.name for node in twin.frozen.nodes] == ["stem"]
    first = features(twin.frozen, x, tmp_path)
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    again = features(twin.frozen, x, tmp_path)
    assert file.stat().st_mtime_ns == written
    features(twin.frozen, x[::-1], tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    np.testing.assert_array_equal(first["stem"], again["stem"])
    expected = execute(twin.frozen, {"x": x[10:]})["stem"]
    np.testing.assert_array_equal(first["stem"][10:], expected)


def test_an_operator_without_a_twin_is_named():
    builder = GraphBuilder("squashed")
    act = Quantization.per_tensor(0.05, 0)
    x = builder.input("x", (1, 4), DType.INT8, act)
    weights = builder.constant("w", np.ones((4, 4), np.int8), Quantization.per_channel([0.01] * 4, 0))
    y = builder.node(FullyConnected(), [x, weights], name="inner", quantization=act)
    y = builder.node(Unary("tanh"), [y], name="squash", quantization=act)
    y = builder.node(FullyConnected(), [y, weights], name="outer", quantization=act)
    scheme = UpdateScheme((LayerUpdate("inner"),))
    step = build_step(builder.build([y]), scheme, Platform().create(TrainingOptimizer, "qas"))
    with pytest.raises(UnsupportedError, match=r"'squash' \(unary\)"):
        TrainingTwin(step)


def test_rounding_to_nearest_cannot_be_left_out():
    rule = Platform().create(TrainingOptimizer, "qas", {"rounding": "nearest"})
    step = build_step(int8_network(Rounding.SINGLE), SCHEME, rule, head=FloatHead(CLASSES, 1))
    TrainingTwin(step)
    with pytest.raises(UnsupportedError, match="rounds to nearest"):
        TrainingTwin(step, storage="latent")
