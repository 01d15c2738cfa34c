"""Strategies on a synthetic landscape over the whole ``mcunet`` space: about 2e20 networks.

A network's value is the sum of an effect for each choice and half an effect for each pair of neighbours, all drawn
from a standard normal distribution by the landscape's seed (protocol P1: additive with epistasis). Its cost is the sum
of its choices, and a limit at the median of random networks has to be kept. Asked: evolution passes the best of 100 000
random feasible networks within 1 % of as many evaluations, in the median of 30 landscapes.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import pairwise
from statistics import median

import numpy as np
from asked import Row

from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.api.search_strategy import ParetoStrategy, SearchStrategy
from tinyml_core.platform import Platform
from tinyml_core.search.budget import Budget
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.limits import Limits
from tinyml_core.search.loop import search

RANDOM, SHARE, MOST = 100_000, 0.01, 3000
"""Random networks; the share of them asked; evaluations after which a strategy is given up."""
STRATEGIES: Mapping[str, Mapping[str, object]] = {
    "evolution": {"population": 20, "tournament": 5}, "ofa": {"population": 20}, "nsga2": {"population": 20},
}  # fmt: skip


class Passed(Exception):
    """The strategy has passed the best random network; the argument counts its evaluations."""


@cache
def effect(seed: int, choices: object) -> float:
    """What these choices together add, on the landscape of this seed."""
    return float(np.random.default_rng(zlib.crc32(repr((seed, choices)).encode())).normal())


def parts(candidate: Candidate) -> list[object]:
    """Everything that has an effect: single choices, then neighbouring pairs."""
    return [*candidate.choices, *pairwise(candidate.choices)]


def score(seed: int, candidate: Candidate) -> float:
    """A network's value; effects of pairs count half."""
    single = len(candidate.choices)
    return sum(effect(seed, part) * (1 if at < single else 0.5) for at, part in enumerate(parts(candidate)))


def best_scores(candidates: Sequence[Candidate], seeds: Sequence[int]) -> list[float]:
    """The greatest :func:`score` among ``candidates`` on each landscape, summed as arrays."""
    known: dict[object, int] = {}
    flat, begins, halves = [], [0], []
    for candidate in candidates:
        flat += [known.setdefault(part, len(known)) for part in parts(candidate)]
        halves += [False] * len(candidate.choices) + [True] * (len(candidate.choices) - 1)
        begins.append(len(flat))
    index, factor = np.array(flat), np.where(halves, 0.5, 1.0)
    found = []
    for seed in seeds:
        effects = np.array([effect(seed, part) for part in known])
        found.append(float(np.add.reduceat(effects[index] * factor, begins[:-1]).max()))
    return found


def weight(candidate: Candidate) -> float:
    """The cost: the sum of the numbers chosen, which are kernel sizes, expansions and depths."""
    return float(sum(value for _, value in candidate.choices if not isinstance(value, str)))


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """Evaluations that each strategy needs to pass the best random network."""
    seeds, drawn = (range(5), RANDOM // 10) if quick else (range(30), RANDOM)
    space = platform.create(SearchSpace, "mcunet")
    rng = np.random.default_rng(0)
    limit = float(np.median([weight(space.sample(rng)) for _ in range(1000)]))
    feasible: list[Candidate] = []
    while len(feasible) < drawn:
        candidate = space.sample(rng)
        if weight(candidate) <= limit:
            feasible.append(candidate)
    goals = best_scores(feasible, seeds)
    for name, options in STRATEGIES.items():
        needed = [
            evaluations_to_pass(platform, space, name, options, seed, limit, goal)
            for seed, goal in zip(seeds, goals, strict=True)
        ]
        yield Row(
            f"landscape over {space.size:.1e} networks, {len(seeds)} seeds",
            f"{name}: evaluations to pass the best of {drawn:,} random networks, median",
            median(needed),
            at_most=SHARE * drawn if name == "evolution" and not quick else None,
            note=f"{min(needed):.0f} to {max(needed):.0f}",
        )


def evaluations_to_pass(
    platform: Platform,
    space: SearchSpace,
    name: str,
    options: Mapping[str, object],
    seed: int,
    limit: float,
    goal: float,
) -> float:
    """Evaluations until a value above ``goal``; infinite beyond :data:`MOST`."""
    strategy = platform.create(SearchStrategy, name, options)
    if isinstance(strategy, ParetoStrategy):
        strategy = strategy.toward(("weight",))
    spent = 0

    def work(candidate: Candidate) -> partial[float]:
        nonlocal spent
        spent += 1
        value = score(seed, candidate)
        if value > goal:
            raise Passed
        return partial(float, 1 / (1 + math.exp(-value / 12)))

    try:
        search(
            space, strategy,
            costs_of=lambda candidate: {"weight": weight(candidate)}, work_of=work,
            executor=platform.create(ExecutorFactory, "serial"), workers=1, seed=seed,
            budget=Budget(evaluations=MOST, draws=100 * MOST), limits=Limits({"weight": limit}),
        )  # fmt: skip
    except Passed:
        return float(spent)
    return math.inf
