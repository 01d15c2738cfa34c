"""Benchmarks of several parts: rows of what was measured beside what is asked, printed as a table or as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tinyml_core.platform import Platform


@dataclass(frozen=True)
class Row:
    """One figure; nothing is asked where both bounds are None."""

    subject: str
    figure: str
    measured: float
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def ok(self) -> bool | None:
        """Whether the figure is within what is asked; None where nothing is."""
        if self.at_most is None and self.at_least is None:
            return None
        above = self.at_least is None or self.measured >= self.at_least
        return above and (self.at_most is None or self.measured <= self.at_most)


def run(description: str | None, prefix: str, parts: Sequence[str]) -> int:
    """The command line of a benchmark: measure its parts and print; 1 where a figure is missed, else 0.

    A part is a module ``<prefix>_<part>`` with ``rows(platform, *, quick)``.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="measure less of everything")
    parser.add_argument("--only", nargs="*", choices=parts, default=parts, metavar="PART", help="only these parts")
    options = parser.parse_args()
    platform, found = Platform(), list[tuple[str, Row]]()
    for part in options.only:
        for row in importlib.import_module(f"{prefix}_{part}").rows(platform, quick=options.quick):
            found.append((part, row))
            if not options.json:
                _print(row)
    missed = sum(row.ok is False for _, row in found)
    if options.json:
        objects = [{"part": part, **asdict(row), "ok": row.ok} for part, row in found]
        print(json.dumps({"quick": options.quick, "rows": objects, "missed": missed}, indent=2))
    else:
        print(f"{missed} of {sum(row.ok is not None for _, row in found)} asked figures missed")
    return 1 if missed else 0


def _print(row: Row) -> None:
    verdict = {None: "", True: "ok", False: "MISSED"}[row.ok]
    bounds = ((">=", row.at_least), ("<=", row.at_most))
    asked = " ".join(f"{sign} {bound:,.10g}" for sign, bound in bounds if bound is not None)
    print(f"{row.subject:26} {row.figure:58} {row.measured:>12,.10g} {asked:>12} {verdict:7} {row.note}", flush=True)
