"""Counts: the file in which QEMU's plugin counts blocks, mapped on this side too.

Mirrors ``struct counts`` of plugin.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyml_plugins.simulator.counting import BlockRun

STRAY, CHANGED = 1, 2
MOST_CONTEXTS = 1024
"""Layers told apart; the file has room for them and takes it only when it is used."""
_HEADER = np.dtype(
    {
        "names": ["base", "halfwords", "ignored", "reason", "place", "context", "previous", "previous_end"],
        "formats": [np.uint32] * 6 + [np.uint64] * 2,
    }
)
_SHAPE = np.dtype([("size", np.uint32), ("length", np.uint32)])
_COUNT = np.dtype([("entries", np.uint64), ("falls", np.uint64)])


class Counts:
    """The counts of one machine, in a new file."""

    def __init__(self, path: Path, base: int, code: bytes, ignored: int) -> None:
        code += bytes(-len(code) % 4)  # what follows is aligned
        self._path, self._halfwords = path, len(code) // 2
        parts: Any = (
            (_HEADER, 1),
            (_SHAPE, self._halfwords),
            (np.uint16, self._halfwords),
            (np.uint16, self._halfwords),
        )
        offsets: list[int] = np.cumsum([0, *(np.dtype(dtype).itemsize * count for dtype, count in parts)]).tolist()
        self._behind = offsets.pop()
        with path.open("wb") as stream:
            stream.truncate(self._behind + MOST_CONTEXTS * self._halfwords * _COUNT.itemsize)
        mapped: list[Any] = [
            np.memmap(path, dtype, "r+", offset, (count,))
            for (dtype, count), offset in zip(parts, offsets, strict=True)
        ]
        self._header, self._shapes, self._code, self._contexts = mapped
        self._header["base"], self._header["halfwords"], self._header["ignored"] = base, self._halfwords, ignored
        self._code[:] = np.frombuffer(code, np.uint16)
        self._counts = self._mapped(1)

    def _mapped(self, contexts: int) -> Any:  # noqa: ANN401 - NumPy's records have no static type
        shape = (min(contexts, MOST_CONTEXTS) * self._halfwords,)
        return np.memmap(self._path, _COUNT, "r+", self._behind, shape)

    def begin(self, watched: Sequence[int] = ()) -> None:
        """Forget what was counted, but not how blocks were cut; a context begins at each ``watched`` address."""
        self._counts[np.flatnonzero(self._counts["entries"])] = 0
        self._counts = self._mapped(len(watched) + 1)
        self._contexts[:] = 0
        at = (np.array(watched[: MOST_CONTEXTS - 1], np.int64) - int(self._header["base"][0])) // 2
        self._contexts[at] = np.arange(1, len(at) + 1)
        self._header["reason"], self._header["context"], self._header["previous_end"] = 0, 0, 1

    @property
    def trouble(self) -> tuple[int, int]:
        """STRAY or CHANGED and the address; 0 where all went well."""
        return int(self._header["reason"][0]), int(self._header["place"][0])

    def runs(self) -> list[BlockRun]:
        """What was counted, in order of context and address."""
        base, runs = int(self._header["base"][0]), []
        for place in np.flatnonzero(self._counts["entries"]).tolist():
            context, index = divmod(place, self._halfwords)
            (size, length), (entries, falls) = self._shapes[index].tolist(), self._counts[place].tolist()
            runs.append(BlockRun(base + 2 * index, size, length, entries, falls, context))
        return runs
