"""Cache: accuracies that were paid for in any search, by a hash of everything they depend on.

One JSON object per line, appended by any number of processes. The file may be damaged, cut or deleted at any time:
a line that cannot be read, or whose checksum does not fit, is paid for again.
"""

from __future__ import annotations

import logging
import os
import zlib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tinyml_core.errors import InputError

_log = logging.getLogger(__name__)


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    accuracy: Annotated[float, Field(ge=0, le=1)]
    checksum: int


class EvaluationCache:
    """Accuracies by key, in a file.

    Raises:
        InputError: the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, float] = {}
        self._read = 0

    def get(self, key: str) -> float | None:
        """The accuracy kept under ``key``, by this process or another; None when there is none."""
        if key not in self._known:
            self._catch_up()
        return self._known.get(key)

    def add(self, key: str, accuracy: float) -> None:
        """Keep an accuracy."""
        line = _Line(key=key, accuracy=accuracy, checksum=_checksum(key, accuracy)).model_dump_json()
        try:
            # The line break before ends what a killed process may have left of a line; one write is one append.
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                os.write(handle, f"\n{line}\n".encode())
            finally:
                os.close(handle)
        except OSError as error:
            raise InputError(
                f"cannot be written: {error.strerror}", place=str(self.path), remedy="name another cache"
            ) from None
        self._known[key] = accuracy

    def _catch_up(self) -> None:
        """Read the lines that are new since the last time."""
        try:
            with self.path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._read:  # cut or made anew
                    self._read = 0
                file.seek(self._read)
                content = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(
                f"cannot be read: {error.strerror}", place=str(self.path), remedy="name another cache"
            ) from None
        whole = content.rfind(b"\n") + 1
        self._read += whole
        unreadable = 0
        for text in filter(None, content[:whole].split(b"\n")):
            try:
                line = _Line.model_validate_json(text)
            except ValidationError:
                unreadable += 1
                continue
            if line.checksum == _checksum(line.key, line.accuracy):
                self._known[line.key] = line.accuracy
            else:
                unreadable += 1
        if unreadable:
            _log.warning("%s: %d lines cannot be read and are left out", self.path, unreadable)


def _checksum(key: str, accuracy: float) -> int:
    return zlib.crc32(f"{key} {accuracy!r}".encode())
