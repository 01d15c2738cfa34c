"""Training on the device: what is asked of gradients, accuracy, memory and instructions beside what is measured.

    python benchmarks/training.py [--json] [--quick] [--only PART ...]

``--quick`` takes fewer samples and seeds. Exits 1 where a figure is missed. Networks and samples are those of
``../shared`` beside the checkout.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from dataclasses import asdict

from search_row import Row

from tinyml_core.platform import Platform

PARTS = ("unbiased", "device", "accuracy", "auto")
"""Modules ``training_<part>``, each with ``rows(platform, *, quick)``."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer samples and seeds")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, metavar="PART", help="only these parts")
    options = parser.parse_args()
    platform, found = Platform(), list[tuple[str, Row]]()
    for part in options.only:
        for row in importlib.import_module(f"training_{part}").rows(platform, quick=options.quick):
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


if __name__ == "__main__":
    sys.exit(main())
