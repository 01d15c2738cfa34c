"""Gradients of the training graph against torch autograd of the same fake-quantised network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fake_quantised import Descent, everything, gradients_by_autograd, random_network
from tinyml_core.api.update_selector import UpdateSelector
from tinyml_core.arithmetic.executor import execute
from tinyml_core.platform import Platform
from tinyml_core.training import FloatHead, build_step
from tinyml_core.training.autodiff import Backward

MODELS = Path(__file__).parents[3] / "shared" / "models"

LARGEST_ERROR = 1e-5
"""Relative, of a whole tensor: the Euclidean norm of what differs by that of the gradient."""


def compared(step, sample, target, loss):
    """The relative error of each parameter's gradient, and both losses."""
    sample_name = step.evaluation.inputs[0]
    values = {sample_name: sample} | {each.name: each.initial for each in step.variables}
    expected_loss, expected = gradients_by_autograd(step.evaluation, values, target, loss)
    given = {**values, "target": target.reshape(1, -1), "rate": np.zeros(1, np.float32), "seed": np.zeros(1, np.int32)}
    found = execute(step.graph, given, keep=list(step.gradients.values()))
    errors = {}
    for name, handle in step.gradients.items():
        gradient = found[handle].astype(np.float64)
        norm, distance = np.linalg.norm(expected[name]), np.linalg.norm(gradient - expected[name])
        errors[name] = distance / norm if norm else (0.0 if distance == 0 else np.inf)
    return errors, (float(found["loss"][0]), expected_loss), found


def target_for(loss, classes, rng):
    if loss == "cross-entropy":
        return rng.dirichlet(np.ones(classes)).astype(np.float32)
    return rng.integers(0, 2, classes).astype(np.float32)


@pytest.mark.parametrize("seed", [*range(10), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 50))])
def test_random_networks(seed):
    rng, graph = np.random.default_rng(seed), random_network(seed)
    loss = ("cross-entropy", "mse", "binary")[seed % 3]
    head = FloatHead(4, seed) if seed % 4 == 1 else None
    step = build_step(graph, everything(graph), Descent(), loss, head)
    classes = step.evaluation.tensors["logits"].shape[1]
    sample = rng.integers(-128, 128, graph.tensors["image"].shape).astype(np.int8)
    errors, (found, expected), _ = compared(step, sample, target_for(loss, classes, rng), loss)
    assert found == pytest.approx(expected, rel=1e-5)
    assert len(errors) == 2 * len(everything(graph).layers)
    assert max(errors.values()) <= LARGEST_ERROR, errors


def test_a_dropped_skip_gradient_is_found(monkeypatch):
    """The release that this is modelled on keeps one branch's gradient where a value goes to several nodes."""

    def replaced(back, name, gradient):
        back._gradients[name] = gradient

    graph, rng = random_network(0), np.random.default_rng(0)
    sample = rng.integers(-128, 128, graph.tensors["image"].shape).astype(np.int8)
    target = target_for("cross-entropy", graph.tensors[graph.outputs[0]].elements, rng)
    whole = build_step(graph, everything(graph), Descent())
    monkeypatch.setattr(Backward, "give", replaced)
    dropped = build_step(graph, everything(graph), Descent())
    assert max(compared(whole, sample, target, "cross-entropy")[0].values()) <= LARGEST_ERROR
    assert max(compared(dropped, sample, target, "cross-entropy")[0].values()) > 0.01


@pytest.mark.parametrize("scheme", ["49kb", pytest.param("full", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["mcunet_5fps", "mbv2_w0.35"])
def test_real_networks(name, scheme):
    if not (MODELS / f"{name}.qdq.onnx").is_file():
        pytest.skip(f"{MODELS} holds no {name}.qdq.onnx")
    platform = Platform()
    graph = platform.load(MODELS / f"{name}.qdq.onnx")
    chosen = platform.create(UpdateSelector, "full")
    if scheme != "full":
        chosen = platform.create(UpdateSelector, "sparse", {"scheme": f"{name}-{scheme}"})
    step = build_step(graph, chosen.select(graph), Descent(), head=FloatHead(10))
    rng = np.random.default_rng(3)
    coarse = rng.normal(0, 60, (1, 16, 16, 3)).repeat(8, axis=1).repeat(8, axis=2)
    sample = np.clip(coarse + rng.normal(0, 10, (1, 128, 128, 3)), -128, 127).astype(np.int8)
    errors, (found, expected), _ = compared(step, sample, np.eye(10, dtype=np.float32)[3], "cross-entropy")
    assert found == pytest.approx(expected, rel=1e-5)
    assert max(errors.values()) <= LARGEST_ERROR, errors
