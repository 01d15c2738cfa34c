"""Post-training quantisation: the weights stay, the ranges of the activations are watched on training samples."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.api.dataset import Dataset
from tinyml_core.graph.graph import Graph
from tinyml_core.quantization import observe_ranges, quantise_graph


@dataclass(frozen=True, kw_only=True)
class PostTraining:
    """Per-channel symmetric int8 weights, per-tensor asymmetric int8 activations, int32 biases."""

    samples: int = 256
    """Training samples to watch, drawn by the seed; all of them where there are fewer."""
    percentile: float = 100.0
    """100 keeps the least and greatest value; below it that percentile and its mirror image cut the tails."""

    def quantize(self, graph: Graph, data: Dataset | None, seed: int) -> Graph:
        """The int8 form of ``graph``, from which batch normalisation must have been folded; see ``quantise_graph``."""
        if data is None:
            return quantise_graph(graph)
        return quantise_graph(
            graph,
            observe_ranges(graph, data.train.x, count=self.samples, seed=seed, percentile=self.percentile),
        )
