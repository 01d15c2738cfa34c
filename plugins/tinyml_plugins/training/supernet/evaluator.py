"""The super-network as an evaluator: a network is as good as it is with the weights it inherits."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from tinyml_core.api.dataset import Dataset, Samples, Split
from tinyml_core.api.evaluator import Evaluation
from tinyml_core.api.resolution import suited
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_plugins.training.loop import EVALUATION_BATCH, accuracy, check, one_thread
from tinyml_plugins.training.supernet.checkpoint import Checkpoint, read
from tinyml_plugins.training.supernet.recipe import SupernetRecipe
from tinyml_plugins.training.supernet.shared import inherit
from tinyml_plugins.training.supernet.training import Hear, train
from tinyml_plugins.training.torch_graph import TorchGraph


class Supernet:
    """Trains one super-network for a search, whose networks inherit its weights; options: :class:`SupernetRecipe`.

    The networks come back with their weights and statistics, so that training can go on from there.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the fields of SupernetRecipe
        self.recipe = SupernetRecipe(**options)

    def prepare(self, space: SearchSpace, data: Dataset, seed: int, hear: Hear = lambda step, loss: None) -> None:
        """Train the super-network of ``space``, from its checkpoint on where there is one; see ``training.train``."""
        train(space, data, self.recipe, seed, hear)

    def identity(self) -> str:
        """A hash of space, dataset, seed and recipe of the trained super-network.

        Raises:
            InputError: there is no trained super-network.
        """
        return self._trained.identity.hex()

    def evaluate(self, graph: Graph, data: Dataset, seed: int) -> Evaluation:
        """Accuracy with inherited weights and statistics of the network's own; ``seed`` plays no part.

        Raises:
            InputError: there is no trained super-network, it is another space's, or the samples do not suit.
        """
        seen = Split(data.train.x[: self.recipe.calibration], data.train.y[: self.recipe.calibration])
        data = suited(replace(data, train=seen, test=seen), graph)
        check(graph, data)
        with one_thread():
            module = TorchGraph(inherit(graph, self._trained.shared))
            recalibrate(module, data.train.x)
            return Evaluation(accuracy(module, data.validation), module.export())

    @cached_property
    def _trained(self) -> Checkpoint:
        found = read(Path(self.recipe.checkpoint))
        if not found.done:
            raise InputError(
                f"has done {found.step} of {found.steps} steps",
                place=self.recipe.checkpoint,
                remedy="let it be prepared",
            )
        return found


@torch.no_grad()
def recalibrate(module: TorchGraph, x: Samples) -> None:
    """Replace the running statistics by those of ``x``, the mean over its batches (Yu and Huang, ICCV 2019)."""
    module.train()
    kept = module.momentum
    for number, first in enumerate(range(0, len(x), EVALUATION_BATCH), start=1):
        module.momentum = 1 / number
        module(torch.from_numpy(x[first : first + EVALUATION_BATCH]))
    module.momentum = kept
    module.eval()
