"""Hostile files: what the platform makes of damaged models and documents; exits 1 on anything but an answer.

Each case is read in a process of its own, the way a command reads it. It must be accepted or refused in one sentence
that names the file: no traceback, no signal, no more than 5 s and 512 MB, nothing left behind. Every network that is
accepted and fits the target is then generated, compiled for this machine and run there, where every byte must be that
of the reference; networks with the same C are compiled once. Some of them are compiled as a command does it and run on
the emulated core as well.

    python benchmarks/hostile.py [--json] [--quick [N]] [--seed N] [--jobs N] [--emulated N] [--journal FILE]
    python benchmarks/hostile.py --case onnx:1234           # writes that file here and says what becomes of it

Needs the extras ``test`` and ``sim``, and gcc; POSIX. How far it is goes to standard error.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # forked processes must not have threads

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "tests" / "packages"))

from benchmarks.hostile_files.bench import Bench
from benchmarks.hostile_files.case import BAD, Case

CASES = {"tflite": 10_000, "onnx": 10_000}
OTHER_CASES = 1_000
"""Cases of each format that is not in :data:`CASES`."""
QUICK = 20
"""How many times fewer of them ``--quick`` tries."""
EMULATED, QUICKLY_EMULATED = 200, 20
BATCHES = {"read": 50, "generate": 20, "prove": 20, "emulate": 5}
"""Cases that one process of the pool takes at a time."""
REPORTED = 500
"""Cases between two lines about how far it is."""

Chosen = Sequence[tuple[str, int]]
"""Family and number of cases."""

_bench: Bench


def _batch(job: tuple[str, str, list[int]]) -> list[Case]:
    step, name, numbers = job
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        found: list[Case] = getattr(_bench, step)(_bench.families[name], numbers, Path(folder))
    return found


class Journal:
    """Outcomes as lines of JSON in a file, so that an interrupted run goes on where it was."""

    def __init__(self, path: Path | None, seed: int) -> None:
        self._path, self._seed = path, seed
        self._known: dict[tuple[str, str, int], Case] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                if entry.pop("seed") == seed:
                    case = Case(**entry)
                    self._known[case.step, case.family, case.number] = case

    def known(self, step: str, chosen: Chosen) -> list[Case]:
        """The outcomes of a step that are known already."""
        return [self._known[step, *each] for each in chosen if (step, *each) in self._known]

    def add(self, cases: Sequence[Case]) -> None:
        """Append outcomes."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps({"seed": self._seed, **asdict(case)}) + "\n" for case in cases)


def run(step: str, chosen: Chosen, jobs: int, journal: Journal) -> Iterator[Case]:
    """Every chosen case, in batches over ``jobs`` processes."""
    known = journal.known(step, chosen)
    yield from known
    done, start = len(known), time.perf_counter()
    finished = {(case.family, case.number) for case in known}
    by_family: dict[str, list[int]] = {}
    for name, number in chosen:
        if (name, number) not in finished:
            by_family.setdefault(name, []).append(number)
    size = BATCHES[step]
    work = [(step, name, numbers[at : at + size]) for name, numbers in by_family.items()
            for at in range(0, len(numbers), size)]  # fmt: skip
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for cases in pool.imap_unordered(_batch, work):
            journal.add(cases)
            if (done + len(cases)) // REPORTED > done // REPORTED or done + len(cases) == len(chosen):
                seconds = time.perf_counter() - start
                print(
                    f"{step}: {done + len(cases)} of {len(chosen)} after {seconds:.0f} s", file=sys.stderr, flush=True
                )
            done += len(cases)
            yield from cases


def networks_of(read: Iterable[Case]) -> dict[str, list[tuple[str, int]]]:
    """The accepted networks by the digest of their graph; the first of each stands for the others."""
    found: dict[str, list[tuple[str, int]]] = {}
    for case in sorted(read, key=lambda each: (each.family, each.number)):
        if case.outcome == "accepted" and _bench.families[case.family].is_network:
            found.setdefault(json.loads(case.detail)["digest"], []).append((case.family, case.number))
    return found


def by_source(generated: Iterable[Case]) -> dict[str, list[Case]]:
    """The networks that can be run, by the digest of their C."""
    found: dict[str, list[Case]] = {}
    for case in sorted(generated, key=lambda each: (each.family, each.number)):
        if case.outcome == "accepted" and "source" in (told := json.loads(case.detail)):
            found.setdefault(told["source"], []).append(case)
    return found


def inexact(sources: dict[str, list[Case]], proofs: Iterable[Case]) -> Iterator[Case]:
    """The networks whose reference does not give the bytes of their C."""
    computed = {(case.family, case.number): case.detail for case in proofs if case.outcome == "accepted"}
    for cases in sources.values():
        outputs = computed.get((cases[0].family, cases[0].number))
        for case in cases:
            if outputs is not None and json.loads(case.detail)["outputs"] != outputs:
                yield Case("prove", case.family, case.number, case.kind, "inexact", f"{case.detail}, not {outputs}")


def evenly(chosen: Chosen, most: int) -> Chosen:
    """No more than ``most``, the families' shares as equal as they can be."""
    numbers: dict[str, list[int]] = {}
    for name, number in chosen:
        numbers.setdefault(name, []).append(number)
    share = most // max(len(numbers), 1)
    return [(name, number) for name, each in numbers.items() for number in each[:share]]


