"""The digits: real, balanced, split once and for all."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.api.dataset import DatasetSource
from tinyml_core.errors import InputError
from tinyml_plugins.datasets.digits import Digits
from tinyml_plugins.datasets.splitting import Shares, stratified


def test_sizes_types_and_range():
    data = Digits().load(0)
    assert isinstance(Digits(), DatasetSource)
    assert len(data.train) + len(data.validation) + len(data.test) == 1797
    assert len(data.test) >= 360
    assert 280 <= len(data.validation) <= 320
    assert data.sample_shape == (8, 8, 1)
    assert data.classes == tuple("0123456789")
    for split in (data.train, data.validation, data.test):
        assert split.x.dtype == np.float32
        assert split.y.dtype == np.int64
        assert (split.x.min(), split.x.max()) == (0.0, 1.0)
        shares = np.bincount(split.y, minlength=10) / len(split)
        assert shares.min() > 0.08
        assert shares.max() < 0.12


def test_a_seed_gives_the_same_samples_and_another_seed_others():
    first, again, other = Digits().load(3), Digits().load(3), Digits().load(4)
    assert first.test.x.tobytes() == again.test.x.tobytes()
    assert first.train.y.tobytes() == again.train.y.tobytes()
    assert first.test.x.tobytes() != other.test.x.tobytes()


def test_parts_are_disjoint_and_together_everything():
    y = np.repeat(np.arange(3), [5, 7, 40])
    parts = stratified(y, Shares(0.2, 0.3), 1, "here")
    assert sorted(np.concatenate(parts)) == list(range(52))
    for part in parts:
        assert set(y[part]) == {0, 1, 2}


def test_a_class_too_small_to_split_is_named():
    with pytest.raises(InputError, match="here: class 1 has 2 samples"):
        stratified(np.array([0, 0, 0, 0, 1, 1]), Shares(0.2, 0.2), 0, "here")
