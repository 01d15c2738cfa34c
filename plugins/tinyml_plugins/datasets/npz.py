"""Datasets from an .npz file, which is hostile until proved otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyml_core.api.dataset import Dataset, Labels, Samples, Split
from tinyml_core.errors import InputError
from tinyml_core.graph.tensor import Array
from tinyml_core.npz import read_npz
from tinyml_plugins.datasets.splitting import Shares, stratified, take

NAMES = ("x", "y", "x_train", "y_train", "x_val", "y_val", "x_test", "y_test")
LARGEST_CLASS = 1000
"""Class numbers stay below this: a label of a billion is a mistake, and would name a billion classes."""


@dataclass(frozen=True, kw_only=True)
class Npz:
    """Arrays ``x_train``, ``y_train``, ``x_test``, ``y_test``, perhaps ``x_val``, ``y_val``; or just ``x`` and ``y``.

    ``x`` [n, ...] is uint8, scaled to 0..1, or float, taken as it is; ``y`` [n] holds class numbers from 0. What is not
    given is split off by the seed.
    """

    path: str
    """The file."""
    limit_bytes: int = 1_000_000_000
    """Size of all arrays, as float32, above which the file is refused."""
    validation_share: float = 1 / 6
    """Share of the training samples for validation where there is no ``x_val``."""
    test_share: float = 0.2
    """Share of the samples for the test where there is no ``x_test``."""

    def load(self, seed: int) -> Dataset:
        """The dataset; ``seed`` splits what the file does not.

        Raises:
            InputError: the file or an array in it cannot be used.
        """
        arrays = read_npz(Path(self.path), NAMES, largest=self.limit_bytes, element_bytes=4)
        whole = {"x", "y"} & arrays.keys()
        if whole and len(arrays) > len(whole):
            raise InputError("holds both x, y and split arrays", place=self.path, remedy="keep one of the two forms")
        if whole:
            x, y = self._pair(arrays, "x", "y")
            parts = stratified(y, Shares(self.validation_share, self.test_share), seed, self.path)
            train, validation, test = (take(x, y, part) for part in parts)
        else:
            x, y = self._pair(arrays, "x_train", "y_train")
            test = Split(*self._pair(arrays, "x_test", "y_test"))
            if "x_val" in arrays or "y_val" in arrays:
                train, validation = Split(x, y), Split(*self._pair(arrays, "x_val", "y_val"))
            else:
                kept, held, _ = stratified(y, Shares(self.validation_share, 0.0), seed, self.path)
                train, validation = take(x, y, kept), take(x, y, held)
        for split in (validation, test):
            if split.x.shape[1:] != train.x.shape[1:]:
                raise InputError(
                    f"samples of shape {list(split.x.shape[1:])} beside training samples of {list(train.x.shape[1:])}",
                    place=self.path,
                    remedy="give all samples one shape",
                )
        classes = 1 + max(int(split.y.max()) for split in (train, validation, test))
        return Dataset(Path(self.path).stem, tuple(str(label) for label in range(classes)), train, validation, test)

    def _pair(self, arrays: Mapping[str, Array], x_name: str, y_name: str) -> tuple[Samples, Labels]:
        for name in (x_name, y_name):
            if name not in arrays:
                raise InputError(
                    f"holds no array {name}", place=self.path, remedy="give x_train, y_train, x_test, y_test or x, y"
                )
        x, y = arrays[x_name], arrays[y_name]
        if x.ndim < 2 or y.shape != x.shape[:1] or not x.size:
            raise InputError(
                f"{x_name} has shape {list(x.shape)} and {y_name} {list(y.shape)}",
                place=self.path,
                remedy="give [n, ...] samples and [n] labels, n above 0",
            )
        if y.dtype.kind not in "ui" or int(y.min()) < 0 or int(y.max()) >= LARGEST_CLASS:
            raise InputError(
                f"array {y_name} must hold class numbers from 0 to {LARGEST_CLASS - 1}",
                place=self.path,
                remedy="save integers",
            )
        if x.dtype == np.uint8:
            scaled = x.astype(np.float32) / np.float32(255)
        elif x.dtype.kind == "f":
            with np.errstate(over="ignore"):
                scaled = x.astype(np.float32)
            if not np.isfinite(scaled).all():
                raise InputError(f"array {x_name} holds NaN or infinity", place=self.path, remedy="clean the samples")
        else:
            raise InputError(
                f"array {x_name} holds {x.dtype}, whose range is not known",
                place=self.path,
                remedy="save uint8 (0 to 255) or float32",
            )
        return scaled, y.astype(np.int64)
