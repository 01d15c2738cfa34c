"""Checks of datasets: splits that networks and judgements can rely on."""

from __future__ import annotations

import numpy as np

from tinyml_core.api.dataset import Dataset, DatasetSource, Split
from tinyml_core.testing.conformance.check import Check, require
from tinyml_core.testing.conformance.subject import Subject


def samples_are_as_networks_take_them(subject: Subject) -> None:
    """Samples are finite float32 of one shape, labels int64 numbers of the classes, one to a sample."""
    data = _loaded(subject)
    require(len(data.classes) >= 2, f"there are {len(data.classes)} classes")
    for name, split in _splits(data):
        matched = len(split) > 0 and len(split.x) == len(split.y)
        require(matched, f"{name}: {len(split.x)} samples, {len(split.y)} labels")
        require(split.x.dtype == np.float32 and split.y.dtype == np.int64, f"{name}: {split.x.dtype}, {split.y.dtype}")
        require(split.x.shape[1:] == data.sample_shape, f"{name}: samples are {split.x.shape[1:]}")
        require(bool(np.isfinite(split.x).all()), f"{name}: a sample is not finite")
        inside = split.y.min() >= 0 and split.y.max() < len(data.classes)
        require(inside, f"{name}: labels from {split.y.min()} to {split.y.max()} for {len(data.classes)} classes")


def splits_share_no_sample(subject: Subject) -> None:
    """No sample of one split is in another, or the final figure would be of samples that were learnt."""
    seen: dict[bytes, str] = {}
    for name, split in _splits(_loaded(subject)):
        for row, label in zip(split.x, split.y, strict=True):
            other = seen.setdefault(row.tobytes() + bytes([int(label) % 256]), name)
            require(other == name, f"a sample is in {other} and in {name}")


def every_class_is_learnt_and_tested(subject: Subject) -> None:
    """Training and test hold samples of every class."""
    data = _loaded(subject)
    for name, split in (("train", data.train), ("test", data.test)):
        absent = set(range(len(data.classes))) - {int(label) for label in split.y}
        require(not absent, f"{name} has no sample of class {', '.join(data.classes[each] for each in sorted(absent))}")


def answer(subject: Subject) -> object:
    """All its samples and labels."""
    data = subject.make(DatasetSource).load(5)
    return data.classes, [(split.x.tobytes(), split.y.tobytes()) for _, split in _splits(data)]


def _loaded(subject: Subject) -> Dataset:
    return subject.make(DatasetSource).load(5)


def _splits(data: Dataset) -> list[tuple[str, Split]]:
    return [("train", data.train), ("validation", data.validation), ("test", data.test)]


CHECKS = (
    Check(samples_are_as_networks_take_them),
    Check(splits_share_no_sample),
    Check(every_class_is_learnt_and_tested),
)
"""Those of a dataset."""
