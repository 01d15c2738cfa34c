"""Search: what is asked of spaces, strategies and cost models beside what is measured.

    python benchmarks/search.py [--json] [--quick] [--only PART ...]

Everything runs on two cores. ``--quick`` takes fewer networks, seeds and proposals. Exits 1 where a figure is missed.
"""

from __future__ import annotations

import sys

from asked import run

PARTS = ("spaces", "costs", "landscape", "tabular", "fidelity", "survival", "end_to_end")

if __name__ == "__main__":
    sys.exit(run(__doc__, "search", PARTS))
