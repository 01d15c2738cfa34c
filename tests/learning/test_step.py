"""What a training step consists of: nothing for what is frozen, slices of gradients, an order that updates in place."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph import operators as ops
from tinyml_core.graph.operators import Gather, SaturationMask
from tinyml_core.graph.serialise import digest, load, save
from tinyml_core.testing.descent import Descent, everything
from tinyml_core.testing.random_learners import random_network
from tinyml_core.training import FloatHead, build_step
from tinyml_core.training.scheme import CHANNEL_AXES


def layers_of(graph):
    return [node for node in graph.nodes if type(node.op) in CHANNEL_AXES]


def inputs_for(step, seed=0):
    rng, graph = np.random.default_rng(seed), step.graph
    values = {each.name: each.initial for each in step.variables}
    sample = rng.integers(-128, 128, graph.tensors[graph.inputs[0]].shape).astype(np.int8)
    target = np.eye(graph.tensors["target"].shape[1], dtype=np.float32)[:1]
    settings = {"target": target, "rate": np.full(1, 0.1, np.float32), "seed": np.full(1, 5, np.int32)}
    given = {**values, **settings, graph.inputs[0]: sample}
    return {name: given[name] for name in graph.inputs}


@pytest.mark.parametrize("seed", range(4))
def test_saved_and_loaded_without_loss(seed, tmp_path):
    graph = random_network(seed)
    for samples in (1, 4):
        step = build_step(graph, everything(graph), Descent(), samples=samples)
        for index, each in enumerate(filter(None, (step.graph, step.apply, step.evaluation))):
            save(each, tmp_path / f"{index}.tinyml")
            assert digest(load(tmp_path / f"{index}.tinyml")) == digest(each)


@pytest.mark.parametrize("seed", range(6))
def test_the_forward_pass_is_that_of_the_network(seed):
    graph = random_network(seed)
    step = build_step(graph, everything(graph), Descent())
    given = inputs_for(step, seed)
    sample = {graph.inputs[0]: given[step.graph.inputs[0]]}
    names = [name for node in graph.nodes for name in node.outputs]
    expected, found = execute(graph, sample, keep=names), execute(step.graph, given, keep=names)
    assert all(np.array_equal(expected[name], found[name]) for name in names)
    output = graph.tensors[graph.outputs[0]]
    real = np.float32(output.scale) * (expected[output.name].astype(np.float32) - output.zero_point)
    assert np.array_equal(found["logits"], real.reshape(1, -1))


def test_inputs_and_outputs_are_the_contract():
    graph = random_network(1)
    step = build_step(graph, everything(graph), Descent(), head=FloatHead(7))
    names = tuple(variable.name for variable in step.variables)
    assert step.graph.inputs == ("image", "target", "rate", "seed", *names)
    assert step.graph.outputs == ("loss", "logits", *(variable.updated for variable in step.variables))
    assert dict(step.graph.state) == {variable.name: variable.updated for variable in step.variables}
    assert [each.parameter.name for each in step.learnt] == list(names)
    assert names[-2:] == ("head.weight", "head.bias")
    assert step.graph.tensors["logits"].shape == step.graph.tensors["target"].shape == (1, 7)


@pytest.mark.parametrize("seed", range(8))
def test_chosen_channels_get_their_share_of_the_whole_gradient(seed):
    graph, rng = random_network(seed), np.random.default_rng(seed)
    whole = build_step(graph, everything(graph), Descent())
    layers = []
    for node in layers_of(graph):
        size = graph.tensors[node.inputs[1]].shape[CHANNEL_AXES[type(node.op)]]
        channels = tuple(sorted(rng.choice(size, max(1, size // 2), replace=False).tolist()))
        layers.append(LayerUpdate(node.name, bool(rng.integers(2)), channels))
    part = build_step(graph, UpdateScheme(tuple(layers)), Descent())
    wanted = execute(whole.graph, inputs_for(whole), keep=list(whole.gradients.values()))
    found = execute(part.graph, inputs_for(part), keep=list(part.gradients.values()))
    assert found["loss"] == wanted["loss"]
    chosen = {layer.node: layer.channels for layer in layers}
    sliced = 0
    for each in part.learnt:
        name = each.parameter.name
        expected = wanted[whole.gradients[name.removesuffix(".learnt")]]
        if each.channels is not None:
            axis = CHANNEL_AXES[type(graph.producers[each.node].op)]
            expected = np.take(expected, chosen[each.node], axis)
            sliced += 1
        assert np.array_equal(found[part.gradients[name]], expected), name
    assert sliced >= 5


def test_the_saved_activation_is_the_chosen_channels_alone():
    """Channels and masks are taken right behind their activation, so that nothing else of it has to stay."""
    graph = random_network(3)
    node = next(
        node for node in layers_of(graph) if graph.tensors[node.inputs[1]].shape[-1] > 3 and node.name != "layer1"
    )
    step = build_step(graph, UpdateScheme((LayerUpdate(node.name, True, (1, 2)),)), Descent())
    order = [each.name for each in step.graph.nodes]
    (gather,) = (each for each in step.graph.nodes if isinstance(each.op, Gather))
    assert gather.inputs[0] == node.inputs[0]
    assert step.graph.tensors[gather.outputs[0]].shape[-1] == 2
    masks = [each for each in step.graph.nodes if isinstance(each.op, SaturationMask)]
    for early in (gather, *masks):
        producer = order.index(step.graph.producers[early.inputs[0]].name)
        between = order[producer + 1 : order.index(early.name)]
        assert not [name for name in between if name in graph.producers], early
    loss = order.index(step.graph.producers["loss"].name)
    late = {name for each in step.graph.nodes[loss:] for name in each.inputs}
    assert node.inputs[0] not in late


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_computed_for_what_is_frozen(seed):
    graph = random_network(seed)
    layers = layers_of(graph)
    first = layers[-3]
    learning = UpdateScheme(tuple(LayerUpdate(node.name, True, ()) for node in layers[-3:]))
    step = build_step(graph, learning, Descent())
    behind = reaches(graph, first.outputs[0])
    own = {node.name for node in graph.nodes}
    backward = [node for node in step.graph.nodes if node.name not in own]
    for node in graph.nodes:
        of_node = [each for each in backward if each.name.startswith(f"{node.name}.")]
        if node.name not in behind and node.name not in {layer.node for layer in learning.layers}:
            assert not of_node, node.name
    assert not [each for each in backward if each.op.kind.endswith("weight_gradient")]
    assert not [each for each in backward if each.name == f"{first.name}.input_gradient"]


def reaches(graph, name):
    """Nodes that read a tensor, or what is computed from it."""
    known, nodes = {name}, set()
    for node in graph.nodes:
        if known.intersection(node.inputs):
            known.update(node.outputs)
            nodes.add(node.name)
    return nodes


def test_a_new_head_alone_differentiates_nothing_else():
    graph = random_network(2)
    step = build_step(graph, UpdateScheme(()), Descent(), head=FloatHead(5))
    assert [variable.name for variable in step.variables] == ["head.weight", "head.bias"]
    kinds = {node.op.kind for node in step.graph.nodes}
    assert not kinds & {"saturation_mask", "conv2d_input_gradient", "depthwise_input_gradient", "masked_scale"}


@pytest.mark.parametrize("seed", range(6))
def test_updates_follow_the_input_gradient_of_their_layer(seed):
    """So that they can be made in place: nobody reads a parameter after its update, and nothing earlier comes first."""
    graph = random_network(seed)
    step = build_step(graph, everything(graph), Descent())
    order = {node.name: index for index, node in enumerate(step.graph.nodes)}
    producers = step.graph.producers
    for variable in step.variables:
        update = order[producers[variable.updated].name]
        assert all(order[reader.name] <= update for reader in step.graph.consumers[variable.name])
    updates = [order[producers[variable.updated].name] for variable in step.variables]
    firsts = {}
    for each, place in zip(step.learnt, updates, strict=True):
        firsts.setdefault(each.node, []).append(place)
    for node in layers_of(graph):
        gradient = order.get(f"{node.name}.input_gradient")
        assert gradient is None or gradient < min(firsts[node.name])


def test_names_that_a_step_needs_are_left_to_it():
    builder, scale = GraphBuilder("clash"), Quantization.per_tensor(0.05)
    sample = builder.input("target", (1, 4, 4, 2), DType.INT8, scale)
    weights = builder.constant("loss", np.ones((3, 1, 1, 2), np.int8), Quantization.per_tensor(0.01))
    rows = builder.node(ops.Conv2D(), [sample, weights], name="logits", quantization=scale)
    mean = builder.node(ops.Mean((1, 2)), [rows], name="rate", quantization=scale)
    step = build_step(builder.build([mean]), UpdateScheme((LayerUpdate("logits", True, None),)), Descent())
    assert step.graph.inputs[1:] == ("target", "rate", "seed", "logits.weight", "logits.bias")
    assert step.graph.outputs[:2] == ("loss", "logits")
    assert step.graph.tensors[step.graph.inputs[0]].shape == (1, 4, 4, 2)
    assert not step.variables[1].initial.any()


def small(op, *, classes=3):
    """A convolution, ``op`` and a dense layer."""
    builder, scale = GraphBuilder("small"), Quantization.per_tensor(0.05)
    per = Quantization.per_tensor(0.01)
    value = builder.input("image", (1, 4, 4, 2), DType.INT8, scale)
    weights = builder.constant("w", np.ones((4, 1, 1, 2), np.int8), per)
    value = builder.node(ops.Conv2D(), [value, weights], name="stem", quantization=scale)
    value = builder.node(op, [value], name="middle", quantization=scale)
    size = builder.tensor(value).elements
    value = builder.node(ops.Reshape((1, size)), [value], quantization=scale)
    dense = builder.constant("v", np.ones((classes, size), np.int8), per)
    return builder.build([builder.node(ops.FullyConnected(), [value, dense], name="dense", quantization=scale)])


@pytest.mark.parametrize(
    "op",
    [ops.Unary("gelu"), ops.Pad(((0, 0), (1, 1), (0, 0), (0, 0)), "reflect"), ops.Tile((1, 2, 1, 1)), ops.Softmax()],
    ids=lambda op: op.title,
)
def test_an_operator_without_gradient_is_named(op):
    graph = small(op)
    with pytest.raises(UnsupportedError, match=r"middle.*let only layers behind it learn"):
        build_step(graph, everything(graph), Descent())
    assert build_step(graph, UpdateScheme((LayerUpdate("dense", True, None),)), Descent()).variables


@pytest.mark.parametrize(
    ("scheme", "options", "message"),
    [
        ((LayerUpdate("nowhere"),), {}, "nowhere.*no node"),
        ((LayerUpdate("stem"), LayerUpdate("stem")), {}, "stem.*twice"),
        ((LayerUpdate("middle"),), {}, "middle.*no parameters"),
        ((LayerUpdate("stem", True, (0, 2)),), {}, "ascending numbers below 2"),
        ((LayerUpdate("stem", True, (1, 0)),), {}, "ascending numbers below 2"),
        ((LayerUpdate("stem", False),), {}, "nothing learn"),
        ((LayerUpdate("dense"),), {"loss": "hinge"}, "hinge.*known: cross-entropy, mse, binary"),
        ((LayerUpdate("dense"),), {"samples": 0}, "one is the least"),
        ((LayerUpdate("dense"),), {"head": FloatHead(0)}, "0 classes"),
    ],
)
def test_a_wrong_request_is_told(scheme, options, message):
    with pytest.raises(InputError, match=message):
        build_step(small(ops.Clamp(ops.RELU)), UpdateScheme(scheme), Descent(), **options)
