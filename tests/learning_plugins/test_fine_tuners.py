"""Fine-tuners: the torch twin and the reference executor learn the same, one sample to an update."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.api.fine_tuner import FineTuner, FineTuningRecipe, Lessons
from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import UpdateSelector
from tinyml_core.training import FloatHead, build_step

RECIPE = FineTuningRecipe(epochs=2, batch_size=1, rate=0.02)


@pytest.fixture(scope="module")
def lessons():
    rng = np.random.default_rng(4)
    x, held = (rng.integers(-128, 128, (count, 6, 6, 2)).astype(np.int8) for count in (9, 5))
    return Lessons(x, np.eye(3, dtype=np.float32)[np.arange(9) % 3], held)


@pytest.fixture(scope="module")
def step(platform, small):
    scheme = platform.create(UpdateSelector, "last-k", {"layers": 2}).select(small)
    return build_step(small, scheme, platform.create(TrainingOptimizer, "qas"), head=FloatHead(3))


def test_twin_and_simulation_agree(platform, step, lessons, tmp_path):
    pytest.importorskip("torch", reason="the twin is an extra: pip install tinyml-core[train]")
    twin, simulation = (platform.create(FineTuner, name) for name in ("twin", "simulation"))
    found = twin.logits(step, "cross-entropy", lessons, RECIPE, 3, tmp_path)
    assert found.shape == (5, 3)
    np.testing.assert_allclose(found, simulation.logits(step, "cross-entropy", lessons, RECIPE, 3), atol=1e-3)
    assert list(tmp_path.glob("*.npz"))  # what is frozen is kept for other calls
    np.testing.assert_array_equal(found, twin.logits(step, "cross-entropy", lessons, RECIPE, 3, tmp_path))
    assert np.abs(found - twin.logits(step, "cross-entropy", lessons, RECIPE, 4, tmp_path)).max() > 1e-3


def test_batches_share_the_rate(platform, step, lessons):
    simulation = platform.create(FineTuner, "simulation")
    alone = simulation.logits(step, "cross-entropy", lessons, FineTuningRecipe(epochs=1, batch_size=1, rate=0.01), 0)
    batch = simulation.logits(step, "cross-entropy", lessons, FineTuningRecipe(epochs=1, batch_size=4, rate=0.04), 0)
    np.testing.assert_array_equal(alone, batch)
