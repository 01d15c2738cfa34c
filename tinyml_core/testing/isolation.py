"""Isolation: one piece of work in a process of its own, with a limit on time and memory, and what became of it.

    verdict = isolated(lambda: str(load(path)), Limits())
    assert verdict.outcome in ("accepted", "refused"), verdict.detail

The process is forked, so that it starts at once and whatever it breaks dies with it; POSIX only. The parent must not
run threads.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn

from tinyml_core.errors import TinyMLError

Outcome = Literal["accepted", "refused", "traceback", "crashed", "hung", "memory"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the work may take."""

    seconds: int = 5
    memory: int = 512 << 20
    """Bytes by which the process may grow."""
    address_space: int = 1 << 30
    """Bytes it may reserve: allocating more raises MemoryError."""


@dataclass(frozen=True)
class Verdict:
    """What became of the work: ``detail`` is its result, the sentence it was refused with, or what went wrong."""

    outcome: Outcome
    detail: str
    growth: int
    """Bytes by which the process grew at its peak."""


def isolated(work: Callable[[], str], limits: Limits) -> Verdict:
    """Run ``work`` in a forked process and wait for it.

    ``accepted`` means that it returned, ``refused`` that it raised a :class:`TinyMLError`. Any other exception is a
    ``traceback``, warnings that would reach the user included.
    """
    receiving, sending = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        _carry_out(work, limits, sending)
    os.close(sending)
    with os.fdopen(receiving, "rb") as stream:
        report = stream.read()
    _, status, usage = os.wait4(child, 0)
    outcome: Outcome
    outcome, detail, before = json.loads(report) if report else ("crashed", "", 0)
    growth = max(usage.ru_maxrss * 1024 - before, 0) if before else 0
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        hung = number == signal.SIGALRM
        outcome = "hung" if hung else "crashed"
        return Verdict(outcome, f"more than {limits.seconds} s" if hung else signal.Signals(number).name, growth)
    if not report:
        return Verdict("crashed", f"exit status {os.waitstatus_to_exitcode(status)}", growth)
    if growth > limits.memory and outcome in ("accepted", "refused"):
        outcome, detail = "memory", f"grew by {growth} bytes, then {outcome}: {detail}"
    return Verdict(outcome, detail, growth)


def _carry_out(work: Callable[[], str], limits: Limits, sending: int) -> NoReturn:
    """Never returns: the forked process must not run what its parent has yet to do."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends even code that never returns to Python
        signal.alarm(limits.seconds)
        address_space = _pages(0) * resource.getpagesize() + limits.address_space
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for category in (RuntimeWarning, UserWarning):
            warnings.simplefilter("error", category)
        before = _pages() * resource.getpagesize()  # a fork starts smaller than its parent: file pages come later
        report = (*_outcome(work), before)
        with os.fdopen(sending, "wb") as stream:
            stream.write(json.dumps(report).encode())
    finally:
        os._exit(0)


def _outcome(work: Callable[[], str]) -> tuple[Outcome, str]:
    try:
        return "accepted", work()
    except TinyMLError as error:
        return "refused", str(error)
    except MemoryError:
        return "memory", f"MemoryError at {_where(sys.exc_info()[2])}"
    except BaseException as error:  # whatever it is, it would reach the user as a traceback
        return "traceback", f"{type(error).__name__}: {str(error)[:200]} at {_where(error.__traceback__)}"


def _where(trace: object) -> str:
    frames = traceback.extract_tb(trace)  # type: ignore[arg-type]
    return " < ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in reversed(frames[-4:]))


def _pages(column: int = 1) -> int:
    """Pages of this process: 0 the address space, 1 what is resident."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[column])
