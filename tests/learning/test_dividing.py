"""Divided steps: wide gradients in parts compute what whole ones do, in less memory."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Add, Conv2D, DepthwiseConv2D, FullyConnected, Mean
from tinyml_core.graph.verify import verify
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.pipeline.training import Lessons, compile_step, difference, falling, simulate, train_on_device
from tinyml_core.platform import Platform
from tinyml_core.testing.descent import Descent, everything
from tinyml_core.testing.random_learners import random_network
from tinyml_core.training import FloatHead, Simulation, build_step
from tinyml_core.training.dividing import divided


def computed(step, graph):
    """The gradient of each parameter, from its parts where it is divided; and the new value of each variable."""
    rng = np.random.default_rng(0)
    given = {step.evaluation.inputs[0]: rng.integers(-128, 128, graph.tensors[graph.inputs[0]].shape).astype(np.int8)}
    given |= {each.name: each.initial for each in step.variables}
    given |= {"target": np.eye(4, dtype=np.float32)[:1], "rate": np.full(1, 0.1, np.float32)}
    given["seed"] = np.zeros(1, np.int32)
    tensors = {name: parts_of(graph, handle) for name, handle in step.gradients.items()}
    kept = [part for parts in tensors.values() for part in parts]
    found = execute(graph, {name: given[name] for name in graph.inputs}, keep=kept)
    gradients = {}
    for name, parts in tensors.items():
        shape = next(each.initial.shape for each in step.variables if each.name == name)
        gradients[name] = np.concatenate([found[part] for part in parts], 3 if len(shape) == 4 and shape[0] == 1 else 0)
    return gradients, {name: found[updated] for name, updated in graph.state.items()}


def parts_of(graph, handle):
    """The tensor, or its parts in order."""
    if handle in graph.tensors:
        return [handle]
    parts = [name for name in graph.tensors if re.fullmatch(re.escape(handle) + r"\.\d+", name)]
    return sorted(parts, key=lambda name: int(name.rpartition(".")[2]))


def compare(step, parts):
    (expected, values), (found, divided_values) = computed(step, step.graph), computed(step, parts)
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-4, atol=1e-5 * np.abs(gradient).max(), err_msg=name)
    for name, value in values.items():  # integers are rounded by other random numbers
        np.testing.assert_allclose(divided_values[name], value, rtol=1e-4, atol=1 if value.dtype.kind == "i" else 1e-5)


def bottlenecks():
    """Two inverted bottlenecks of 24 channels, with a residual."""
    rng, b = np.random.default_rng(4), GraphBuilder("bottlenecks")
    act = Quantization.per_tensor(0.05, -3)

    def layer(op, x, name, shape, axis):
        data, scales = rng.integers(-127, 128, shape).astype(np.int8), rng.uniform(0.002, 0.01, shape[axis])
        weights = b.constant(f"{name}.w", data, Quantization.per_channel(scales, axis))
        bias = b.constant(f"{name}.b", np.zeros(len(scales), np.int32), Quantization.per_channel(scales * 0.05, 0))
        return b.node(op, [x, weights, bias], name=name, quantization=act)

    x = b.input("image", (1, 5, 6, 4), DType.INT8, act)
    for block in "ab":
        y = layer(Conv2D(), x, f"{block}.expand", (24, 1, 1, 4), 0)
        y = layer(DepthwiseConv2D(padding=(1, 1, 1, 1)), y, f"{block}.filter", (1, 3, 3, 24), 3)
        y = layer(Conv2D(), y, f"{block}.project", (4, 1, 1, 24), 0)
        x = b.node(Add(), [x, y], name=f"{block}.sum", quantization=act)
    y = b.node(Mean(), [x], name="mean", quantization=act)
    return b.build([layer(FullyConnected(), y, "classes", (3, 4), 0)])


def some(graph, project, expand):
    """All biases; of the weights of each kind of layer those channels."""
    channels = {"project": project, "expand": expand, "filter": None}
    nodes = [node.name for node in graph.nodes if "." in node.name and "sum" not in node.name]
    return UpdateScheme(tuple(LayerUpdate(name, True, channels[name.split(".")[1]]) for name in nodes))


@pytest.mark.parametrize("project", [None, (1, 5, 6, 7, 22), (20,), ()])
@pytest.mark.parametrize("expand", [None, (0, 2)])
def test_bottlenecks_need_less_memory(project, expand):
    network = bottlenecks()
    step = build_step(network, some(network, project, expand), Descent(), head=FloatHead(4))
    parts = verify(divided(step.graph, 1024))
    compare(step, parts)
    widest = [max(t.bytes for t in graph.tensors.values() if "gradient" in t.name) for graph in (step.graph, parts)]
    assert widest[0] == 4 * 5 * 6 * 24
    assert widest[1] <= 1024


@pytest.mark.parametrize("seed", range(6))
def test_gradients_of_random_networks_stay(seed):
    network = random_network(seed)
    step = build_step(network, everything(network), Descent(), head=FloatHead(4))
    parts = verify(divided(step.graph, 64))
    assert parts.inputs == step.graph.inputs
    assert parts.outputs == step.graph.outputs
    assert dict(parts.state) == dict(step.graph.state)
    compare(step, parts)


@pytest.mark.parametrize("project", [None, (1, 5, 6, 7, 22)])
def test_the_device_computes_the_parts(project, tmp_path):
    network, platform = bottlenecks(), Platform()
    scheme, rule = some(network, project, (0, 2)), platform.create(TrainingOptimizer, "qas")
    steps = {widest: build_step(network, scheme, rule, head=FloatHead(4), widest=widest) for widest in (None, 1024)}
    assert len(steps[1024].graph.nodes) > len(steps[None].graph.nodes)
    rng = np.random.default_rng(0)
    x, targets = rng.integers(-128, 128, (3, 1, 5, 6, 4)).astype(np.int8), np.eye(4, dtype=np.float32)[[2, 0, 1]]
    lessons, arenas = Lessons(x, targets, falling(0.1, 3)), []
    for widest, step in steps.items():
        folder, simulation = tmp_path / str(widest), Simulation(step)
        folder.mkdir()
        options = CompileOptions(objective="sram")
        arenas.append(compile_step(folder, step, platform.target("stm32f746"), options, platform).program.arena_bytes)
        outcomes = simulate(simulation, lessons)
        execution = train_on_device(folder, step, lessons, platform)
        assert execution.differing_bytes == difference(execution, outcomes, simulation) == 0
    assert arenas[1] < arenas[0]
