"""A problem whose answer is known at once: costs and accuracies of the ``tiny`` space from a seeded landscape."""

from __future__ import annotations

import itertools
import math
import zlib
from functools import partial

import numpy as np
import pytest

from tinyml_core.search.budget import Budget
from tinyml_core.search.limits import Limits
from tinyml_core.search.loop import search
from tinyml_plugins.executors.in_process import Serial
from tinyml_plugins.tinynas.evolution import Evolution
from tinyml_plugins.tinynas.space import TinySpace


def draw(*key):
    return float(np.random.default_rng(zlib.crc32(repr(key).encode())).normal())


def accuracy(seed, choices):
    """Additive over choices, with epistasis between neighbours (research protocol P1)."""
    single = sum(draw(seed, *choice) for choice in choices)
    pairs = sum(draw(seed, *left, *right) for left, right in itertools.pairwise(choices))
    return 1 / (1 + math.exp(-(single + pairs / 2) / 6))


def costs(candidate):
    """Larger choices cost more; every quantity depends on all of them."""
    total = sum(value for _, value in candidate.choices)
    return {"macs": 1000.0 * total, "sram_bytes": 64.0 * max(value for _, value in candidate.choices)}


@pytest.fixture
def problem():
    """Run a search of the landscape; keywords override the defaults, ``landscape`` chooses another one."""

    def run(*, landscape=0, evaluations=40, **changes):
        settings = {
            "strategy": Evolution(),
            "costs_of": costs,
            "work_of": lambda candidate: partial(accuracy, landscape, candidate.choices),
            "executor": Serial(),
            "workers": 1,
            "budget": Budget(evaluations=evaluations),
            "limits": Limits({"macs": 150_000.0, "sram_bytes": 3000.0}),
            "seed": 1,
        }
        return search(**{"space": TinySpace(), **settings, **changes})

    return run
