"""Gradients of the training graph against torch autograd of the same fake-quantised network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyml_core.api.update_selector import UpdateSelector
from tinyml_core.platform import Platform
from tinyml_core.testing.descent import Descent, everything
from tinyml_core.testing.random_learners import random_network
from tinyml_core.training import FloatHead, build_step
from tinyml_core.training.autodiff import Backward
from tinyml_plugins.training.twin.gradient_errors import gradient_errors

MODELS = Path(__file__).parents[3] / "shared" / "models"

LARGEST_ERROR = 1e-5
"""Relative, of a whole tensor: the Euclidean norm of what differs by that of the gradient."""


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
    found = gradient_errors(step, sample, target_for(loss, classes, rng), loss)
    assert found.loss == pytest.approx(found.expected_loss, rel=1e-5)
    assert len(found.relative) == 2 * len(everything(graph).layers)
    assert found.relative[found.worst] <= LARGEST_ERROR, found.worst


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
    assert max(gradient_errors(whole, sample, target).relative.values()) <= LARGEST_ERROR
    assert max(gradient_errors(dropped, sample, target).relative.values()) > 0.01


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
    found = gradient_errors(step, sample, np.eye(10, dtype=np.float32)[3])
    assert found.loss == pytest.approx(found.expected_loss, rel=1e-5)
    assert found.relative[found.worst] <= LARGEST_ERROR, found.worst
