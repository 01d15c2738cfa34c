"""Training of a super-network: the sandwich rule with in-place distillation.

In each step the largest network learns from the labels; the smallest and some random ones learn from what it says (Yu
and Huang, ICCV 2019; Yu et al., "BigNAS", ECCV 2020). Normalisations work by the statistics of the batch, of which none
are kept: each network gets its own when it is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tinyml_core.api.dataset import Dataset
from tinyml_core.api.resolution import resampling, suited
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.operators import Softmax
from tinyml_core.graph.tensor import Array
from tinyml_core.search.candidate import Candidate
from tinyml_plugins.training.loop import check, draw_batches, one_thread, pace
from tinyml_plugins.training.supernet.bounds import explore
from tinyml_plugins.training.supernet.checkpoint import Checkpoint, identify, read, write
from tinyml_plugins.training.supernet.recipe import SupernetRecipe
from tinyml_plugins.training.supernet.sampling import Sandwich
from tinyml_plugins.training.supernet.shared import Subnetwork, draw
from tinyml_plugins.training.supernet.sorting import sort_channels

STATE = ("exp_avg", "exp_avg_sq", "step")
"""What AdamW keeps of a parameter."""
Hear = Callable[[int, float], None]
"""(updates done, loss of the largest network) after every update."""


def train(
    space: SearchSpace, data: Dataset, recipe: SupernetRecipe, seed: int, hear: Hear = lambda step, loss: None
) -> Checkpoint:
    """The super-network of ``space``, trained, or taken from its checkpoint as far as that has come.

    Raises:
        InputError: the checkpoint is another super-network's or cannot be used, the samples do not suit, or CUDA is
            asked for and there is none.
        GraphError: the networks cannot share their weights or cannot be trained.
    """

    def build(candidate: Candidate) -> Graph:
        return space.build(candidate, data.sample_shape, len(data.classes))

    with one_thread():
        bounds = explore(space, build, seed)
        shapes = {name: constant.shape for name, constant in bounds.constants.items()}
        config = {"recipe": recipe.shaping, "seed": seed, "shapes": shapes, "largest": bounds.largest.choices}
        path, total = Path(recipe.checkpoint), recipe.largest_steps + recipe.steps
        state = Checkpoint(identify(config, data), 0, total, draw(bounds.constants, seed), {})
        if path.exists():
            found = read(path)
            if found.identity != state.identity:
                raise InputError(
                    "holds a super-network of another space, dataset, seed or recipe",
                    place=str(path), remedy="name another file, or remove it",
                )  # fmt: skip
            state = found
        if state.done:
            return state
        trainer = _Trainer(build, Sandwich(space, bounds, recipe), data, recipe, seed, hear)
        if state.step < recipe.largest_steps:
            state = trainer.run(state, 0, recipe.largest_steps, largest_alone=True)
            state = replace(state, shared=sort_channels(build(bounds.largest), state.shared), optimizer={})
            write(path, state)
        return trainer.run(state, recipe.largest_steps, recipe.steps, largest_alone=False)


class _Trainer:
    def __init__(
        self, build: Callable[[Candidate], Graph], sandwich: Sandwich, data: Dataset, recipe: SupernetRecipe,
        seed: int, hear: Hear,
    ) -> None:  # fmt: skip
        self._build, self._sandwich, self._recipe, self._seed, self._hear = build, sandwich, recipe, seed, hear
        self._device = choose_device(recipe.device)
        self._x = torch.from_numpy(data.train.x).to(self._device)
        self._labels = torch.from_numpy(data.train.y).to(self._device)
        largest = build(sandwich.bounds.largest)
        check(largest, suited(data, largest))
        if isinstance(largest.producers[largest.outputs[0]].op, Softmax):
            raise InputError("gives probabilities", place=f"graph {largest.name!r}", remedy="let it give logits")
        self._shapes = {name: constant.shape for name, constant in sandwich.bounds.constants.items()}
        self._largest = self._network(sandwich.bounds.largest)

    def run(self, state: Checkpoint, offset: int, steps: int, *, largest_alone: bool) -> Checkpoint:
        """Go on from ``state`` to step ``offset + steps``."""
        recipe = replace(self._recipe, steps=steps)
        shared = {name: nn.Parameter(torch.from_numpy(value).to(self._device)) for name, value in state.shared.items()}
        optimizer = self._optimizer(shared, state.optimizer)
        generator = torch.Generator().manual_seed(self._seed + offset)
        first = state.step - offset
        for step, (samples, x) in enumerate(draw_batches(self._x, recipe, generator, first), start=first):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * pace(step, recipe)
            optimizer.zero_grad()
            candidates = [] if largest_alone else self._sandwich.networks(step, self._seed)
            loss = self._learn(shared, x, self._labels[samples], candidates)
            optimizer.step()
            last = step + 1 == steps
            if last or (step + 1) % recipe.checkpoint_steps == 0:
                kept = {} if last else _state(optimizer, shared)
                state = replace(state, step=offset + step + 1, shared=_numbers(shared), optimizer=kept)
                if not (last and largest_alone):  # that step ends with the sorting, which is not done yet
                    write(Path(recipe.checkpoint), state)
            self._hear(offset + step + 1, loss)
        return state

    def _learn(self, shared: Mapping[str, Tensor], x: Tensor, labels: Tensor, candidates: list[Candidate]) -> float:
        """Add the gradients of the largest network, then of those that learn from it; return the loss of the first."""
        scores = self._largest.forward(shared, _resized(x, self._largest.graph))
        loss = functional.cross_entropy(scores, labels, label_smoothing=self._recipe.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        taught = scores.detach().softmax(1)
        for candidate in candidates:
            network = self._network(candidate)
            learner = network.forward(shared, _resized(x, network.graph))
            functional.cross_entropy(learner, taught).backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _network(self, candidate: Candidate) -> Subnetwork:
        return Subnetwork.of(self._build(candidate), self._shapes, self._device)

    def _optimizer(self, shared: Mapping[str, nn.Parameter], kept: Mapping[str, Array]) -> torch.optim.Optimizer:
        decayed = {name: self._sandwich.bounds.constants[name].role == "weights" for name in shared}
        groups = [
            {"params": [shared[name] for name in shared if decayed[name]], "weight_decay": self._recipe.weight_decay},
            {"params": [shared[name] for name in shared if not decayed[name]], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, fused=True)
        for name, value in shared.items():
            if f"{STATE[0]}/{name}" in kept:
                optimizer.state[value] = {
                    key: torch.from_numpy(np.array(kept[f"{key}/{name}"])).to(self._device) for key in STATE
                }
        return optimizer


def choose_device(wanted: str) -> torch.device:
    """Where to train.

    Raises:
        InputError: CUDA is asked for and there is none.
    """
    cuda = torch.cuda.is_available()
    if wanted == "cuda" and not cuda:
        raise InputError("there is no CUDA here", place="device", remedy="choose auto or cpu")
    return torch.device("cuda" if cuda and wanted != "cpu" else "cpu")


def _resized(x: Tensor, graph: Graph) -> Tensor:
    """Images in the resolution of ``graph``: :func:`~tinyml_core.api.resolution.at_resolution` in torch."""
    shape = graph.tensors[graph.inputs[0]].shape
    if x.shape[1:] == shape[1:]:
        return x
    rows, columns = (torch.from_numpy(resampling(x.shape[axis], shape[axis])).to(x.device) for axis in (1, 2))
    return torch.einsum("nrkc,Rr,Kk->nRKc", x, rows, columns)


def _numbers(shared: Mapping[str, Tensor]) -> dict[str, Array]:
    return {name: value.detach().cpu().numpy().copy() for name, value in shared.items()}


def _state(optimizer: torch.optim.Optimizer, shared: Mapping[str, nn.Parameter]) -> dict[str, Array]:
    """What the optimizer keeps of the parameters that have had a gradient."""
    return {
        f"{key}/{name}": optimizer.state[value][key].cpu().numpy().copy()
        for name, value in shared.items()
        if value in optimizer.state
        for key in STATE
    }
