"""Rules and selectors inside whole training steps: what is frozen stays to the bit, and the rest learns."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import UpdateSelector
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.graph.operators import MergeChannels
from tinyml_core.training import FloatHead, Simulation, build_step

TARGETS = np.eye(3, dtype=np.float32)


def samples():
    rng = np.random.default_rng(5)
    for index in range(60):
        x = rng.integers(-60, 60, (1, 6, 6, 2))
        x[..., 0] += 60 * (index % 3 == 0)
        x[..., 1] += 60 * (index % 3 == 1)
        yield x.clip(-128, 127).astype(np.int8), TARGETS[index % 3]


@pytest.mark.parametrize(("name", "rate"), [("sgd", 0.05), ("qas", 0.05), ("momentum", 0.01), ("adam", 0.01)])
def test_networks_learn_and_frozen_channels_stay(platform, small, name, rate):
    scheme = platform.create(UpdateSelector, "sparse", {"bias_layers": 2, "weights": [[1, 0.5], [2, 0.5]]}).select(
        small
    )
    optimizer = platform.create(TrainingOptimizer, name)
    step = build_step(small, scheme, optimizer, head=FloatHead(3))
    simulation = Simulation(step)
    start = {key: value.copy() for key, value in simulation.variables.items()}
    losses = [simulation.train(x, target, rate, seed).loss for seed, (x, target) in enumerate(samples())]
    assert np.mean(losses[-12:]) < 0.8 * np.mean(losses[:12])
    moved = {key for key, value in simulation.variables.items() if value.tobytes() != start[key].tobytes()}
    assert len([key for key in moved if key.startswith("head.")]) >= 2
    if name != "sgd":
        assert {"filter.weight.learnt", "project.weight.learnt", "filter.bias", "project.bias"} <= moved

    merges = {node.name: node for node in step.evaluation.nodes if isinstance(node.op, MergeChannels)}
    assert len(merges) == 2
    inputs = {key: simulation.variables[key] for key in step.evaluation.inputs[1:]}
    inputs[step.evaluation.inputs[0]] = np.zeros((1, 6, 6, 2), np.int8)
    outputs = [node.outputs[0] for node in merges.values()]
    found = ReferenceExecutor(step.evaluation).run(inputs, keep=outputs)
    for node in merges.values():
        before = step.evaluation.tensors[node.inputs[0]].data
        frozen = [index for index in range(before.shape[-1]) if index not in node.op.channels]
        assert len(frozen) == 2
        assert found[node.outputs[0]][..., frozen].tobytes() == before[..., frozen].tobytes()


def test_parameters_have_random_numbers_of_their_own(platform, small):
    step = build_step(
        small, platform.create(UpdateSelector, "full").select(small), platform.create(TrainingOptimizer, "qas")
    )
    streams = [learnt.parameter.stream for learnt in step.learnt]
    assert len(set(streams)) == len(streams) == 5
