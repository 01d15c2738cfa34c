"""The training loop, made for small networks on one thread: all random choices are drawn before the first step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tinyml_core.api.dataset import Dataset, Split
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_plugins.training.recipe import Recipe
from tinyml_plugins.training.torch_graph import TorchGraph

EVALUATION_BATCH = 256


@contextmanager
def one_thread() -> Iterator[None]:
    """Work on one thread: several trainings run side by side, and a sum over threads has no fixed order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def check(graph: Graph, data: Dataset) -> None:
    """Raise InputError unless the samples and classes of ``data`` suit ``graph``."""
    takes, gives = graph.tensors[graph.inputs[0]].shape[1:], graph.tensors[graph.outputs[0]].shape[1:]
    if data.sample_shape != takes:
        raise InputError(
            f"samples have shape {list(data.sample_shape)}, the network takes {list(takes)}",
            place=f"dataset {data.name!r}", remedy="build the network for this dataset",
        )  # fmt: skip
    if gives != (len(data.classes),):
        raise InputError(
            f"has {len(data.classes)} classes, the network gives {list(gives)}",
            place=f"dataset {data.name!r}", remedy="build the network for this dataset",
        )  # fmt: skip


def fit(module: TorchGraph, split: Split, recipe: Recipe, seed: int) -> list[float]:
    """Train ``module`` on ``split`` and return the loss of every step."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.from_numpy(split.y)
    batches = draw_batches(torch.from_numpy(split.x), recipe, generator)
    decayed = [module.constants[name] for name in module.weights]
    chosen = {id(value) for value in decayed}
    others = [value for value in module.parameters() if id(value) not in chosen]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, fused=True)
    losses = []
    module.train()
    for step, (samples, x) in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * pace(step, recipe)
        optimizer.zero_grad()
        found = loss(module, x, labels[samples], recipe.label_smoothing)
        found.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(found.detach()))
    module.eval()
    return losses


def pace(step: int, recipe: Recipe) -> float:
    """Share of the greatest learning rate at a step: a linear rise, then half a cosine."""
    rise = max(1, round(recipe.warmup * recipe.steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, recipe.steps - rise)))


def loss(module: TorchGraph, x: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
    """Cross entropy of the module's output, logits or probabilities."""
    scores = module(x)
    if module.ends_in_softmax:  # log-softmax of log-probabilities is the identity
        scores = scores.clamp_min(1e-30).log()
    return functional.cross_entropy(scores, labels, label_smoothing=label_smoothing)


def accuracy(module: TorchGraph, split: Split) -> float:
    """Share of ``split`` that ``module`` classifies rightly, 0 to 1."""
    module.eval()
    right = 0
    with torch.inference_mode():
        for first in range(0, len(split), EVALUATION_BATCH):
            chosen = slice(first, first + EVALUATION_BATCH)
            predicted = module(torch.from_numpy(split.x[chosen])).argmax(1).numpy()
            right += int(np.count_nonzero(predicted == split.y[chosen]))
    return right / len(split)


def draw_batches(
    x: Tensor, recipe: Recipe, generator: torch.Generator, first: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Sample numbers and samples of every step from ``first`` on; every sample is seen once before any is seen twice.

    All of it is drawn before the first step, so that a training that goes on from ``first`` sees what it would have.
    """
    count = recipe.steps * recipe.batch_size
    rounds = -(-count // len(x))
    order = torch.cat([torch.randperm(len(x), generator=generator) for _ in range(rounds)])[:count]
    numbers = order.view(recipe.steps, recipe.batch_size)
    if x.ndim != 4 or not recipe.shift:
        for samples in numbers[first:]:
            yield samples, x[samples]
        return
    reach = recipe.shift
    # Every shifted copy of every image, as a view: [n, 2 reach + 1, 2 reach + 1, channels, rows, columns].
    shifted = functional.pad(x, (0, 0, reach, reach, reach, reach)).unfold(1, x.shape[1], 1).unfold(2, x.shape[2], 1)
    moves = torch.randint(2 * reach + 1, (2, *numbers.shape), generator=generator)
    for step, samples in enumerate(numbers[first:], start=first):
        yield samples, shifted[samples, moves[0, step], moves[1, step]].permute(0, 2, 3, 1).contiguous()
