"""Survival: a search whose processes are killed with ``SIGKILL`` again and again, to compare with one left in peace.

    rough = ravage(Ordeal(executor="processes"), folder, kills=20, seed=0)
    assert rough.outcome == undisturbed(Ordeal(executor="processes"), elsewhere).outcome

A kill strikes the main process or one of its workers, at a moment drawn at random after the journal has grown; a killed
main process is started again to resume. The executor is chosen by name, so it may come from any plugin. Linux only:
workers are found in ``/proc``.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tinyml_core.testing.ordeal import JOURNAL, RESULT, VISITS, Ordeal

PATIENCE = 300.0
"""Seconds to wait for a process to appear, to make progress or to go away."""


@dataclass(frozen=True)
class Survivor:
    """A search that has come to its end."""

    outcome: dict[str, Any]
    """The result as plain data: trials, failures, draws and how it ended."""
    journaled: tuple[str, ...]
    """Keys of the evaluations in the journal, in its order."""
    visits: int
    """Evaluations that were begun, those that died with their worker included."""
    killed_main: int = 0
    killed_workers: int = 0


def undisturbed(ordeal: Ordeal, folder: Path) -> Survivor:
    """Run the search in ``folder`` to its end."""
    _await_end(_start(ordeal, folder))
    return _survivor(folder)


def ravage(ordeal: Ordeal, folder: Path, *, kills: int, seed: int) -> Survivor:
    """Run the search in ``folder``, kill ``kills`` of its processes at random, and resume it until it ends.

    Raises:
        TimeoutError: it makes no progress, or workers outlive their killed parent.
        ChildProcessError: it ended with an error.
    """
    rng = random.Random(seed)
    process, main, workers = _start(ordeal, folder), 0, 0
    try:
        for progress in sorted(rng.sample(range(1, ordeal.evaluations - 1), kills)):
            _await(partial(_advanced, process, folder, progress), f"evaluation {progress}")
            time.sleep(rng.uniform(0, ordeal.seconds))
            running = _workers(process.pid)
            if running and rng.random() < 0.5:
                os.kill(rng.choice(running), signal.SIGKILL)
                workers += 1
            else:
                process.kill()
                process.wait()
                _await(partial(_gone, running), "workers to end with their parent")
                process, main = _start(ordeal, folder), main + 1
        _await_end(process)
    finally:
        process.kill()
    return replace(_survivor(folder), killed_main=main, killed_workers=workers)


def finished(folder: Path) -> list[str]:
    """Keys of the evaluations that the journal holds as whole lines."""
    path = folder / JOURNAL
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0] if path.exists() else ""
    lines = [json.loads(line) for line in whole.splitlines()]
    return [line["key"] for line in lines if line["kind"] == "finished"]


def _survivor(folder: Path) -> Survivor:
    outcome = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return Survivor(outcome, tuple(finished(folder)), (folder / VISITS).stat().st_size)


def _start(ordeal: Ordeal, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tinyml_core.testing.ordeal", json.dumps(asdict(ordeal)), str(folder)]
    with (folder / "output").open("ab") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)


def _await_end(process: subprocess.Popen[bytes]) -> None:
    code = process.wait(4 * PATIENCE)
    if code:
        raise ChildProcessError(f"the search ended with exit status {code}")


def _await(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE:.0f} s for {what}")
        time.sleep(0.005)


def _advanced(process: subprocess.Popen[bytes], folder: Path, progress: int) -> bool:
    if process.poll() is not None:
        raise ChildProcessError(f"the search ended early, with exit status {process.returncode}")
    return len(finished(folder)) >= progress


def _gone(processes: list[int]) -> bool:
    states = [_read(process, "stat").rpartition(b")")[2].split() for process in processes]
    return all(not state or state[0] == b"Z" for state in states)


def _workers(parent: int) -> list[int]:
    """Worker processes below ``parent``: those that multiprocessing has spawned."""
    found: list[int] = []
    for child in _children(parent):
        found += [child] * (b"spawn_main" in _read(child, "cmdline")) + _workers(child)
    return found


def _children(parent: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{parent}/task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:  # it has ended
        return []


def _read(process: int, file: str) -> bytes:
    try:
        return Path(f"/proc/{process}/{file}").read_bytes()
    except OSError:  # it has ended
        return b""
