"""A cheap choice of what learns: squared gradients on some samples, the most of them for each byte.

Fisher information as the measure of what matters is from TinyTrain (Kwon et al., ICML 2024). The choice is greedy,
which loses little, since the channels of a layer all cost the same and are taken from the best one on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyml_core.api.update_selector import LearningTask, UpdateScheme
from tinyml_core.errors import CapacityError, InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.training import FloatHead
from tinyml_plugins.learning.extra_memory import extra_memory, layer_memory
from tinyml_plugins.learning.fitting import fitting_scheme
from tinyml_plugins.learning.layers import Layer, layers_of
from tinyml_plugins.learning.squared_gradients import Gains, samples_of, squared_gradients, trained_head

FRACTIONS = (0.125, 0.25, 0.5, 1.0)


@dataclass(frozen=True, kw_only=True)
class Fisher:
    """Biases of the last layers, and channels of any of these, whose squared gradients sum up to the most."""

    extra_bytes: int = 51_000
    """Extra memory that learning may take where no SRAM budget is given, as published schemes count it: 51000 are those
    named after 49 kB."""
    samples: int = 32
    """Training samples whose gradients are looked at."""
    head_passes: int = 4
    """Passes over them that a new head learns for first, since gradients behind an untrained one say little."""
    head_rate: float = 0.01
    """Learning rate of these passes."""
    seed: int = 0
    """Draws the samples and the head's first weights."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, value, least in (("extra_bytes", self.extra_bytes, 1), ("samples", self.samples, 1)):
            if value < least:
                raise ValueError(f"{name} is {value}, it must be at least {least}")
        if self.head_passes < 0 or not 0 <= self.head_rate < float("inf"):
            raise ValueError("head_passes and head_rate must not be negative")

    def select(self, graph: Graph, task: LearningTask | None = None) -> UpdateScheme:
        """The choice for the classes of the task's data, within its SRAM or ``extra_bytes``.

        Raises:
            InputError: there is no data, or it does not suit the network.
            CapacityError: nothing fits.
        """
        if task is None or task.data is None:
            raise InputError("needs samples to look at", place="update-selector 'fisher'", remedy="give a dataset")
        head = FloatHead(len(task.data.classes), self.seed)
        samples = samples_of(graph, task.data.train, head.classes, self.samples, self.seed)
        trained = trained_head(graph, samples, head, self.head_passes, self.head_rate)
        gains = squared_gradients(graph, samples, head, trained)
        if task.sram is None:
            return best_scheme(graph, gains, self.extra_bytes)
        return fitting_scheme(graph, lambda extra: best_scheme(graph, gains, extra), task.sram)


def best_scheme(graph: Graph, gains: Gains, extra_bytes: int) -> UpdateScheme:
    """The scheme of the greatest sum of ``gains`` that greedy choices find within ``extra_bytes``.

    Raises:
        CapacityError: nothing fits.
    """
    layers = layers_of(graph).backbone
    filled = (_filled(graph, layers[first:], gains, 8 * extra_bytes) for first in range(len(layers)))
    choices = [choice for choice in filled if choice is not None and choice[1].layers]
    if not choices:
        raise CapacityError(
            f"nothing can learn within {extra_bytes} bytes of extra memory",
            place=f"network {graph.name!r}", remedy="raise extra_bytes",
        )  # fmt: skip
    return max(choices, key=lambda choice: choice[0])[1]


def _filled(graph: Graph, layers: tuple[Layer, ...], gains: Gains, bits: int) -> tuple[float, UpdateScheme] | None:
    """All biases of ``layers`` and, as long as there is room, the channels that gain most for each bit."""
    spent = 8 * extra_memory(graph, UpdateScheme(tuple(layer.update(()) for layer in layers if layer.bias))).bytes
    if spent > bits:
        return None
    gain = sum(float(gains.get((layer.node.name, "bias"), 0.0)) for layer in layers)
    taken: dict[int, tuple[int, ...]] = {}
    offers = {number: _offers(graph, layer, gains) for number, layer in enumerate(layers)}
    while offers:
        number = max(offers, key=lambda each: offers[each][0].density if offers[each] else -1.0)
        if not offers[number]:
            break
        offer = offers[number].pop(0)
        if spent + offer.bits <= bits:
            spent, gain, taken[number] = spent + offer.bits, gain + offer.gain, offer.channels
        else:
            del offers[number]
    updates = (
        layer.update(None if len(channels) == layer.channels else channels)
        for layer, channels in zip(layers, (taken.get(number, ()) for number in range(len(layers))), strict=True)
        if layer.bias or channels
    )
    return gain, UpdateScheme(tuple(updates))


@dataclass(frozen=True)
class _Offer:
    """The next share of a layer's channels; ``channels`` are all so far, ``bits`` and ``gain`` what it adds."""

    channels: tuple[int, ...]
    bits: int
    gain: float

    @property
    def density(self) -> float:
        return self.gain / self.bits


def _offers(graph: Graph, layer: Layer, gains: Gains) -> list[_Offer]:
    each = gains[layer.node.name, "weight"]
    order = np.argsort(-each, kind="stable")
    offers: list[_Offer] = []
    before, spent = 0, layer_memory(graph, layer, True, ()).bits if layer.bias else 0
    for fraction in FRACTIONS:
        count = int(layer.channels * fraction)
        if count > before:
            channels = tuple(sorted(int(channel) for channel in order[:count]))
            bits = layer_memory(graph, layer, layer.bias, channels).bits
            offers.append(_Offer(channels, bits - spent, float(each[order[before:count]].sum())))
            before, spent = count, bits
    return offers
