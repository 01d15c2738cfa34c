"""Hostile files: what the platform makes of damaged models and documents; exits 1 on anything but an answer.

Each case is read in a process of its own, the way a command reads it. It must be accepted or refused in one sentence
that names the file: no traceback, no signal, no more than 5 s and 512 MB, nothing left behind. Accepted networks are
then compiled and run on the emulated core, where every byte must be that of the reference.

    python benchmarks/hostile.py [--json] [--quick] [--seed N] [--jobs N] [--compiled N]
    python benchmarks/hostile.py --case onnx:1234           # writes that file here and says what becomes of it

Needs the extras ``test`` and ``sim``; POSIX.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # forked processes must not have threads

import argparse
import gc
import json
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.hostile_files.families import TARGET, families
from benchmarks.hostile_files.family import Family
from tinyml_core.platform import Platform
from tinyml_core.testing.isolation import Limits, isolated

CASES = {"tflite": 10_000, "onnx": 10_000}
OTHER_CASES = 1_000
"""Cases of each format that is not in :data:`CASES`."""
QUICK = 20
"""How many times fewer of them ``--quick`` tries."""
COMPILED, QUICKLY_COMPILED = 2_000, 40
BATCH = 50
MOST_MACS = 20_000_000
"""Multiply-accumulates above which an accepted network is not run: an emulator takes minutes for more."""
COMPILING = Limits(seconds=120, memory=4 << 30, address_space=1 << 40)
BAD = ("traceback", "crashed", "hung", "memory", "leftovers", "unnamed", "inexact")
"""Outcomes that must not be."""


@dataclass(frozen=True)
class Case:
    """What became of one file."""

    family: str
    number: int
    kind: str
    outcome: str
    detail: str


class Bench:
    """The families and the platform that every process inherits."""

    def __init__(self, seed: int) -> None:
        self.seed, self.platform = seed, Platform()
        self.families: dict[str, Family] = {each.name: each for each in families(self.platform)}
        for family in self.families.values():  # everything is imported before the first fork
            with tempfile.TemporaryDirectory() as folder:
                path = self._lay_out(family, family.sources[0], Path(folder))
                family.open(path, self.platform)
        gc.collect()
        gc.freeze()

    def read(self, family: Family, number: int, folder: Path) -> Case:
        """Read one file."""
        kind, data = family.mutant(number, self.seed)
        path = self._lay_out(family, data, folder)

        def work() -> str:
            tempfile.tempdir = str(folder)
            return family.open(path, self.platform)

        verdict = isolated(work, family.limits)
        outcome: str = verdict.outcome
        named = family.beside or str(folder) in verdict.detail  # a program that runs may fail without its file
        if outcome == "refused" and (not named or "\n" in verdict.detail):
            outcome = "unnamed"
        left = {each.name for each in folder.iterdir()} - {family.file, *family.beside}
        if left:
            outcome = "leftovers"
        return Case(family.name, number, kind, outcome, f"{left}" if left else verdict.detail)

    def compile(self, family: Family, number: int, folder: Path) -> Case:
        """Compile and run an accepted network."""
        kind, data = family.mutant(number, self.seed)
        path = self._lay_out(family, data, folder)

        def work() -> str:
            self.platform.compile(path, TARGET, folder / "out")
            execution = self.platform.run(folder / "out", seed=number)
            return "exact" if execution.exact else f"{execution.differing_bytes} bytes differ"

        verdict = isolated(work, COMPILING)
        outcome: str = verdict.outcome
        if outcome == "accepted":
            outcome = "exact" if verdict.detail == "exact" else "inexact"
        left = {each.name for each in folder.iterdir()} - {family.file} - ({"out"} if outcome != "refused" else set())
        if left:
            outcome = "leftovers"
        return Case(family.name, number, kind, outcome, f"{left}" if left else verdict.detail)

    def _lay_out(self, family: Family, data: bytes, folder: Path) -> Path:
        for each in folder.iterdir():
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
        for name, content in family.beside.items():
            (folder / name).write_bytes(content)
        (folder / family.file).write_bytes(data)
        return folder / family.file


_bench: Bench


def _batch(job: tuple[str, str, list[int]]) -> list[Case]:
    step, name, numbers = job
    work = getattr(_bench, step)
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        return [work(_bench.families[name], number, Path(folder)) for number in numbers]


def run(step: str, chosen: Iterable[tuple[str, int]], jobs: int) -> Iterator[Case]:
    """Every chosen case, in batches over ``jobs`` processes."""
    by_family: dict[str, list[int]] = {}
    for name, number in chosen:
        by_family.setdefault(name, []).append(number)
    size = BATCH if step == "read" else 5
    work = [(step, name, numbers[at : at + size]) for name, numbers in by_family.items()
            for at in range(0, len(numbers), size)]  # fmt: skip
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for cases in pool.imap_unordered(_batch, work):
            yield from cases


def distinct_networks(read: Iterable[Case], most: int) -> list[tuple[str, int]]:
    """Accepted networks that differ, evenly spread over the families, no more than ``most``."""
    seen: set[str] = set()
    found: dict[str, list[int]] = {}
    for case in sorted(read, key=lambda each: (each.family, each.number)):
        if case.outcome != "accepted" or not _bench.families[case.family].is_network:
            continue
        told = json.loads(case.detail)
        if told["digest"] not in seen and told["macs"] <= MOST_MACS:
            seen.add(told["digest"])
            found.setdefault(case.family, []).append(case.number)
    share = most // max(len(found), 1)
    return [(name, number) for name, numbers in found.items() for number in numbers[:share]]


def summary(read: list[Case], compiled: list[Case], seconds: float, seed: int) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    counts = Counter(case.outcome for case in (*read, *compiled))
    rows = {}
    for name in _bench.families:
        of_family = Counter(case.outcome for case in read if case.family == name)
        rows[name] = {
            "cases": sum(of_family.values()), **{key: of_family[key] for key in ("accepted", "refused", *BAD)},
            "compiled": dict(Counter(case.outcome for case in compiled if case.family == name)),
        }  # fmt: skip
    networks = Counter(case.outcome for case in compiled)
    return {
        "seed": seed, "seconds": round(seconds, 1), "cases": len(read),
        "accepted": sum(case.outcome == "accepted" for case in read),
        "refused": sum(case.outcome == "refused" for case in read), **{key: counts[key] for key in BAD},
        "compiled": {"tried": len(compiled), "exact": networks["exact"], "refused": networks["refused"]},
        "families": rows,
        "bad": [asdict(case) for case in (*read, *compiled) if case.outcome in BAD],
        "ok": not any(counts[key] for key in BAD),
    }  # fmt: skip


def show(report: dict[str, Any]) -> None:
    """Print for people."""
    columns = ("cases", "accepted", "refused", *BAD)
    print(f"{'format':<12}" + "".join(f"{column:>11}" for column in columns) + "  accepted ones compiled")
    for name, row in report["families"].items():
        compiled = ", ".join(f"{count} {outcome}" for outcome, count in sorted(row["compiled"].items()))
        print(f"{name:<12}" + "".join(f"{row[column]:>11}" for column in columns) + f"  {compiled or '-'}")
    for case in report["bad"][:40]:
        print(f"{case['family']}:{case['number']} ({case['kind']}): {case['outcome']}: {case['detail'][:300]!r}")
    print(f"seed {report['seed']}, {report['cases']} cases and {report['compiled']['tried']} compilations "
          f"in {report['seconds']} s: {'nothing bad' if report['ok'] else 'BAD'}")  # fmt: skip


def reproduce(text: str) -> int:
    """Write one case into the current folder and tell what becomes of it."""
    name, _, number = text.partition(":")
    family = _bench.families[name]
    kind, data = family.mutant(int(number), _bench.seed)
    Path(family.file).write_bytes(data)
    print(f"{kind}: {len(data)} bytes in {family.file}")
    for step in ("read", "compile") if family.is_network else ("read",):
        case = _batch((step, name, [int(number)]))[0]
        print(f"{step}: {case.outcome}: {case.detail}")
        if case.outcome != "accepted":
            break
    return int(case.outcome in BAD)


def main() -> int:
    """Read, compile, print."""
    global _bench
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help=f"one case in {QUICK}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--compiled", type=int, help="accepted networks compiled and run at most")
    parser.add_argument("--only", metavar="FORMAT", help="one format")
    parser.add_argument("--cases", type=int, metavar="N", help="cases of each format")
    parser.add_argument("--case", metavar="FORMAT:NUMBER", help="write that file here and say what becomes of it")
    options = parser.parse_args()
    start = time.perf_counter()
    _bench = Bench(options.seed)
    if options.case:
        return reproduce(options.case)
    chosen = []
    for name in _bench.families:
        count = options.cases or CASES.get(name, OTHER_CASES) // (QUICK if options.quick else 1)
        chosen += [(name, number) for number in range(count) if options.only in (None, name)]
    read = list(run("read", chosen, options.jobs))
    most = options.compiled if options.compiled is not None else QUICKLY_COMPILED if options.quick else COMPILED
    compiled = list(run("compile", distinct_networks(read, most), options.jobs))
    report = summary(read, compiled, time.perf_counter() - start, options.seed)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
