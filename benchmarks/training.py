"""Training on the device: what is asked of gradients, accuracy, memory and instructions beside what is measured.

    python benchmarks/training.py [--json] [--quick] [--only PART ...]

``--quick`` takes fewer samples and seeds. Exits 1 where a figure is missed. Networks and samples are those of
``../shared`` beside the checkout.
"""

from __future__ import annotations

import sys

from asked import run

PARTS = ("gradients", "unbiased", "device", "blob", "accuracy", "auto")

if __name__ == "__main__":
    sys.exit(run(__doc__, "training", PARTS))
