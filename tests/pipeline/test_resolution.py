"""Images in the resolution a network takes: the arithmetic of Pillow and PyTorch, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tinyml_core.api.dataset import Dataset, Split
from tinyml_core.api.resolution import at_resolution, resampling, suited
from tinyml_core.graph import DType, GraphBuilder
from tinyml_core.graph.operators import Mean


def image_graph(*shape):
    b = GraphBuilder("mean")
    return b.build([b.node(Mean(), [b.input("x", (1, *shape), DType.FLOAT32)])])


@pytest.mark.parametrize("size", [(4, 4), (8, 8), (7, 3), (13, 9), (20, 5)])
def test_resizing_is_that_of_torch(size):
    x = np.random.default_rng(0).random((3, 8, 9, 2), np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(x).permute(0, 3, 1, 2), size, mode="bilinear", antialias=True
    ).permute(0, 2, 3, 1)
    np.testing.assert_allclose(at_resolution(x, (*size, 2)), expected.numpy(), atol=1e-6)


def test_every_pixel_counts_alike_when_pixels_become_fewer():
    assert resampling(8, 4).sum(axis=1) == pytest.approx(np.ones(4))
    assert resampling(9, 3).min(axis=0).shape == (9,)
    assert (resampling(9, 2).sum(axis=0) > 0).all()
    assert np.array_equal(resampling(5, 5), np.eye(5, dtype=np.float32))


def test_a_dataset_is_suited_to_a_network_of_another_resolution_alone():
    x = np.random.default_rng(0).random((4, 6, 6, 1), np.float32)
    data = Dataset("d", ("a", "b"), *(Split(x, np.zeros(4, np.int64)) for _ in range(3)))
    small = suited(data, image_graph(3, 4, 1))
    assert small.sample_shape == (3, 4, 1)
    assert small.test.x.shape == (4, 3, 4, 1)
    assert small.test.x.flags.c_contiguous
    assert small.validation.y is data.validation.y
    assert suited(data, image_graph(6, 6, 1)) is data
    assert suited(data, image_graph(3, 3, 3)).sample_shape == (6, 6, 1)
    flat = x.reshape(4, 36)
    assert at_resolution(flat, (3, 3, 1)) is flat
