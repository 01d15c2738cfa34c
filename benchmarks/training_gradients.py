"""Gradients: those of training steps against torch autograd in float64, and against differences of the loss.

Autograd runs on the same fake-quantised graph, every layer of which learns. An error is that of a whole tensor: the
Euclidean norm of what differs by that of the gradient. Saturated networks are the random ones with layers that compute
much more than int8 holds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from asked import Row
from training_samples import CLASSES, SHARED, samples

from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import UpdateSelector
from tinyml_core.graph.operators import Add, Concat
from tinyml_core.platform import Platform
from tinyml_core.testing.descent import Descent, everything
from tinyml_core.testing.random_learners import random_network
from tinyml_core.testing.unrounded import Slope, slopes, unrounded_network
from tinyml_core.training.head import FloatHead
from tinyml_core.training.losses import LOSSES
from tinyml_core.training.step import build_step
from tinyml_plugins.training.twin.gradient_errors import gradient_errors

NETWORKS = ("mcunet_5fps", "mbv2_w0.35")
RANDOM, QUICK_RANDOM = 50, 10
UNROUNDED, QUICK_UNROUNDED = 8, 2
GAIN = 12.0
"""How many times too much the layers of saturated networks compute."""
ERROR = 1e-5
DIFFERENCE = 1e-5
"""Most that a central difference and a gradient may differ by, relative to the loss: its float32 has 24 bits."""


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """Figures for ``benchmarks/training.py``; a quick run takes fewer networks."""
    images = samples("train", 1)
    for name in NETWORKS[:1] if quick else NETWORKS:
        graph = platform.load(SHARED / "models" / f"{name}.qdq.onnx")
        scheme = platform.create(UpdateSelector, "full").select(graph)
        step = build_step(graph, scheme, platform.create(TrainingOptimizer, "sgd"), head=FloatHead(CLASSES))
        found = gradient_errors(step, images.x[:1], np.eye(CLASSES, dtype=np.float32)[images.y[0]])
        yield Row(
            name, "largest relative error of a gradient", _short(found.relative[found.worst]), at_most=ERROR,
            note=f"{len(found.relative)} tensors; worst {found.worst}",
        )  # fmt: skip
    count = QUICK_RANDOM if quick else RANDOM
    yield _random("random networks", count, 1.0)
    yield _random("saturated networks", count, GAIN)
    yield _differences(QUICK_UNROUNDED if quick else UNROUNDED)


def _random(subject: str, count: int, gain: float) -> Row:
    """The worst gradient of networks with all losses, with heads of their own and new ones."""
    errors, residuals, joints, clamped = list[float](), 0, 0, list[float]()
    for seed in range(count):
        rng, graph = np.random.default_rng(seed), random_network(seed, gain)
        loss = list(LOSSES)[seed % len(LOSSES)]
        step = build_step(graph, everything(graph), Descent(), loss, FloatHead(4, seed) if seed % 4 == 1 else None)
        classes = step.evaluation.tensors[step.evaluation.outputs[0]].shape[1]
        target = rng.dirichlet(np.ones(classes)).astype(np.float32)
        if loss != "cross-entropy":
            target = rng.integers(0, 2, classes).astype(np.float32)
        sample = rng.integers(-128, 128, graph.tensors[graph.inputs[0]].shape).astype(np.int8)
        found = gradient_errors(step, sample, target, loss)
        errors += found.relative.values()
        residuals += sum(isinstance(node.op, Add) for node in graph.nodes)
        joints += sum(isinstance(node.op, Concat) for node in graph.nodes)
        clamped.append(found.saturated)
    return Row(
        f"{count} {subject}", "largest relative error of a gradient", _short(max(errors)), at_most=ERROR,
        note=f"{len(errors):,} tensors; {residuals} additions, {joints} concatenations, "
        f"{100 * np.mean(clamped):.0f} % of outputs at a limit",
    )  # fmt: skip


def _differences(count: int) -> Row:
    found = list[Slope]()
    for seed in range(count):
        graph = unrounded_network(seed)
        found += slopes(build_step(graph, everything(graph), Descent(), "mse"), seed)
    return Row(
        f"{count} unrounded networks", "largest |central difference - gradient| / loss",
        _short(max(slope.error for slope in found)), at_most=DIFFERENCE,
        note=f"{len(found):,} parameters, {sum(abs(slope.gradient) > 0.1 for slope in found):,} with a gradient",
    )  # fmt: skip


def _short(value: float) -> float:
    return float(f"{value:.2g}")
