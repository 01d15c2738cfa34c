"""Resolution: images in the rows and columns a network takes; one arithmetic for training, calibration and test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tinyml_core.api.dataset import Dataset, Samples, Split
from tinyml_core.graph.graph import Graph


def resampling(size: int, wanted: int) -> npt.NDArray[np.float32]:
    """The weights [wanted, size] by which ``wanted`` pixels are made of ``size``.

    Linear interpolation between pixel centres; where pixels become fewer, the triangle widens until it covers all of
    them, so that none is skipped (Pillow's ``BILINEAR``, PyTorch's ``bilinear`` with ``antialias``).
    """
    scale = size / wanted
    reach = max(scale, 1.0)
    centres = (np.arange(wanted)[:, np.newaxis] + 0.5) * scale
    weights = np.maximum(0.0, 1.0 - np.abs(np.arange(size) + 0.5 - centres) / reach)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def at_resolution(x: Samples, shape: tuple[int, ...]) -> Samples:
    """Images ``x`` [n, rows, columns, channels] with the rows and columns of ``shape`` (rows, columns, channels).

    What are no images, or images of other channels, come back as they are: they suit or do not suit as they stand.
    """
    if x.shape[1:] == shape or x.ndim != 4 or len(shape) != 3 or x.shape[3] != shape[2]:
        return x
    rows, columns = (resampling(x.shape[1 + axis], shape[axis]) for axis in (0, 1))
    wide = np.einsum("nrkc,Kk->nrKc", x, columns, optimize=True)
    return np.ascontiguousarray(np.einsum("nrkc,Rr->nRkc", wide, rows, optimize=True), np.float32)


def suited(data: Dataset, graph: Graph) -> Dataset:
    """``data`` with images in the resolution of ``graph``, which may have been a choice of the search."""
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    if data.sample_shape == shape:
        return data

    def resized(split: Split) -> Split:
        return replace(split, x=at_resolution(split.x, shape))

    return replace(data, train=resized(data.train), validation=resized(data.validation), test=resized(data.test))
