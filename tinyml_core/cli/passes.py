"""``tinyml passes``: the rewritings every network goes through, in order, and what each does to one of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.pipeline.passes import ordered_passes, trace_passes
from tinyml_core.platform import Platform


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--without", multiple=True, metavar="PASS", help="Leave out a pass; repeatable.")
@shared_options()
def command(session: Session, model: Path | None, without: tuple[str, ...]) -> None:
    """List the passes in the order they run; with MODEL also what each of them changes in that network."""
    platform = session.platform()
    if model is None:
        rows = [_described(platform, name) for name, _ in ordered_passes(platform, without)]
        table = Table(("pass", "what it does", "plugin"), [tuple(row.values()) for row in rows])
        session.print({"passes": rows}, table, "switch one off with `tinyml compile --without NAME`")
        return
    graph = platform.load(model)
    _, applied = trace_passes(graph, platform, without)
    report = [{**_described(platform, each.name), **asdict(each)} for each in applied]
    changes = [(each["name"], *_changes(each), each["summary"]) for each in report]
    table = Table(
        ("pass", "nodes", "MACs", "bytes of constants", "what it does"), changes, title=f"passes over {graph.name}"
    )
    session.print({"network": graph.name, "passes": report}, table)


def _changes(applied: dict[str, Any]) -> list[str]:
    if not applied["changed"]:
        return ["", "", ""]
    before, after = applied["before"], applied["after"]
    return [f"{before[key]:,} -> {after[key]:,}" for key in ("nodes", "macs", "constant_bytes")]


def _described(platform: Platform, name: str) -> dict[str, Any]:
    claim = platform.registry.find("pass", name)
    return {"name": name, "summary": claim.component.summary, "plugin": claim.plugin.name}
