"""``tinyml plugins new``, ``check`` and ``freeze``: what authors of plugins type."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from tinyml_core import __version__
from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.cli.plugins import command, records_called
from tinyml_core.errors import InputError
from tinyml_core.kinds import KINDS

FIRST_CLASS = [kind.name for kind in KINDS.values() if kind.tier == "first-class"]


@command.command("new")
@click.argument("name")
@click.option("--kind", required=True, type=click.Choice(FIRST_CLASS), help="What the plugin will bring.")
@click.option("--out", type=click.Path(path_type=Path), help="The new folder; tinyml-NAME when absent.")
@shared_options()
def new(session: Session, name: str, kind: str, out: Path | None) -> None:
    """Write the start of a plugin called NAME: a distribution that works, with tests, CI and a README."""
    from tinyml_core.scaffold.names import Names
    from tinyml_core.scaffold.writing import write_plugin

    names = Names(name)
    platform = session.platform()
    taken = {"a plugin": [record.name for record in platform.describe()], f"a {kind}": platform.registry.names(kind)}
    for what, known in taken.items():
        if name in known:
            problem = f"is the name of {what} that is installed"
            raise InputError(problem, place=f"plugin name {name!r}", remedy="choose another")
    folder = out or Path(names.distribution)
    written = write_plugin(name, kind, folder)
    report = {"name": name, "kind": kind, "folder": str(folder), "files": [str(path) for path in written]}
    session.print(report, *map(str, written), f"next: pip install -e {folder} && tinyml plugins check {name}")


@command.command("check")
@click.argument("name", required=False)
@click.option("--quick", is_flag=True, help="Leave out what compiles, trains or starts processes.")
@shared_options()
@click.pass_context
def check(context: click.Context, session: Session, name: str | None, quick: bool) -> None:
    """Check the plugin NAME, or every installed one, by the conformance kit; exit 1 where a check fails."""
    from tinyml_core.testing.conformance import check_plugin

    platform = session.platform()
    records = platform.describe()
    reports: list[dict[str, Any]] = []
    for record in records if name is None else records_called(name, records):
        found = list(check_plugin(platform, record, slow=not quick))
        rows = [
            {
                "kind": finding.subject.kind or None,
                "component": finding.subject.component.name if finding.subject.claim else None,
                "check": finding.check.name,
                "demands": finding.check.demand,
                "outcome": finding.outcome,
                "detail": finding.detail or None,
            }
            for finding in found
        ]
        counts = Counter(row["outcome"] for row in rows)
        told = {outcome: counts[outcome] for outcome in ("passed", "failed", "skipped")}
        identity = {"name": record.name, "distribution": record.distribution, "version": record.version}
        reports.append({**identity, **told, "checks": rows})
    failed = sum(report["failed"] for report in reports)
    session.print({"core": __version__, "failed": failed, "plugins": reports}, *_tables(reports, session.verbose > 0))
    if failed:
        context.exit(1)


@command.command("freeze")
@shared_options()
def freeze(session: Session) -> None:
    """Print the distributions of all installed plugins with their versions, as lines for requirements.txt."""
    from tinyml_core.cli.frozen import frozen_requirements

    requirements = frozen_requirements(session.platform().describe())
    report = [{"name": each.name, "version": each.version, "source": each.source} for each in requirements]
    session.print({"requirements": report}, *(each.line for each in requirements))


def _tables(reports: list[dict[str, Any]], everything: bool) -> list[Table | str]:
    """What did not pass, or ``everything``, then the sums."""
    rows = [
        (report["name"], row["component"] or "", row["check"], row["outcome"], row["detail"] or "")
        for report in reports
        for row in report["checks"]
        if everything or row["outcome"] == "failed" or (len(reports) == 1 and row["outcome"] == "skipped")
    ]
    sums = [(r["name"], r["distribution"], r["version"], r["passed"], r["failed"], r["skipped"]) for r in reports]
    parts: list[Table | str] = []
    if rows:
        parts.append(Table(("plugin", "component", "check", "outcome", "why"), rows))
    parts.append(Table(("plugin", "from", "version", "passed", "failed", "skipped"), sums))
    return parts
