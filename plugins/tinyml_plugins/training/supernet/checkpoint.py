"""Checkpoint: a super-network on disk, as it is between two steps or when it is done; numbers only, no pickle.

Nothing random has to be kept: every draw of a step depends on the seed and the step alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyml_core.api.dataset import Dataset
from tinyml_core.errors import InputError
from tinyml_core.graph.tensor import Array
from tinyml_core.npz import read_npz, write_npz

SHARED, OPTIMIZER = "shared/", "optimizer/"
"""What the names of the arrays begin with."""


@dataclass(frozen=True)
class Checkpoint:
    """``step`` updates done of ``steps``; ``optimizer`` is empty where the next step begins afresh."""

    identity: bytes
    step: int
    steps: int
    shared: Mapping[str, Array]
    optimizer: Mapping[str, Array]

    @property
    def done(self) -> bool:
        """Whether the training has ended."""
        return self.step >= self.steps


def identify(config: Mapping[str, Any], data: Dataset) -> bytes:
    """A hash of all that the trained weights depend on; ``config`` is plain data."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(data.train.x).tobytes())
    digest.update(np.ascontiguousarray(data.train.y).tobytes())
    return digest.digest()


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write it beside ``path``, then rename it, so that a kill at any time leaves a whole file.

    Raises:
        InputError: the file cannot be written.
    """
    arrays: dict[str, Array] = {
        "identity": np.frombuffer(checkpoint.identity, np.uint8),
        "progress": np.array([checkpoint.step, checkpoint.steps], np.int64),
    }
    arrays |= {SHARED + name: value for name, value in checkpoint.shared.items()}
    arrays |= {OPTIMIZER + name: value for name, value in checkpoint.optimizer.items()}
    write_npz(path, arrays)


def read(path: Path) -> Checkpoint:
    """The checkpoint in a file.

    Raises:
        InputError: the file is missing, damaged or no checkpoint.
    """
    arrays = read_npz(path)
    progress, identity = arrays.get("progress"), arrays.get("identity")
    if progress is None or identity is None or progress.shape != (2,) or identity.shape != (32,):
        raise InputError("holds no super-network", place=str(path), remedy="name another file, or remove it")
    return Checkpoint(
        identity.astype(np.uint8).tobytes(), int(progress[0]), int(progress[1]),
        _under(SHARED, arrays), _under(OPTIMIZER, arrays),
    )  # fmt: skip


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
