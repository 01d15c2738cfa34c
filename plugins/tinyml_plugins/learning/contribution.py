"""Contribution analysis: how much each layer's learning is worth on the user's own samples, and the best choice by it.

Short fine-tunings measure one layer at a time on top of learning biases; the worth of a choice is taken for the sum of
its parts, so that a search may weigh thousands of choices without training any. Source: On-Device Training Under 256KB
Memory (Lin et al. 2022), section 2.2; the released code has neither part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinyml_core.errors import CapacityError

Fractions = tuple[float, ...]
NOTHING = 0.0


@dataclass(frozen=True)
class Choice:
    """What the ``sparse`` selector takes: of how many last layers the bias learns, and fractions of channels."""

    bias_layers: int
    weights: tuple[tuple[int, float], ...] = ()

    @property
    def options(self) -> dict[str, object]:
        """As options of that selector."""
        return {"bias_layers": self.bias_layers, "weights": self.weights}


def probes(bias_layers: Iterable[int], parts: Iterable[tuple[int, float]]) -> tuple[Choice, ...]:
    """The fine-tunings to make: numbers of biases alone; with the most of them, each layer's fraction by itself."""
    alone = tuple(Choice(count) for count in sorted(bias_layers))
    return (*alone, *(Choice(alone[-1].bias_layers, (part,)) for part in parts))


class Contributions:
    """What the probes were worth; greater is better, such as minus the loss on samples held back."""

    def __init__(self, worth: Mapping[Choice, float]) -> None:
        alone = sorted((choice.bias_layers, value) for choice, value in worth.items() if not choice.weights)
        self.bias_layers = tuple(count for count, _ in alone)
        self._biases = [value for _, value in alone]
        self.weights = {
            choice.weights[0]: value - self._biases[-1] for choice, value in worth.items() if choice.weights
        }

    def worth(self, choice: Choice) -> float:
        """The sum of the parts; between measured numbers of biases along a straight line."""
        biases = float(np.interp(choice.bias_layers, self.bias_layers, self._biases))
        return biases + sum(self.weights[part] for part in choice.weights)

    @property
    def options(self) -> dict[int, Fractions]:
        """Layer -> the fractions it was measured with, ascending, 0 among them."""
        layers = sorted({layer for layer, _ in self.weights})
        return {
            layer: (NOTHING, *sorted(fraction for other, fraction in self.weights if other == layer))
            for layer in layers
        }


@dataclass(frozen=True, kw_only=True)
class Evolution:
    """Evolutionary search among the choices that fit; the best is kept from one generation to the next."""

    population: int = 64
    """Choices in each generation."""
    generations: int = 100
    """How often they are replaced."""
    parents: int = 16
    """The best ones, from which the next are made."""
    mutation: float = 0.1
    """Probability with which each part of a child is drawn anew."""

    def best(self, contributions: Contributions, cost: Callable[[Choice], int], budget: int, seed: int) -> Choice:
        """The choice of greatest worth found whose ``cost`` is at most ``budget``.

        Raises:
            CapacityError: not even the least number of biases that was measured fits.
        """
        rng, options = np.random.default_rng(seed), contributions.options
        least, most = min(contributions.bias_layers), max(contributions.bias_layers)
        costs: dict[Choice, int] = {}

        def fits(choice: Choice) -> bool:
            if choice not in costs:
                costs[choice] = cost(choice)
            return costs[choice] <= budget

        def drawn() -> Choice:
            parts = {layer: float(rng.choice(fractions)) for layer, fractions in options.items()}
            return _choice(int(rng.integers(least, most + 1)), parts)

        def child(first: Choice, second: Choice) -> Choice:
            biases = first.bias_layers if rng.random() < 0.5 else second.bias_layers
            if rng.random() < self.mutation:
                biases = int(rng.integers(least, most + 1))
            ours, theirs = dict(first.weights), dict(second.weights)
            parts = {}
            for layer, fractions in options.items():
                parts[layer] = (ours if rng.random() < 0.5 else theirs).get(layer, NOTHING)
                if rng.random() < self.mutation:
                    parts[layer] = float(rng.choice(fractions))
            return _choice(biases, parts)

        def fitted(choice: Choice) -> Choice:
            """Drop parts at random until it fits."""
            while not fits(choice):
                if choice.weights:
                    gone = rng.integers(len(choice.weights))
                    choice = replace(choice, weights=(*choice.weights[:gone], *choice.weights[gone + 1 :]))
                elif choice.bias_layers > least:
                    choice = replace(choice, bias_layers=choice.bias_layers - 1)
                else:
                    raise CapacityError(
                        f"needs {costs[choice]} bytes where {budget} are given",
                        place="the least update scheme",
                        remedy="raise the budget",
                    )
            return choice

        population = [fitted(drawn()) for _ in range(self.population)]
        for _ in range(self.generations):
            ranked = sorted(dict.fromkeys(population), key=contributions.worth, reverse=True)[: self.parents]
            children = [
                fitted(child(ranked[rng.integers(len(ranked))], ranked[rng.integers(len(ranked))]))
                for _ in range(self.population - len(ranked))
            ]
            population = [*ranked, *children]
        return max(population, key=contributions.worth)


def _choice(bias_layers: int, parts: Mapping[int, float]) -> Choice:
    return Choice(bias_layers, tuple((layer, fraction) for layer, fraction in parts.items() if fraction))
