"""A small dataset: images of 8 by 8 pixels of which one third is bright, which says the class."""

from __future__ import annotations

import numpy as np

from tinyml_core.api.dataset import Dataset, Split

CLASSES = ("left", "middle", "right")


def bright_thirds(train: int = 48, validation: int = 24, test: int = 24) -> Dataset:
    """Three balanced classes, float32 from 0 to 1."""
    rng = np.random.default_rng(0)

    def split(size: int) -> Split:
        y = np.arange(size, dtype=np.int64) % len(CLASSES)
        x = rng.uniform(0, 0.3, (size, 8, 8, 1)).astype(np.float32)
        for number, label in enumerate(y):
            x[number, :, 3 * label - label // 2 : 3 * label - label // 2 + 3] += 0.6
        return Split(x, y)

    return Dataset("bright thirds", CLASSES, split(train), split(validation), split(test))
