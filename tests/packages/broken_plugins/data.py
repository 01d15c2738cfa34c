"""A sound dataset, and what violates a check of datasets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from broken_plugins.mutant import mutants
from tinyml_core.testing.conformance.samples.data import bright_thirds


@dataclass(frozen=True)
class Thirds:
    """Sound."""

    def load(self, seed):
        return shuffled(bright_thirds(), np.random.default_rng(seed))


def shuffled(data, rng):
    order = rng.permutation(len(data.train))
    return replace(data, train=replace(data.train, x=data.train.x[order], y=data.train.y[order]))


class Narrow(Thirds):
    def load(self, seed):
        data = super().load(seed)
        return replace(data, test=replace(data.test, y=data.test.y.astype(np.int32)))


class Leaking(Thirds):
    def load(self, seed):
        data = super().load(seed)
        return replace(data, validation=data.train)


class Unbalanced(Thirds):
    def load(self, seed):
        data = super().load(seed)
        kept = data.test.y < 2
        return replace(data, test=replace(data.test, x=data.test.x[kept], y=data.test.y[kept]))


MUTANTS = mutants(
    "dataset",
    {
        "samples-are-as-networks-take-them": Narrow,
        "splits-share-no-sample": Leaking,
        "every-class-is-learnt-and-tested": Unbalanced,
    },
)
