"""Builds that know little and builds that know everything."""

import copy

REPORT = {
    "name": "demo", "target": "board", "version": "0.1", "seed": 0, "exact": True, "differing_bytes": 0, "samples": 9,
    "dataset": {"test": 9}, "accuracy": {"float": 0.9, "int8": 0.8, "emulated": 0.8},
    "sram_bytes": {"total": 3, "arena": 1, "static": 1, "stack": 1},
    "flash_bytes": {"total": 3, "weights": 2, "code": 1}, "instructions": 100, "macs": 10,
    "instructions_basis": "measured",
    "cycles": {"core": 50, "low": 40, "high": 60, "model": "m4"},
    "milliseconds": {"low": 1, "high": 2, "board": "x1.6"},
    "layers": [{"name": "<script>alert(1)</script>", "kernel": "k", "shape": [1, 2], "macs": 10, "instructions": 90,
                "cycles": 45}],
    "search": {"strategy": "evolution", "costed": 2, "evaluated": 2,
               "best": {"accuracy": 0.9, "choices": {"width": 8}},
               "objectives": ["macs", "sram_bytes"],
               "front": [{"number": 1, "accuracy": 0.9, "choices": {}, "costs": {"macs": 20.0, "sram_bytes": 5.0}},
                         {"number": 0, "accuracy": 0.8, "choices": {}, "costs": {"macs": 10.0, "sram_bytes": 7.0}}],
               "trials": [{"number": 0, "accuracy": 0.8, "costs": {"macs": 10.0, "sram_bytes": 7.0}},
                          {"number": 1, "accuracy": 0.9, "costs": {"macs": 20.0, "sram_bytes": 5.0}}]},
    "baseline": None, "stages": [{"name": "search", "seconds": 1.0}],
    "plugins": [{"name": "x", "distribution": "d", "version": "1"}],
}  # fmt: skip


def layer(number, **given):
    return {
        "name": f"layer{number}", "operator": "conv2d", "kernel": "columns", "shape": [1, 4, 4, 8], "macs": 100,
        "instructions": 10 * number, "cycles": 20 * number, "constant_bytes": 64,
        "error": {"sqnr_db": 30.0 - number, "cosine": 0.99},
    } | given  # fmt: skip


def full(count=3, name="build", **given):
    """A build that knows everything, of ``count`` layers."""
    nodes = [
        {"name": f"node{n}", "operator": "conv2d", "kind": "conv2d", "reads": sorted({n - 1, max(n - 3, -1)}),
         "shape": [1, 4, 4, 8], "type": "int8", "bytes": 128, "output": n == count - 1}
        for n in range(count)
    ]  # fmt: skip
    buffers = [
        {"name": f"tensor{n}", "kind": ("tensor", "ring", "working")[n % 3], "size": 128, "offset": 128 * (n % 2),
         "first": max(n - 1, 0), "last": n, "shares": f"tensor{n - 1}" if n % 4 == 3 else None,
         "rows": 2 if n % 3 == 1 else None, "of_rows": 4 if n % 3 == 1 else None}
        for n in range(count)
    ]  # fmt: skip
    change = {"title": "Smaller", "detail": "images", "flags": "--input rows", "retrain": True, "sram": 2, "flash": 3,
              "cycles": 0.5, "fits": True}  # fmt: skip
    return copy.deepcopy(REPORT) | {
        "kind": "build", "source": "out", "part": "Board of all boards", "core": "cortex-m4",
        "layers": [layer(n) for n in range(count)], "error_samples": 4, "nodes": nodes,
        "inputs": [{"name": "image", "shape": [1, 8, 8, 1], "type": "int8"}],
        "memory": {"arena_bytes": 256, "lower_bound": 256, "buffers": buffers,
                   "segments": [{"first": 0, "last": 1, "source": "image", "pushed": True}],
                   "steps": [{"name": f"node{n}", "operator": "conv2d", "kernel": "k", "live_bytes": 100 + n % 7}
                             for n in range(count)]},
        "fit": {"fits": False, "sram": 900, "flash": 3, "changes": [change] * 3, "rejected": [change], "problem": "",
                "budget": {"sram": 500, "flash": 10, "static": 0, "stack": 0, "code": 1, "tables": 0}},
        "curves": [{"title": "loss", "points": [{"step": n, "loss": 2 / (n + 1)} for n in range(20)]}],
        "made_by": {"objective": "sram"},
    } | {"name": name} | given  # fmt: skip
