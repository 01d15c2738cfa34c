"""Training as an evaluator: a network is as good as it becomes by a recipe."""

from __future__ import annotations

from typing import Any

from tinyml_core.api.dataset import Dataset
from tinyml_core.api.evaluator import Evaluation
from tinyml_core.api.resolution import suited
from tinyml_core.graph.graph import Graph
from tinyml_plugins.training.loop import accuracy, check, fit, one_thread
from tinyml_plugins.training.recipe import Recipe
from tinyml_plugins.training.torch_graph import TorchGraph


class Training:
    """Trains by a :class:`Recipe`, whose fields are the options, and judges on the validation split."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the fields of Recipe
        self.recipe = Recipe(**options)

    def evaluate(self, graph: Graph, data: Dataset, seed: int) -> Evaluation:
        """Accuracy after training, and the trained network.

        Raises:
            InputError: the samples or the number of classes do not suit the network.
            GraphError: the graph cannot be trained.
        """
        data = suited(data, graph)
        check(graph, data)
        with one_thread():
            module = TorchGraph(graph, seed=seed)
            losses = fit(module, data.train, self.recipe, seed)
            return Evaluation(accuracy(module, data.validation), module.export(), tuple(losses))
