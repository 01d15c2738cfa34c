"""Post-training quantisation: the network's function stays, its ranges are watched on training samples."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.api.dataset import Dataset
from tinyml_core.graph.graph import Graph
from tinyml_core.quantization import RangeMethod, equalised, observe_ranges, quantise_graph, watching


@dataclass(frozen=True, kw_only=True)
class PostTraining:
    """Per-channel symmetric int8 weights, per-tensor asymmetric int8 activations, int32 biases."""

    samples: int = 256
    """Training samples to watch, drawn by the seed; all of them where there are fewer."""
    ranges: RangeMethod = "min-max"
    """What 256 integers cover of an activation: everything seen, without its tails, or what costs the least error."""
    percentile: float = 99.99
    """Where ``percentile`` cuts the tails: at that percentile and its mirror image."""
    equalise: bool = False
    """Balance the weights of layers in a row first (cross-layer equalisation); the float function stays."""

    def __post_init__(self) -> None:
        """Check the percentile."""
        watching(self.ranges, self.percentile)

    def quantize(self, graph: Graph, data: Dataset | None, seed: int) -> Graph:
        """The int8 form of ``graph``, from which batch normalisation must have been folded; see ``quantise_graph``."""
        if self.equalise:
            graph = equalised(graph)
        if data is None:
            return quantise_graph(graph)
        watch = watching(self.ranges, self.percentile)
        return quantise_graph(
            graph, observe_ranges(graph, data.train.inputs or data.train.x, count=self.samples, seed=seed, watch=watch)
        )
