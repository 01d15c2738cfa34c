"""A proxy as an evaluator: nothing is trained, and the figure ranks networks but is no accuracy."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from tinyml_core.api.dataset import Dataset, Split
from tinyml_core.api.evaluator import Evaluation
from tinyml_core.api.resolution import suited
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_plugins.training.loop import check, one_thread
from tinyml_plugins.training.zero_cost.proxies import PROXIES


@dataclass(frozen=True, kw_only=True)
class ZeroCost:
    """Ranks networks by a zero-cost proxy.

    Raises:
        InputError: there are too few samples.
    """

    proxy: Literal["macs", "parameters", "synflow", "gradnorm", "naswot"] = "naswot"
    """The proxy; ``macs`` and ``parameters`` are the baselines that the others have to beat."""
    samples: int = 64
    """Training samples that gradnorm and naswot look at."""

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise InputError(f"{self.samples} is too small", place="samples", remedy="give 2 or more")

    def score(self, graph: Graph, data: Dataset, seed: int) -> float:
        """The proxy's own figure, larger for the better network; ``seed`` draws the weights.

        Raises:
            InputError: the samples or the number of classes do not suit the network.
            GraphError: the graph cannot be trained, or the proxy has nothing to look at.
        """
        few = Split(data.train.x[: self.samples], data.train.y[: self.samples])
        data = suited(replace(data, train=few, validation=few, test=few), graph)
        check(graph, data)
        with one_thread():
            return PROXIES[self.proxy](graph, data.train, seed)

    def evaluate(self, graph: Graph, data: Dataset, seed: int) -> Evaluation:
        """The score pressed into 0 to 1 without changing any order; no accuracy. See :meth:`score`."""
        return Evaluation(0.5 + math.atan(self.score(graph, data, seed) / 10) / math.pi)
