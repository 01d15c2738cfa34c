"""Bench: every step that a case goes through, each in a process of its own."""

from __future__ import annotations

import gc
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.hostile_files.case import Case, lay_out
from benchmarks.hostile_files.families import TARGET, families
from benchmarks.hostile_files.family import Family
from benchmarks.hostile_files.proof import generated, network_of, proved
from tinyml_core.platform import Platform
from tinyml_core.testing.isolation import Limits, Verdict, isolated

COMPILING = Limits(seconds=300, memory=4 << 30, address_space=1 << 40)


class Bench:
    """The families and the platform that every process inherits."""

    def __init__(self, seed: int) -> None:
        self.seed, self.platform = seed, Platform()
        self.profile = self.platform.target(TARGET)
        self.families: dict[str, Family] = {each.name: each for each in families(self.platform)}
        for family in self.families.values():  # everything is imported before the first fork
            with tempfile.TemporaryDirectory() as folder:
                family.open(lay_out(family, family.sources[0], Path(folder)), self.platform)
        gc.collect()
        gc.freeze()

    def read(self, family: Family, numbers: Sequence[int], folder: Path) -> list[Case]:
        """Read files, each the way a command does."""
        return [self._read(family, number, folder) for number in numbers]

    def generate(self, family: Family, numbers: Sequence[int], folder: Path) -> list[Case]:
        """Generate the sources of accepted networks and execute the reference."""

        def work(path: Path, number: int) -> str:
            prefix = f"case{number}"
            return generated(network_of(path, prefix, self.profile, self.platform), prefix)

        return [self._case("generate", family, number, folder, work) for number in numbers]

    def prove(self, family: Family, numbers: Sequence[int], folder: Path) -> list[Case]:
        """Compile networks for the host, all into one library, and run them; one by one where that fails."""

        def work() -> str:
            networks = []
            for number in numbers:
                path = lay_out(family, family.mutant(number, self.seed)[1], folder)
                networks.append(network_of(path, f"case{number}", self.profile, self.platform))
            with tempfile.TemporaryDirectory() as scratch:
                return proved(networks, Path(scratch))

        verdict = isolated(work, COMPILING)
        if verdict.outcome == "accepted":
            details = [(verdict.outcome, digest) for digest in json.loads(verdict.detail)]
        elif len(numbers) == 1:
            details = [(verdict.outcome, verdict.detail)]
        else:
            return [case for number in numbers for case in self.prove(family, [number], folder)]
        return [
            Case("prove", family.name, number, family.mutant(number, self.seed)[0], *detail)
            for number, detail in zip(numbers, details, strict=True)
        ]

    def emulate(self, family: Family, numbers: Sequence[int], folder: Path) -> list[Case]:
        """Compile networks as a command does and run them on the emulated core."""

        def work(path: Path, number: int) -> str:
            self.platform.compile(path, TARGET, folder / "out")
            execution = self.platform.run(folder / "out", seed=number)
            return "exact" if execution.exact else f"{execution.differing_bytes} bytes differ"

        return [self._case("emulate", family, number, folder, work, leaves="out") for number in numbers]

    def _read(self, family: Family, number: int, folder: Path) -> Case:
        def work(path: Path, number: int) -> str:
            return family.open(path, self.platform)

        case = self._case("read", family, number, folder, work, limits=family.limits)
        named = family.beside or str(folder) in case.detail  # a program that runs may fail without its file
        if case.outcome == "refused" and (not named or "\n" in case.detail):
            return Case("read", family.name, number, case.kind, "unnamed", case.detail)
        return case

    def _case(
        self, step: str, family: Family, number: int, folder: Path, work: Callable[[Path, int], str], *,
        limits: Limits = COMPILING, leaves: str = "",
    ) -> Case:  # fmt: skip
        kind, data = family.mutant(number, self.seed)
        path = lay_out(family, data, folder)

        def inside() -> str:
            tempfile.tempdir = str(folder)
            return work(path, number)

        verdict: Verdict = isolated(inside, limits)
        outcome: str = verdict.outcome
        if step == "emulate" and outcome == "accepted":
            outcome = "exact" if verdict.detail == "exact" else "inexact"
        allowed = {family.file, *family.beside} | ({leaves} if outcome != "refused" else set())
        left = {each.name for each in folder.iterdir()} - allowed
        if left:
            return Case(step, family.name, number, kind, "leftovers", f"{left}")
        return Case(step, family.name, number, kind, outcome, verdict.detail)
