"""Every bundled plugin passes the kit that third parties are given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tflite_models.writer import to_tflite
from tinyml_core.discovery import BUNDLED
from tinyml_core.npz import write_npz
from tinyml_core.platform import Platform
from tinyml_core.testing.conformance.running import check_subject, subjects
from tinyml_core.testing.conformance.samples.networks import residual
from tinyml_core.testing.conformance.table import OF_KINDS

PLATFORM = Platform()
SUBJECTS = [
    subject
    for record in PLATFORM.describe()
    if record.distribution == BUNDLED
    for subject in subjects(PLATFORM, record)
]
FEW = 4
"""Random networks for the quick run; the slow one tries as many as the kit does."""


def npz(folder):
    rng = np.random.default_rng(0)
    arrays = {"x": rng.normal(size=(60, 4, 4, 1)).astype(np.float32), "y": np.arange(60) % 3}
    write_npz(folder / "data.npz", arrays)
    return {"options": {"path": str(folder / "data.npz")}}


def images(folder):
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (folder / label).mkdir()
        for number in range(9):
            pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
            image.fromarray(pixels).save(folder / label / f"{number}.png")
    return {"options": {"path": str(folder), "size": 8}}


def tflite(folder):
    path = folder / "model.tflite"
    path.write_bytes(to_tflite(residual()))
    return {"example": path}


SETTINGS = {
    "datasets:npz": npz,
    "datasets:images": images,
    "importers:tflite": tflite,
    "learning:auto": lambda folder: {"options": {"executor": "serial", "generations": 4}},
    "training:training": lambda folder: {"options": {"steps": 2}},
}
"""What a component needs to be tried, made in an empty folder."""


def failures(subject, folder, *, slow):
    settings = SETTINGS.get(subject.name, lambda folder: {})(folder) if subject.claim else {}
    found = check_subject(replace(subject, **settings), slow=slow)
    return {finding.check.name: finding.detail for finding in found if finding.outcome == "failed"}


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_quick_checks_pass(subject, tmp_path):
    assert failures(replace(subject, graphs=FEW), tmp_path, slow=False) == {}


LONG = [subject for subject in SUBJECTS if any(check.slow for check in OF_KINDS.get(subject.kind, ()))]


@pytest.mark.slow
@pytest.mark.parametrize("subject", LONG, ids=lambda subject: subject.name)
def test_all_checks_pass(subject, tmp_path):
    assert failures(subject, tmp_path, slow=True) == {}
