"""Splitting: which samples are for training, which for validation and which for the test, by a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.api.dataset import Labels, Samples, Split
from tinyml_core.errors import InputError

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shares:
    """Shares of the samples, 0 to 1, that are held back; the rest is for training."""

    validation: float
    test: float


def stratified(y: Labels, shares: Shares, seed: int, place: str) -> tuple[Indices, Indices, Indices]:
    """Numbers of the train, validation and test samples: each class is shared out alike, then all are shuffled.

    A class is shared out by rounding up, so that a share above 0 holds at least one sample of each. ``place`` is where
    the samples come from, for messages.

    Raises:
        InputError: a class has too few samples for every share to get one.
    """
    rng = np.random.default_rng(seed)
    parts: tuple[list[Indices], list[Indices], list[Indices]] = ([], [], [])
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        test = int(np.ceil(shares.test * len(members)))
        validation = int(np.ceil(shares.validation * len(members)))
        if test + validation >= len(members):
            raise InputError(
                f"class {label} has {len(members)} samples, too few to split",
                place=place,
                remedy="give more samples of this class",
            )
        for part, chosen in zip(
            parts, np.split(members, [len(members) - test - validation, len(members) - test]), strict=True
        ):
            part.append(chosen)
    train, validation_part, test_part = (rng.permutation(np.concatenate(part)) for part in parts)
    return train, validation_part, test_part


def take(x: Samples, y: Labels, indices: Indices) -> Split:
    """The samples with these numbers, copied."""
    return Split(np.ascontiguousarray(x[indices]), y[indices])
