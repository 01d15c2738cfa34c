"""Journal: what a search has paid for, on disk as soon as it is known.

One JSON object per line, synchronised line by line: first a header, then every costed candidate and every outcome. A
search is resumed by running it again from its seed with costs and outcomes taken from here instead of being paid for
a second time; the proposals, and so the result, are those of a run nobody disturbed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, BinaryIO, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tinyml_core import __version__
from tinyml_core.errors import InputError
from tinyml_core.search.candidate import Candidate, Choice
from tinyml_core.search.evaluation import Outcome

LARGEST = 1 << 28
"""Bytes above which a journal is refused; a search of 100 000 candidates writes about an eighth of that."""

_log = logging.getLogger(__name__)
_Key = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
_Number = Annotated[float, Field(allow_inf_nan=False)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Header(_Line):
    """Which search this is: ``config`` is :func:`fingerprint` of everything that shapes its result."""

    kind: Literal["header"] = "header"
    config: str
    seed: int
    code: str = __version__


class _Costed(_Line):
    kind: Literal["costed"] = "costed"
    key: _Key
    choices: dict[str, Choice]
    costs: dict[str, _Number]


class _Finished(_Line):
    kind: Literal["finished"] = "finished"
    key: _Key
    number: int
    accuracy: Annotated[float, Field(ge=0, le=1)] | None
    reason: str = ""


_LINE: TypeAdapter[Header | _Costed | _Finished] = TypeAdapter(
    Annotated[Header | _Costed | _Finished, Field(discriminator="kind")]
)


def fingerprint(config: Mapping[str, Any]) -> str:
    """A hash of plain data: equal for equal configurations, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest()[:16]


class Journal:
    """The journal of one search; a context manager.

    Args:
        path: the file; it is created when absent, and continued when ``resume`` is set.
        header: the search about to run.
        resume: continue an existing journal.

    Raises:
        InputError: the file exists and ``resume`` is not set, belongs to another search, is no journal, or
            cannot be written, or another search is using it.
    """

    def __init__(self, path: Path, header: Header, *, resume: bool = False) -> None:
        self.path = path
        self._costs: dict[str, dict[str, float]] = {}
        self._outcomes: dict[str, _Finished] = {}
        length, begun = 0, False
        try:
            existed = path.exists()
            if existed and not resume:
                raise InputError("exists already", place=str(path), remedy="resume the search or remove the file")
            with ExitStack() as opened:
                self._file = opened.enter_context(path.open("ab"))
                _lock(self._file, path)
                if existed:
                    length, begun = self._recover(header)
                self._file.truncate(length)
                opened.pop_all()
        except OSError as error:
            raise InputError(f"cannot be used: {error.strerror}", place=str(path), remedy="name another file") from None
        if not begun:
            self._append(header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def costs(self, candidate: Candidate) -> Mapping[str, float] | None:
        """Costs of a candidate, None when it has not been costed."""
        return self._costs.get(candidate.key)

    def outcome(self, candidate: Candidate, number: int) -> Outcome | None:
        """How a candidate's evaluation ended, None when it has not; ``number`` is its place in this run."""
        line = self._outcomes.get(candidate.key)
        return None if line is None else Outcome(number, line.accuracy, line.reason)

    def add_costs(self, candidate: Candidate, costs: Mapping[str, float]) -> None:
        """Keep a candidate's costs."""
        self._append(_Costed(key=candidate.key, choices=dict(candidate.choices), costs=dict(costs)))

    def add_outcome(self, candidate: Candidate, outcome: Outcome) -> None:
        """Keep the end of an evaluation."""
        self._append(
            _Finished(key=candidate.key, number=outcome.number, accuracy=outcome.accuracy, reason=outcome.reason)
        )

    def _append(self, line: _Line) -> None:
        try:
            self._file.write(line.model_dump_json().encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise InputError(
                f"cannot be written: {error.strerror}", place=str(self.path), remedy="make room, then resume the search"
            ) from None

    def _recover(self, header: Header) -> tuple[int, bool]:
        """Read the file; return the length of its whole lines and whether the header is among them."""
        if self.path.stat().st_size > LARGEST:
            raise InputError(f"is larger than {LARGEST} bytes", place=str(self.path), remedy="this is no journal")
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1  # a line without its end was torn by a crash, and is paid for again
        for number, text in enumerate(content[:whole].splitlines(), start=1):
            place = f"{self.path}, line {number}"
            try:
                line = _LINE.validate_json(text)
            except ValidationError:
                raise InputError("is not a line of a search journal", place=place, remedy="start afresh") from None
            if isinstance(line, Header) is not (number == 1):
                raise InputError("the header is not where it belongs", place=place, remedy="start afresh")
            match line:
                case Header():
                    self._check(line, header)
                case _Costed():
                    self._costs[line.key] = line.costs
                case _Finished():
                    self._outcomes[line.key] = line
        _log.info("%s: %d evaluations are known from before", self.path, len(self._outcomes))
        return whole, whole > 0

    def _check(self, found: Header, wanted: Header) -> None:
        if (found.config, found.seed) != (wanted.config, wanted.seed):
            what = "configuration" if found.config != wanted.config else "seed"
            raise InputError(
                f"belongs to a search with another {what}",
                place=str(self.path),
                remedy="restore what it was begun with, or start afresh with another journal",
            )
        if found.code != wanted.code:
            _log.warning("%s was begun by version %s; this is %s", self.path, found.code, wanted.code)


def _lock(file: BinaryIO, path: Path) -> None:
    """Keep other searches away; the lock goes with the process, however that ends."""
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError("is in use by another search", place=str(path), remedy="wait for it to end") from None
