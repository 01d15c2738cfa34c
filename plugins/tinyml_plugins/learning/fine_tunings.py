"""Which fine-tunings show what the layers of a network are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_plugins.learning.contribution import Choice, probes
from tinyml_plugins.learning.layers import layers_of


def fine_tunings(
    graph: Graph, last_layers: int | None, bias_layers: Sequence[int], fractions: Sequence[float], *, learning: bool
) -> tuple[Choice, ...]:
    """Numbers of learning biases alone, then each of the last layers by each fraction of its channels.

    Args:
        graph: the int8 network.
        last_layers: how many layers are tried; half of them where absent.
        bias_layers: numbers of biases; none, all of the last layers and two between where there are none.
        fractions: those that are no whole channel are left out, and one of two that are as many.
        learning: whether something else learns, so that biases of no layer are a fine-tuning too.

    Raises:
        InputError: the network has fewer layers, or no bias among them where nothing else learns.
    """
    layers = layers_of(graph).backbone
    last = math.ceil(len(layers) / 2) if last_layers is None else last_layers
    counts = sorted(bias_layers or {0, round(last / 3), round(last * 2 / 3), last})
    if max(last, *counts) > len(layers):
        raise InputError(
            f"has {len(layers)} layers before the classifier, not {max(last, *counts)}", place=f"network {graph.name!r}"
        )
    if not learning:
        counts = [count for count in counts if any(layer.bias for layer in layers[len(layers) - count :])]
    if not counts:
        raise InputError(
            "has no bias that could learn there", place=f"network {graph.name!r}",
            remedy="let more layers learn, or the classifier",
        )  # fmt: skip
    parts = list[tuple[int, float]]()
    for number in range(len(layers) - last, len(layers)):
        shares = {int(layers[number].channels * fraction): fraction for fraction in sorted(fractions)}
        parts += [(number, fraction) for channels, fraction in shares.items() if channels]
    return probes(counts, parts)
