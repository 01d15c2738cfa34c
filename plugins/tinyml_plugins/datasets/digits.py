"""The digits that scikit-learn ships: 1797 real handwritten digits of 8 by 8 pixels with 17 grey levels.

Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998 (its
test part). No download: the wheel holds the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits

from tinyml_core.api.dataset import Dataset
from tinyml_plugins.datasets.splitting import Shares, stratified, take

GREY_LEVELS = 16
"""Greatest value of a pixel in the source; 0 is paper, this is ink."""


@dataclass(frozen=True, kw_only=True)
class Digits:
    """``x`` float32 [n, 8, 8, 1] from 0 (paper) to 1 (ink); classes "0" to "9"; splits of about 1130, 300 and 365."""

    validation_share: float = 1 / 6
    """Share of each class for validation."""
    test_share: float = 0.2
    """Share of each class for the test."""

    def load(self, seed: int) -> Dataset:
        """The dataset, split by ``seed``."""
        source = load_digits()
        x = (source.images / GREY_LEVELS).astype(np.float32)[..., np.newaxis]
        y = source.target.astype(np.int64)
        train, validation, test = stratified(y, Shares(self.validation_share, self.test_share), seed, "digits")
        return Dataset(
            "digits",
            tuple(str(digit) for digit in range(10)),
            take(x, y, train),
            take(x, y, validation),
            take(x, y, test),
        )