def summary(steps: dict[str, list[Case]], wrong: list[Case], seconds: float, seed: int) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    read, generated, proofs, emulated = (steps[step] for step in BATCHES)
    every = [case for cases in (*steps.values(), wrong) for case in cases]
    counts = Counter(case.outcome for case in every)
    networks, sources = networks_of(read), by_source(generated)
    refused = {(case.family, case.number) for case in generated if case.outcome == "refused"}
    failed = {(case.family, case.number) for case in (*wrong, *proofs) if case.outcome != "accepted"}
    alike = {members[0]: len(members) for members in networks.values()}
    exact = sum(
        alike[case.family, case.number]
        for cases in sources.values() if (cases[0].family, cases[0].number) not in failed
        for case in cases if (case.family, case.number) not in failed
    )  # fmt: skip
    rows = {}
    for name in _bench.families:
        of_family = Counter(case.outcome for case in read if case.family == name)
        rows[name] = {
            "cases": sum(of_family.values()), **{key: of_family[key] for key in ("accepted", "refused", *BAD)},
        }  # fmt: skip
    outcomes = Counter(case.outcome for case in emulated)
    told = {
        "accepted": sum(alike.values()), "distinct": len(networks),
        "refused by the target": sum(alike[each] for each in refused),
        "too large to run": sum(
            alike[case.family, case.number] for case in generated
            if case.outcome == "accepted" and "large" in json.loads(case.detail)
        ),
        "exact": exact, "distinct sources": len(sources), "compiled": len(proofs),
    }  # fmt: skip
    proven = told["accepted"] == told["refused by the target"] + told["too large to run"] + told["exact"]
    return {
        "seed": seed, "seconds": round(seconds, 1), "cases": len(read),
        "accepted": sum(case.outcome == "accepted" for case in read),
        "refused": sum(case.outcome == "refused" for case in read), **{key: counts[key] for key in BAD},
        "networks": told,
        "emulated": {"tried": len(emulated), "exact": outcomes["exact"], "refused": outcomes["refused"]},
        "families": rows,
        "bad": [asdict(case) for case in every if case.outcome in BAD],
        "ok": not any(counts[key] for key in BAD) and proven,
    }  # fmt: skip


def show(report: dict[str, Any]) -> None:
    """Print for people."""
    columns = ("cases", "accepted", "refused", *BAD)
    print(f"{'format':<12}" + "".join(f"{column:>11}" for column in columns))
    for name, row in report["families"].items():
        print(f"{name:<12}" + "".join(f"{row[column]:>11}" for column in columns))
    for title in ("networks", "emulated"):
        print(f"{title}: " + ", ".join(f"{count} {name}" for name, count in report[title].items()))
    for case in report["bad"][:40]:
        told = f"{case['step']}: {case['outcome']}: {case['detail'][:300]!r}"
        print(f"{case['family']}:{case['number']} ({case['kind']}): {told}")
    print(f"seed {report['seed']}, {report['cases']} cases in {report['seconds']} s: "
          f"{'nothing bad' if report['ok'] else 'BAD'}")  # fmt: skip


def reproduce(text: str) -> int:
    """Write one case into the current folder and tell what becomes of it."""
    name, _, number = text.partition(":")
    family = _bench.families[name]
    kind, data = family.mutant(int(number), _bench.seed)
    Path(family.file).write_bytes(data)
    print(f"{kind}: {len(data)} bytes in {family.file}")
    for step in BATCHES if family.is_network else ("read",):
        (case,) = _batch((step, name, [int(number)]))
        print(f"{step}: {case.outcome}: {case.detail}")
        if case.outcome != "accepted":
            break
    return int(case.outcome in BAD)


def main() -> int:
    """Read, generate, prove, emulate, print."""
    global _bench
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", type=int, nargs="?", const=QUICK, metavar="N", help=f"one case in N ({QUICK})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--emulated", type=int, help="accepted networks run on the emulated core at most")
    parser.add_argument("--only", metavar="FORMAT", help="one format")
    parser.add_argument("--cases", type=int, metavar="N", help="cases of each format")
    parser.add_argument("--journal", type=Path, metavar="FILE", help="append outcomes there, skip what it holds")
    parser.add_argument("--case", metavar="FORMAT:NUMBER", help="write that file here and say what becomes of it")
    options = parser.parse_args()
    start = time.perf_counter()
    _bench = Bench(options.seed)
    if options.case:
        return reproduce(options.case)
    chosen = []
    for name in _bench.families:
        count = options.cases or CASES.get(name, OTHER_CASES) // (options.quick or 1)
        chosen += [(name, number) for number in range(count) if options.only in (None, name)]
    journal = Journal(options.journal, options.seed)
    steps = {"read": list(run("read", chosen, options.jobs, journal))}
    firsts = [members[0] for members in networks_of(steps["read"]).values()]
    steps["generate"] = list(run("generate", firsts, options.jobs, journal))
    sources = by_source(steps["generate"])
    representatives = [(cases[0].family, cases[0].number) for cases in sources.values()]
    steps["prove"] = list(run("prove", representatives, options.jobs, journal))
    most = options.emulated if options.emulated is not None else QUICKLY_EMULATED if options.quick else EMULATED
    steps["emulate"] = list(run("emulate", evenly(representatives, most), options.jobs, journal))
    wrong = list(inexact(sources, steps["prove"]))
    report = summary(steps, wrong, time.perf_counter() - start, options.seed)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
