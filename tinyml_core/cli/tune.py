"""``tinyml tune``: measure every way to carry out each layer, for `tinyml compile --tuned` to choose by."""

from __future__ import annotations

from pathlib import Path

import click

from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.cli.progress import progress
from tinyml_core.config import read_components
from tinyml_core.graph.graph import Rounding
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.pipeline.tuning import TunedLayer, Variant


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--target", required=True, help="A microcontroller of `tinyml targets`, or a profile's YAML file.")
@click.option("--rounding", type=click.Choice(["tflite", "single"]), help="The model's own by default.")
@click.option("--toolchain", metavar="NAME", help="The target's own by default, or the first usable one: zig, gcc.")
@click.option("--generator", metavar="NAME", help="The target's own by default: tinyengine.")
@shared_options(overrides=True)
def command(
    session: Session, model: Path, target: str, rounding: str | None, toolchain: str | None, generator: str | None
) -> None:
    """Measure on the emulated core, layer by layer, every kernel that could compute the network MODEL.

    What is known already is not measured again; an interrupted run goes on where it ended.
    """
    chosen = read_components(session.with_options_of(generator=generator, toolchain=toolchain))
    options = CompileOptions(
        generator=chosen.generator.name, generator_options=chosen.generator.options,
        kernels=chosen.kernels,
        toolchain=chosen.toolchain.name if chosen.toolchain else None,
        toolchain_options=chosen.toolchain.options if chosen.toolchain else {},
        rounding=Rounding(rounding) if rounding else None,
    )  # fmt: skip
    with progress() as listen:
        tuning = session.platform(listen=listen).tune(model, target, options)
    rows = [_row(layer, variant) for layer in tuning.layers for variant in layer.variants]
    head = ("layer", "kernel", "estimated cycles", "cycles", "instructions", "")
    title = f"{tuning.network} for {tuning.target}: {tuning.measured} measured, {tuning.known} known before"
    session.print(
        tuning.report(), Table(head, rows, title=title),
        f"Kept in {tuning.cache}. Next: tinyml compile {model} --target {target} --tuned --out DIR",
    )  # fmt: skip


def _row(layer: TunedLayer, variant: Variant) -> tuple[str, ...]:
    schedule, entry = variant.schedule, variant.entry
    name = layer.name + (f" and {layer.repeats - 1} like it" if layer.repeats > 1 else "")
    verdicts = ("fastest",) * (schedule is layer.measured) + ("by estimate",) * (schedule is layer.estimated)
    return (
        name, schedule.kernel + (", by row" if schedule.rows else ""), f"{schedule.cycles:,.0f}",
        f"{entry.cycles:,}" if entry else "does not run alone", f"{entry.instructions:,}" if entry else "",
        ", ".join(verdicts),
    )  # fmt: skip
