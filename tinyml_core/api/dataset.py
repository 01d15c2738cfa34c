"""Datasets: labelled samples, split once and for all by a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """``x`` [n, ...] float32 as the network takes it, ``y`` [n] class numbers from 0."""

    x: Samples
    y: Labels
    inputs: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    """Where the network has several inputs: for each, by name, as many samples as there are labels; else empty."""

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Dataset:
    """Disjoint splits: ``train`` for weights, ``validation`` for choices, ``test`` for the final figure only."""

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample: (rows, columns, channels) for images."""
        return self.train.x.shape[1:]


@runtime_checkable
class DatasetSource(Protocol):
    """Loads a dataset; its options say from where."""

    def load(self, seed: int) -> Dataset:
        """The dataset, split by ``seed``: the same seed gives the same samples in the same order.

        Raises:
            InputError: the data cannot be used; the message names file, place and remedy.
        """
        ...
