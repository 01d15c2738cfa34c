"""A report: the object that ``tinyml build --json`` prints, of a network of two layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TRIALS = [
    {"number": 0, "accuracy": 0.8, "costs": {"macs": 1000.0, "sram_bytes": 700.0}},
    {"number": 1, "accuracy": 0.9, "costs": {"macs": 2000.0, "sram_bytes": 500.0}},
]

REPORT: Mapping[str, Any] = {
    "name": "demo", "network": "demo", "target": "board", "version": "0.1.0", "seed": 0, "exact": True,
    "differing_bytes": 0, "samples": 9,
    "dataset": {"name": "bright thirds", "train": 48, "validation": 24, "test": 24},
    "accuracy": {"float": 0.9, "int8": 0.8, "emulated": 0.8},
    "sram_bytes": {"arena": 500, "input": 0, "output": 0, "static": 40, "stack": 160, "total": 700},
    "flash_bytes": {"weights": 2000, "code": 1000, "total": 3000},
    "instructions": 3000, "instructions_basis": "measured", "macs": 2000,
    "cycles": {"core": 4000, "low": 3500, "high": 4500, "model": "cortex-m4"},
    "milliseconds": {"low": 0.1, "high": 0.2, "board": "x1.6, no board was measured"},
    "layers": [
        {"name": "conv", "operator": "conv_2d", "kernel": "general", "shape": [1, 8, 8, 4], "macs": 1800,
         "instructions": 2500, "cycles": 3500},
        {"name": "classes", "operator": "fully_connected", "kernel": "general", "shape": [1, 3], "macs": 200,
         "instructions": 500, "cycles": 500},
    ],
    "search": {
        "strategy": "evolution", "costed": 2, "evaluated": 2, "objectives": ["macs", "sram_bytes"],
        "best": {"accuracy": 0.9, "choices": {"width": 8}},
        "front": [{**trial, "choices": {"width": 8}} for trial in reversed(_TRIALS)],
        "trials": _TRIALS,
    },
    "baseline": None,
    "stages": [{"name": "search", "seconds": 1.0}],
    "plugins": [{"name": "acme", "distribution": "tinyml-acme", "version": "1.0"}],
}  # fmt: skip
