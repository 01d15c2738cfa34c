"""``tinyml memory``: the arena of a network drawn as text, steps downwards and offsets to the right."""

from __future__ import annotations

from pathlib import Path

import click

from tinyml_core.cli.memory_drawing import draw, marks, shortened
from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.pipeline.compilation import CompileOptions, plan_for
from tinyml_core.pipeline.manifest import read_manifest
from tinyml_core.pipeline.memory_plan import MemoryPlan, PlacedBuffer

LONGEST_NAME = 48


@click.command()
@click.argument("model", type=click.Path(path_type=Path), metavar="DIR|MODEL")
@click.option("--target", default="stm32f746", show_default=True, help="A microcontroller of `tinyml targets`.")
@click.option("--objective", type=click.Choice(["latency", "sram"]), default="latency", show_default=True)
@click.option("--input", "input_mode", type=click.Choice(["resident", "rows"]), default="resident", show_default=True,
              help="Whether the input lies in memory as a whole or is pushed row by row.")  # fmt: skip
@click.option("--sram", type=click.IntRange(1), metavar="BYTES", help="SRAM the network may use; the region's size.")
@click.option("--width", type=click.IntRange(8, 400), default=64, show_default=True, help="Columns of the picture.")
@shared_options()
def command(
    session: Session, model: Path, target: str, objective: str, input_mode: str, sram: int | None, width: int
) -> None:
    """Draw where every buffer lies and when: of DIR, written by tinyml compile, or as MODEL would be compiled.

    The options but --width are those of `tinyml compile`; a DIR has been compiled with its own.
    """
    if model.is_dir():
        manifest = read_manifest(model)
        network, plan = manifest.network, manifest.memory
    else:
        platform = session.platform()
        options = CompileOptions(
            objective="sram" if objective == "sram" else "latency",
            input_mode="rows" if input_mode == "rows" else "resident", sram=sram,
        )  # fmt: skip
        program = plan_for(platform.load(model), platform.target(target), options, platform)
        network, plan = program.graph.name, MemoryPlan.of(program)
    report = {"network": network, "binding_step": plan.binding, **plan.model_dump(mode="json")}
    session.print(report, *_summary(network, plan), "", *draw(plan, width), "", _legend(plan))


def _summary(network: str, plan: MemoryPlan) -> list[str]:
    gap = plan.arena_bytes - plan.lower_bound
    reached = "which is reached" if not gap else f"which is missed by {gap:,} B ({100 * gap / plan.lower_bound:.2f} %)"
    lines = [f"{network}: arena {plan.arena_bytes:,} B; no placement needs less than {plan.lower_bound:,} B, {reached}"]
    if plan.binding is not None:
        segment = plan.segment_of(plan.binding)
        where = f"step {plan.binding} ({plan.steps[plan.binding].name})"
        if segment is not None:
            where = f"the segment of steps {segment.first} to {segment.last}, at {where}"
        largest = plan.alive(plan.binding)[:1]
        lines.append(f"set by {where}" + "".join(f"; most of it is {_described(each)}" for each in largest))
    return lines


def _described(buffer: PlacedBuffer) -> str:
    rows = f", {_rows(buffer)} rows" if buffer.rows else ""
    return f"{shortened(buffer.name, LONGEST_NAME)} with {buffer.size:,} B{rows}"


def _rows(buffer: PlacedBuffer) -> str:
    return f"{buffer.rows} of {buffer.of_rows}" if buffer.rows else ""


def _legend(plan: MemoryPlan) -> Table:
    named = marks(plan)
    rows = [
        (
            named[buffer.name], shortened(buffer.name, LONGEST_NAME), f"{buffer.size:,}", _rows(buffer),
            f"{buffer.offset:,}", f"{buffer.first} to {buffer.last}",
            f"in place of {shortened(buffer.shares, LONGEST_NAME)}" if buffer.shares else "",
        )
        for buffer in plan.buffers
    ]  # fmt: skip
    return Table(("mark", "buffer", "bytes", "ring rows", "offset", "steps", ""), rows)
