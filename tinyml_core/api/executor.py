"""Executors: where evaluations run."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Protocol, runtime_checkable


@runtime_checkable
class ExecutorFactory(Protocol):
    """Opens pools of workers."""

    def open(self, workers: int) -> Executor:
        """A fresh pool; the caller shuts it down, and opens another when a worker's death has broken it."""
        ...
