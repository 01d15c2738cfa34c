"""``tinyml calibrate-costs``: measure on the emulator what layers cost, for the cost models that rest on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tinyml_core.api.cost_model import CalibratedCostModel, CostModel
from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.cli.progress import progress
from tinyml_core.errors import UnsupportedError


@click.command()
@click.option("--core", required=True, help="The processor core of a target, such as cortex-m7.")
@click.option("--model", default="emulated-latency", show_default=True, help="The cost model to calibrate.")
@click.option("--toolchain", default="zig", show_default=True, help="What compiles the layers.")
@click.option("--generator", default="tinyengine", show_default=True, help="What writes the layers.")
@click.option("--samples", type=click.IntRange(1), default=40, show_default=True, help="Layers of each kind.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the layers drawn.")
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="TABLE.json",
              help="Where the table goes; CORE-TOOLCHAIN.json by default.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with a calibration that was stopped.")
@shared_options()
def command(
    session: Session, core: str, model: str, toolchain: str, generator: str, samples: int, seed: int, out: Path | None,
    resume: bool,
) -> None:  # fmt: skip
    """Measure random layers on the emulated core and write a table of what their parts cost.

    Name the table as option `table` of the cost model. What has been measured is kept beside it, in
    TABLE.json.samples.jsonl, so that a calibration that is stopped can go on with --resume.
    """
    out = out or Path(f"{core}-{toolchain}.json")
    with progress() as listen:
        platform = session.platform(listen=listen)
        chosen = platform.create(CostModel, model, {"toolchain": toolchain, "generator": generator})
        if not isinstance(chosen, CalibratedCostModel):
            raise UnsupportedError("rests on no measurements", place=f"cost model {model}", remedy="choose another")
        report = chosen.calibrate(core, out, platform, samples=samples, seed=seed, resume=resume)
    session.print(report, _families(report), f"\nwritten to {out}")


def _families(report: Mapping[str, Any]) -> Table:
    families = report["families"]
    quantities = sorted({name for family in families.values() for name in family["error"]})
    rows = [
        (name, family["samples"], *(f"{100 * family['error'][quantity]:.1f} %" for quantity in quantities))
        for name, family in families.items()
    ]
    title = "layers by the code they run, and the error that 95 of 100 kept out of the fit stay below"
    return Table(("layers", "measured", *quantities), rows, title=title)
