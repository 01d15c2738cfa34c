"""Counts: the file in which QEMU's plugin counts blocks, mapped on this side too.

Mirrors ``struct counts`` of plugin.c.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tinyml_plugins.simulator.counting import BlockRun

STRAY, CHANGED = 1, 2
_HEADER = np.dtype(
    {
        "names": ["base", "halfwords", "ignored", "reason", "place", "previous", "previous_end"],
        "formats": [np.uint32] * 6 + [np.uint64],
    }
)
_BLOCK = np.dtype([("entries", np.uint64), ("falls", np.uint64), ("size", np.uint32), ("length", np.uint32)])


class Counts:
    """The counts of one machine, in a new file."""

    def __init__(self, path: Path, base: int, code: bytes, ignored: int) -> None:
        halfwords = len(code) // 2
        behind = _HEADER.itemsize + halfwords * _BLOCK.itemsize
        parts = ((_HEADER, 1, 0), (_BLOCK, halfwords, _HEADER.itemsize), (np.uint16, halfwords, behind))
        path.write_bytes(bytes(behind + 2 * halfwords))
        mapped: list[Any] = [np.memmap(path, dtype, "r+", offset, (count,)) for dtype, count, offset in parts]
        self._header, self._blocks, self._code = mapped
        self._header["base"], self._header["halfwords"], self._header["ignored"] = base, halfwords, ignored
        self._code[:] = np.frombuffer(code, np.uint16, halfwords)

    def begin(self) -> None:
        """Forget what was counted, but not how blocks were cut."""
        self._blocks["entries"] = self._blocks["falls"] = 0
        self._header["reason"], self._header["previous_end"] = 0, 1

    @property
    def trouble(self) -> tuple[int, int]:
        """STRAY or CHANGED and the address; 0 where all went well."""
        return int(self._header["reason"][0]), int(self._header["place"][0])

    def runs(self) -> list[BlockRun]:
        """What was counted, in order of address."""
        base = int(self._header["base"][0])
        rows = self._blocks[index := np.flatnonzero(self._blocks["entries"])]
        return [
            BlockRun(base + 2 * int(at), int(row["size"]), int(row["length"]), int(row["entries"]), int(row["falls"]))
            for at, row in zip(index, rows, strict=True)
        ]
