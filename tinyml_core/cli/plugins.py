"""``tinyml plugins``: what is installed, what each plugin brings, and why one does not load."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from tinyml_core import __version__, hookspecs
from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.errors import PluginError
from tinyml_core.kinds import KINDS
from tinyml_core.manager import LISTENER_HOOK
from tinyml_core.provenance import PluginRecord, in_one_line
from tinyml_core.suggestion import did_you_mean


@click.group()
def command() -> None:
    """List plugins, start one, check what they bring and why one does not load."""


@command.command("list")
@shared_options()
def list_plugins(session: Session) -> None:
    """List every plugin found, loaded or not."""
    records = session.platform().describe()
    rows = [
        (r.name, r.origin, r.status, r.cause or ", ".join(c.component.name for c in r.contributions)) for r in records
    ]
    report = {"core": __version__, "python": sys.prefix, "plugins": [_report(record) for record in records]}
    table = Table(("plugin", "from", "status", "components, or why it is not loaded"), rows)
    session.print(report, table, f"looked for in {sys.prefix}")


@command.command("show")
@click.argument("name")
@shared_options()
def show(session: Session, name: str) -> None:
    """Show the plugin NAME: import each of its components, and print the traceback of what fails."""
    chosen = records_called(name, session.platform().describe())
    reports: list[dict[str, Any]] = []
    parts: list[Table | str] = []
    for record in chosen:
        failures = _import_components(record)
        tracebacks = [_traceback(error) for error in (record.error, *failures.values()) if error is not None]
        report = _report(record)
        for row in report["components"]:
            failure = failures.get((row["kind"], row["name"]))
            row["error"] = in_one_line(failure) if failure else None
        reports.append({**report, "tracebacks": tracebacks})
        parts.append(f"{record.title} ({record.module}): {record.status} {record.cause}".rstrip())
        rows = [(row["kind"], row["name"], row["summary"], row["error"] or "ok") for row in report["components"]]
        parts += [Table(("kind", "component", "summary", "import"), rows)] if rows else []
        parts += tracebacks
    session.print({"plugins": reports}, *parts)


@command.command("hooks")
@shared_options()
def hooks(session: Session) -> None:
    """List the hooks a plugin can implement, and who does."""
    users: dict[str, list[str]] = {}
    for record in session.platform().describe():
        for hook in record.hooks:
            users.setdefault(hook, []).append(record.name)
    menu = [(kind.hook, kind.name, kind.tier, kind.since, kind.protocol) for kind in KINDS.values()]
    menu.append((LISTENER_HOOK, "", "first-class", "0.1", "tinyml_core.events:Event"))
    report = [
        {
            "hook": hook,
            "kind": kind,
            "tier": tier,
            "since": since,
            "protocol": protocol,
            "summary": inspect.getdoc(getattr(hookspecs, hook)) or "",
            "plugins": users.get(hook, []),
        }
        for hook, kind, tier, since, protocol in menu
    ]
    rows = [(row["hook"], row["kind"], row["tier"], row["summary"], ", ".join(row["plugins"])) for row in report]
    session.print({"hooks": report}, Table(("hook", "kind", "tier", "what it returns", "plugins"), rows))


def records_called(name: str, records: Sequence[PluginRecord]) -> list[PluginRecord]:
    """The plugins of that name, more than one where two claim it.

    Raises:
        PluginError: there is none.
    """
    chosen = [record for record in records if record.name == name]
    if not chosen:
        known = [record.name for record in records]
        hint = did_you_mean(name, known) or f"known: {', '.join(known) or 'none'}"
        raise PluginError(f"no plugin is called {name!r}", remedy=hint)
    return chosen


def _report(record: PluginRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "module": record.module,
        "status": str(record.status),
        "cause": record.cause or None,
        "hooks": list(record.hooks),
        "components": [
            {"kind": c.kind, "name": c.component.name, "summary": c.component.summary, "hook": c.hook}
            for c in record.contributions
        ],
    }


def _import_components(record: PluginRecord) -> dict[tuple[str, str], BaseException]:
    failures: dict[tuple[str, str], BaseException] = {}
    for offer in record.contributions:
        try:
            offer.component.load_options()
            offer.component.load()
        except (Exception, SystemExit) as error:  # plugin code may raise anything; all of it is reported
            failures[offer.kind, offer.component.name] = error
    return failures


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()
