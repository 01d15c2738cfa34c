"""``tinyml doctor``: whether this machine has what the platform needs, and what to do where it has not."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import click

from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.pipeline.diagnosis import Verdict, diagnose


@click.command()
@shared_options()
def command(session: Session) -> None:
    """Check compilers, emulators, caches, plugins and packages; exit 1 where something needed fails."""
    findings = diagnose(session.platform())
    counts = Counter(finding.verdict for finding in findings)
    rows = [(each.verdict, each.check, each.subject, each.message, each.remedy) for each in findings]
    report = {
        "ok": counts[Verdict.FAIL] == 0,
        "counts": {str(verdict): counts[verdict] for verdict in Verdict},
        "findings": [asdict(finding) | {"remedy": finding.remedy or None} for finding in findings],
    }
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)
    session.print(report, Table(("", "check", "of", "found", "what to do"), rows), told)
    if counts[Verdict.FAIL]:
        raise click.exceptions.Exit(1)
