"""Start-up: CPU time of the commands people wait for; exits 1 where ``tinyml --help`` takes more than it may.

Run it on a quiet machine: python benchmarks/startup.py [--json] [--runs N]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys

ASKED = {"--help": 150.0}
"""Command and greatest median CPU time in milliseconds."""
SHOWN = ["--help", "plugins list", "targets"]


def cpu_milliseconds(arguments: list[str]) -> float:
    """User and system time of one run."""
    before = os.times()
    subprocess.run([sys.executable, "-m", "tinyml_core", *arguments], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return 1e3 * (after.children_user - before.children_user + after.children_system - before.children_system)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=11)
    options = parser.parse_args()
    rows = []
    for command in SHOWN:
        cpu_milliseconds(command.split())  # bytecode is compiled once
        measured = statistics.median(cpu_milliseconds(command.split()) for _ in range(options.runs))
        asked = ASKED.get(command)
        rows.append({"command": f"tinyml {command}", "cpu_ms": round(measured, 1), "asked_ms": asked,
                     "ok": asked is None or measured <= asked})  # fmt: skip
    if options.json:
        print(json.dumps({"rows": rows}, indent=2))
    else:
        for row in rows:
            print(f"{row['command']:<22} {row['cpu_ms']:8.1f} ms   asked {row['asked_ms'] or '-'}")
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
