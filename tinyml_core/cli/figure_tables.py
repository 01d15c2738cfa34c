"""Tables of figures, shared by the commands that print them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyml_core.cli.output import Table


def layer_table(report: Mapping[str, Any]) -> Table:
    """One row per layer: where instructions go."""
    total = max(report["instructions"], 1)
    rows = [
        (
            layer["name"], layer["kernel"], "x".join(map(str, layer["shape"])), f"{layer['macs']:,}",
            f"{layer['instructions']:,}", f"{layer['cycles']:,}", f"{100 * layer['instructions'] / total:.1f} %",
        )
        for layer in report["layers"]
    ]  # fmt: skip
    return Table(("layer", "kernel", "output", "MACs", "instructions", "cycles", "share"), rows)


def front_table(search: Mapping[str, Any]) -> Table:
    """The Pareto front of a search: one row per network that no other beats in everything."""
    objectives = search["objectives"]
    rows = [
        (member["number"], f"{member['accuracy']:.4f}", *(f"{member['costs'][name]:,.0f}" for name in objectives))
        for member in search["front"]
    ]
    title = f"{len(rows)} of {len(search['trials'])} networks on the front of accuracy and {', '.join(objectives)}"
    return Table(("evaluation", "accuracy", *objectives), rows, title=title if objectives else "the most accurate")


def cost_table(report: Mapping[str, Any]) -> Table:
    """What the network needs, each figure with how far to trust it."""
    sram, flash, cycles, time = (report[key] for key in ("sram_bytes", "flash_bytes", "cycles", "milliseconds"))
    parts = ", ".join(f"{name} {sram[name]:,}" for name in ("arena", "static", "stack"))
    exact = (
        f"exact on {report['samples']} samples" if report["exact"] else f"{report['differing_bytes']:,} BYTES DIFFER"
    )
    rows = [
        ("outputs against the reference", exact, "compared"),
        ("SRAM", f"{sram['total']:,} B ({parts})", "exact; stack measured"),
        ("flash", f"{flash['total']:,} B (weights {flash['weights']:,}, code {flash['code']:,})", "exact"),
        ("instructions", f"{report['instructions']:,}", f"{report['instructions_basis']} on the emulator"),
        ("MACs", f"{report['macs']:,}", "exact"),
        ("cycles", f"{cycles['core']:,} ({cycles['low']:,} to {cycles['high']:,})", f"estimated, {cycles['model']}"),
        ("time", f"{time['low']:g} to {time['high']:g} ms", f"estimated, {time['board']}"),
    ]
    return Table(("figure", "value", "basis"), rows, title=f"{report['network']} on {report['target']}")
