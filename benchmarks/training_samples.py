"""The network and the samples of the training benchmarks: mcunet_5fps and CIFAR-10 images at 128 pixels."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import UpdateScheme
from tinyml_core.arithmetic.quantised import quantise_array
from tinyml_core.graph.graph import Graph
from tinyml_core.npz import read_npz
from tinyml_core.platform import Platform
from tinyml_core.training.head import FloatHead
from tinyml_core.training.step import TrainingStep, build_step
from tinyml_plugins.training.twin.frozen import Features, features

Array = npt.NDArray[Any]
SHARED = Path(__file__).resolve().parents[2] / "shared"
NETWORK = SHARED / "models" / "mcunet_5fps.qdq.onnx"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinyml-core" / "training-benchmark"
"""Outputs of frozen parts; it may be deleted at any time."""
PIXELS = 128
CLASSES = 10


@dataclass(frozen=True, eq=False)
class Samples:
    """Images as the network takes them, and their classes."""

    x: Array
    y: Array

    @property
    def targets(self) -> npt.NDArray[np.float32]:
        """One-hot, [n, classes]."""
        return np.eye(int(self.y.max()) + 1, dtype=np.float32)[self.y]

    def features(self, frozen: Graph) -> Features:
        """The outputs of a network's frozen part."""
        return features(frozen, self.x, CACHE)


@cache
def network() -> Graph:
    """The int8 network."""
    return Platform().load(NETWORK)


def samples(part: str, count: int) -> Samples:
    """The first images of ``train`` or ``test``, enlarged bilinearly."""
    arrays = read_npz(SHARED / "data" / "cifar10_subset.npz", (f"x_{part}", f"y_{part}"))
    graph = network()
    images, tensor = arrays[f"x_{part}"][:count], graph.tensors[graph.inputs[0]]
    enlarged = [quantise_array(_enlarged(images[first : first + 100]), tensor) for first in range(0, len(images), 100)]
    return Samples(np.concatenate(enlarged), arrays[f"y_{part}"][:count].astype(np.int64))


def _enlarged(images: Array) -> npt.NDArray[np.float32]:
    """Real numbers from -1 to 1, as the network was trained with."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    large = functional.interpolate(pixels, (PIXELS, PIXELS), mode="bilinear").permute(0, 2, 3, 1).numpy()
    return (large / np.float32(127.5) - np.float32(1)).astype(np.float32)


def step(platform: Platform, scheme: UpdateScheme, optimizer: str, seed: int, classes: int = CLASSES) -> TrainingStep:
    """The training step of the network with a new head drawn by ``seed``."""
    rule = platform.create(TrainingOptimizer, optimizer)
    return build_step(network(), scheme, rule, head=FloatHead(classes, seed))
