"""``tinyml compile``: a network becomes a folder of C and a binary for a target."""

from __future__ import annotations

from pathlib import Path

import click

from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.cli.progress import progress
from tinyml_core.config import read_components
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Rounding
from tinyml_core.npz import read_npz
from tinyml_core.pipeline.compilation import Compiled, CompileOptions
from tinyml_core.pipeline.figures import flash_bytes, sram_bytes

FLOAT_BYTES = 4
"""Bytes of an element of the calibration samples, whatever the file holds."""


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--target", required=True, help="A microcontroller of `tinyml targets`, or a profile's YAML file.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--objective", type=click.Choice(["latency", "sram"]), default="latency", show_default=True)
@click.option("--input", "input_mode", type=click.Choice(["resident", "rows"]), default="resident", show_default=True,
              help="Whether the input lies in memory as a whole or is pushed row by row.")  # fmt: skip
@click.option("--sram", type=click.IntRange(1), metavar="BYTES", help="SRAM the network may use; the region's size.")
@click.option("--region", metavar="NAME", help="Memory region of the arena; the largest SRAM.")
@click.option("--rounding", type=click.Choice(["tflite", "single"]), help="The model's own by default.")
@click.option("--toolchain", metavar="NAME", help="The target's own by default, or the first usable one: zig, gcc.")
@click.option("--generator", metavar="NAME", help="The target's own by default: tinyengine.")
@click.option("--tuned", is_flag=True, help="Choose kernels by what `tinyml tune` measured, not by estimates.")
@click.option("--prefix", default="model", show_default=True, metavar="NAME", help="Starts every public C name.")
@click.option("--without", multiple=True, metavar="PASS", help="Leave out a pass of `tinyml passes`; repeatable.")
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    metavar="X.npz",
    help="Quantise a float network: one array per input (or `x`), leading axis samples.",
)
@click.option(
    "--quantizer", metavar="NAME", help="What quantises: ptq by default. Options: --set quantizer.options.ranges=mse."
)
@shared_options(overrides=True)
def command(
    session: Session, model: Path, target: str, out: Path, objective: str, input_mode: str, sram: int | None,
    region: str | None, rounding: str | None, toolchain: str | None, generator: str | None, prefix: str,
    without: tuple[str, ...], calibration: Path | None, quantizer: str | None, tuned: bool,
) -> None:  # fmt: skip
    """Turn the trained network MODEL (.tflite, .onnx or .tinyml) into C and a linked binary for a microcontroller."""
    settings = session.with_options_of(generator=generator, toolchain=toolchain, quantizer=quantizer)
    chosen = read_components(settings)
    if calibration is None and any(path.split(".")[0] == "quantizer" for path, _ in settings):
        raise InputError("a quantiser is chosen, but no samples", remedy="name them with --calibration X.npz")
    options = CompileOptions(
        generator=chosen.generator.name, generator_options=chosen.generator.options,
        kernels=chosen.kernels,
        toolchain=chosen.toolchain.name if chosen.toolchain else None,
        toolchain_options=chosen.toolchain.options if chosen.toolchain else {},
        quantizer=chosen.quantizer.name, quantizer_options=chosen.quantizer.options,
        objective="sram" if objective == "sram" else "latency",
        input_mode="rows" if input_mode == "rows" else "resident", sram=sram, region=region, tuned=tuned,
        rounding=Rounding(rounding) if rounding else None, prefix=prefix, without=without,
        calibration=read_npz(calibration, element_bytes=FLOAT_BYTES) if calibration else None,
    )  # fmt: skip
    with progress() as listen:
        compiled = session.platform(listen=listen).compile(model, target, out, options)
    manifest = compiled.manifest
    sram_parts, flash = sram_bytes(manifest, manifest.stack_reserve), flash_bytes(manifest)
    report = {
        "network": manifest.network, "target": manifest.profile.name, "out": str(out), "compiler": manifest.compiler,
        "objective": manifest.objective, "input": manifest.input_mode, "rounding": manifest.rounding,
        "macs": manifest.macs,
        "sram_bytes": sram_parts, "flash_bytes": flash, "lower_bound": manifest.lower_bound,
        "stack_bound": manifest.stack_bound,
        "layers": [
            {"name": layer.name, "operator": layer.operator, "kernel": layer.kernel, "shape": list(layer.shape),
             "macs": layer.macs}
            for layer in manifest.layers
        ],
    }  # fmt: skip
    session.print(report, *_summary(compiled), f"Next: tinyml run {out}")


def _summary(compiled: Compiled) -> list[Table | str]:
    manifest, program = compiled.manifest, compiled.program
    sram, flash = sram_bytes(manifest, manifest.stack_reserve), flash_bytes(manifest)
    binding = program.steps[program.binding_step].node.name if program.steps else "none"
    rows = [
        ("arena", f"{manifest.arena_bytes:,} B", f"exact; lower bound {manifest.lower_bound:,}, set by {binding}"),
        ("SRAM", f"{sram['total']:,} B", f"arena, static {sram['static']:,}, stack reserve {sram['stack']:,}"),
        *([("stack", f"{manifest.stack_bound:,} B", "no execution needs more")] if manifest.stack_bound else []),
        ("flash", f"{flash['total']:,} B", f"exact; weights {flash['weights']:,}, code {flash['code']:,}"),
        ("MACs", f"{manifest.macs:,}", "exact"),
    ]
    title = f"{manifest.network} for {manifest.profile.name} ({manifest.compiler})"
    return [Table(("figure", "value", "basis"), rows, title=title)]
