"""The platform's own checks of the optimizer."""

from __future__ import annotations

from tinyml_core.testing.conformance import TrainingOptimizerConformance


class TestLion(TrainingOptimizerConformance):
    component = "lion:lion"
