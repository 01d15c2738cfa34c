"""Writes the table of checks in docs/plugins.md from the conformance kit.

python docs/generate_checks.py          write the table
python docs/generate_checks.py --check  exit 1 when it is out of date
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from tinyml_core.kinds import KINDS
from tinyml_core.testing.conformance import every_check

PAGE = Path(__file__).parent / "plugins.md"
BEGIN, END = "<!-- checks: written by docs/generate_checks.py -->", "<!-- end of checks -->"
TITLES = {"plugin": "Every plugin", "component": "Every component"}


def table() -> str:
    """A section for each kind, a row for each check."""
    sections = []
    for of, rows in groupby(every_check(), key=lambda row: row[0]):
        title = TITLES.get(of) or f"{of} ({KINDS[of].tier})"
        lines = [
            f"| `{check.name}`{' (slow)' if check.slow else ''} | {check.demand.replace('``', '`')} |"
            for _, check in rows
        ]
        sections.append("\n".join([f"### {title}", "", "| check | demands |", "|---|---|", *lines]))
    return "\n\n".join(sections)


def main() -> int:
    """Write or compare."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    wanted = f"{head}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"
    if "--check" in sys.argv:
        return int(text != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
