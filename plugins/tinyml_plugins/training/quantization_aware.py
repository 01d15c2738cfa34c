"""Quantisation-aware training: the weights learn with int8 rounding in every forward pass.

Jacob et al., CVPR 2018, section 3: each weight and activation is rounded to the integers the device will hold, and the
gradient passes the rounding as if it were not there (Bengio et al., arXiv 1308.3432) except where it saturates. The
ranges of the activations are those of post-training quantisation and stay; those of the weights follow the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tinyml_core.api.dataset import Dataset
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import DType, Quantization
from tinyml_core.quantization import RangeMethod, observe_ranges, quantise_graph, watching
from tinyml_plugins.training.loop import check, fit, one_thread
from tinyml_plugins.training.recipe import Recipe
from tinyml_plugins.training.torch_graph import TorchGraph


@dataclass(frozen=True, kw_only=True)
class QuantizationAwareTraining:
    """Fine-tunes for a fixed number of steps, then quantises like ``ptq``."""

    steps: int = 200
    """Updates of the weights."""
    batch_size: int = 32
    """Samples in each."""
    learning_rate: float = 0.0005
    """Greatest learning rate of AdamW."""
    shift: int = 0
    """Images move by up to this many pixels each way, at random; give what the training gave."""
    samples: int = 256
    """Training samples that set the ranges of the activations."""
    ranges: RangeMethod = "min-max"
    """What 256 integers cover of an activation: everything seen, without its tails, or what costs the least error."""
    percentile: float = 99.99
    """Where ``percentile`` cuts the tails: at that percentile and its mirror image."""

    def __post_init__(self) -> None:
        """Check the percentile."""
        watching(self.ranges, self.percentile)

    def quantize(self, graph: Graph, data: Dataset | None, seed: int) -> Graph:
        """The int8 form of ``graph``, from which batch normalisation must have been folded; see ``quantise_graph``.

        Raises:
            InputError: an option, the samples or the number of classes do not suit.
            GraphError: the graph cannot be trained or quantised.
        """
        if data is None:
            return quantise_graph(graph)
        check(graph, data)
        recipe = Recipe(
            steps=self.steps, batch_size=self.batch_size, learning_rate=self.learning_rate, shift=self.shift,
            weight_decay=0.0,
        )  # fmt: skip
        watch = watching(self.ranges, self.percentile)
        ranges = observe_ranges(graph, data.train.x, count=self.samples, seed=seed, watch=watch)
        rounding = FakeQuantisation(quantise_graph(graph, ranges))
        with one_thread():
            module = TorchGraph(graph, transform=rounding)
            fit(module, data.train, recipe, seed)
            return quantise_graph(module.export(), ranges)


class FakeQuantisation:
    """Rounds float tensors to what their int8 counterparts in ``integer`` can hold; biases stay as they are."""

    def __init__(self, integer: Graph) -> None:
        self._quantization: Mapping[str, Quantization] = {
            name: tensor.quantization
            for name, tensor in integer.tensors.items()
            if tensor.dtype is DType.INT8 and tensor.quantization is not None
        }

    def __call__(self, name: str, value: Tensor) -> Tensor:
        """``value`` rounded and saturated; weights by the scales that they have now."""
        quantization = self._quantization.get(name)
        if quantization is None:
            return value
        if quantization.axis is None:
            return torch.fake_quantize_per_tensor_affine(
                value, quantization.scale[0], quantization.zero_point[0], -128, 127
            )
        axis = quantization.axis
        others = [other for other in range(value.ndim) if other != axis]
        scales = (value.detach().abs().amax(others) / 127).clamp_min(torch.finfo(torch.float32).tiny)
        return torch.fake_quantize_per_channel_affine(
            value, scales, torch.zeros(len(scales), dtype=torch.int32), axis, -127, 127
        )
