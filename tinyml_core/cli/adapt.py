"""``tinyml adapt``: a network learns from data, and the step by which it does becomes C for a microcontroller."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tinyml_core.cli.figure_tables import cost_table
from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.cli.progress import progress
from tinyml_core.config import read_adapt_components
from tinyml_core.errors import InputError
from tinyml_core.pipeline.adaptation import AdaptOptions
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.training.dividing import WIDEST
from tinyml_core.training.losses import LOSSES


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", metavar="NAME|PATH", help="A dataset by name, an .npz file or a folder of images.")
@click.option("--target", required=True, help="A microcontroller of `tinyml targets`, or a profile's YAML file.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--selector", metavar="NAME", help="What chooses the tensors that learn: bias-only by default.")
@click.option("--optimizer", metavar="NAME", help="The update rule: qas by default.")
@click.option("--loss", type=click.Choice(list(LOSSES)), default="cross-entropy", show_default=True)
@click.option(
    "--head", type=click.IntRange(1), metavar="CLASSES", help="A new float32 head; the network's own without."
)
@click.option("--epochs", type=click.IntRange(1), help="Times that every sample is learnt from; 4 by default.")
@click.option("--steps", type=click.IntRange(1), help="Samples to learn from, instead of epochs.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=0.00078, show_default=True,
              help="First learning rate; it falls to 0 along half a cosine.")  # fmt: skip
@click.option("--device-steps", type=click.IntRange(1), default=3, show_default=True, metavar="STEPS",
              help="First steps that the emulated core carries out too.")  # fmt: skip
@click.option("--accumulate", type=click.IntRange(1), default=1, show_default=True, metavar="SAMPLES",
              help="Samples whose mean gradient makes a step: more SRAM.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of new head, order and split.")
@click.option("--objective", type=click.Choice(["latency", "sram"]), default="sram", show_default=True)
@click.option("--sram", type=click.IntRange(1), metavar="BYTES", help="SRAM the step may use; the region's size.")
@click.option("--widest", type=click.IntRange(1), default=WIDEST, show_default=True, metavar="BYTES",
              help="Compute wider gradients some channels at a time: less SRAM, more flash.")  # fmt: skip
@click.option("--toolchain", metavar="NAME", help="zig or gcc; the first usable one by default.")
@click.option("--prefix", default="model", show_default=True, metavar="NAME", help="Starts every public C name.")
@click.option("--without", multiple=True, metavar="PASS", help="Leave out a pass of `tinyml passes`; repeatable.")
@shared_options(overrides=True)
def command(
    session: Session, model: Path, data: str | None, target: str, out: Path, selector: str | None,
    optimizer: str | None, loss: str, head: int | None, epochs: int | None, steps: int | None, rate: float,
    device_steps: int, accumulate: int, seed: int, objective: str, sram: int | None, widest: int,
    toolchain: str | None, prefix: str, without: tuple[str, ...],
) -> None:  # fmt: skip
    """Let the int8 network MODEL learn from data, and turn the training step into C for a microcontroller.

    The whole training is simulated on the host, to the bit what the device does; its first steps are carried out on
    the emulated core and compared. Only the head learns with --head and --selector sparse without options.
    """
    if epochs is not None and steps is not None:
        raise InputError("--epochs and --steps are both given", remedy="leave one out")
    chosen = read_adapt_components(
        (*_data(data), *session.with_options_of(selector=selector, optimizer=optimizer, toolchain=toolchain))
    )
    if chosen.data.name == "npz" and "path" not in chosen.data.options:
        raise InputError("no data to learn from is given", remedy="name it with --data")
    options = AdaptOptions(
        dataset=chosen.data.name, dataset_options=chosen.data.options,
        selector=chosen.selector.name, selector_options=chosen.selector.options,
        optimizer=chosen.optimizer.name, optimizer_options=chosen.optimizer.options,
        loss=loss, classes=head, epochs=epochs or 4, steps=steps, rate=rate, seed=seed, device_steps=device_steps,
        accumulate=accumulate, widest=widest,
        compile=CompileOptions(
            generator=chosen.generator.name, generator_options=chosen.generator.options,
            kernels=chosen.kernels,
            toolchain=chosen.toolchain.name if chosen.toolchain else None,
            toolchain_options=chosen.toolchain.options if chosen.toolchain else {},
            objective="latency" if objective == "latency" else "sram", sram=sram, prefix=prefix, without=without,
        ),
    )  # fmt: skip
    with progress() as listen:
        report = session.platform(listen=listen).adapt(model, target, out, options).report
    session.print(
        report, _scheme(report), "", cost_table(report), "", _summary(report),
        f"\nwritten to {out}: C sources, Makefile, binary, report.json; first values (state.npz, shipped.blob) and "
        "last ones (trained.npz, trained.blob)",
    )  # fmt: skip
    if not report["exact"]:
        raise click.exceptions.Exit(1)


def _data(data: str | None) -> tuple[tuple[str, str], ...]:
    """The settings behind ``--data``: a file or folder is one, anything else a name."""
    if data is None:
        return ()
    if data.endswith(".npz"):
        return ("data.name", "npz"), ("data.options.path", data)
    if Path(data).is_dir():
        return ("data.name", "images"), ("data.options.path", data)
    return (("data.name", data),)


def _scheme(report: Mapping[str, Any]) -> Table:
    rows = [
        (row["layer"], row["operator"], "yes" if row["bias"] else "", f"{row['channels']} of {row['of']}")
        for row in report["scheme"]
    ]
    if report["head"]:
        rows.append(("new head", "float32", "yes", "all"))
    learnt = report["learnt"]
    title = f"what learns: {learnt['numbers']:,} numbers; {learnt['bytes']:,} B of variables"
    return Table(("layer", "operator", "bias", "channels of the weights"), rows, title=title)


def _summary(report: Mapping[str, Any]) -> Table:
    data, accuracy, energy = report["data"], report["accuracy"], report["microjoules"]
    basis = f"simulated, {data['test']} test samples"
    rows = [
        ("accuracy before", f"{accuracy['before']:.4f}", basis),
        (f"accuracy after {report['steps']} samples", f"{accuracy['after']:.4f}", basis),
        ("SRAM is bound by", report["binding"], "exact"),
        ("blob", f"{report['blob']['bytes']:,} B", "exact"),
        ("flash of a reset", f"{report['blob']['shipped_bytes']:,} B more", "exact"),
    ]
    if energy:
        rows.append(
            ("energy per step", f"{energy['low']:,g} to {energy['high']:,g} µJ", "estimated from published power")
        )
    return Table(("figure", "value", "basis"), rows)
