"""``tinyml show``: a component, where it comes from and what its options mean."""

from __future__ import annotations

from dataclasses import asdict

import click

from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.errors import InputError
from tinyml_core.kinds import KINDS
from tinyml_core.option_table import option_table
from tinyml_core.registry import Registry
from tinyml_core.suggestion import did_you_mean


@click.command()
@click.argument("kind", required=False)
@click.argument("name", required=False)
@shared_options()
def command(session: Session, kind: str | None, name: str | None) -> None:
    """Show the component NAME of KIND with its options; without NAME what KIND offers; without KIND the kinds."""
    registry = session.platform().registry
    if kind is None:
        _kinds(session, registry)
    elif kind not in KINDS:
        hint = did_you_mean(kind, KINDS)
        raise InputError(f"no kind is called {kind!r}", remedy=hint or f"choose one of {', '.join(KINDS)}")
    elif name is None:
        _names(session, registry, kind)
    else:
        _component(session, registry, kind, name)


def _kinds(session: Session, registry: Registry) -> None:
    names = {kind: registry.names(kind) for kind in KINDS}
    rows = [(kind, ", ".join(found) or "none") for kind, found in names.items()]
    session.print({"kinds": names}, Table(("kind", "components"), rows))


def _names(session: Session, registry: Registry, kind: str) -> None:
    claims = {name: registry.find(kind, name) for name in registry.names(kind)}
    rows = [(name, claim.component.summary, claim.plugin.name) for name, claim in claims.items()]
    report = [{"name": name, "summary": summary, "plugin": plugin} for name, summary, plugin in rows]
    session.print({"kind": kind, "components": report}, Table((kind, "summary", "plugin"), rows))


def _component(session: Session, registry: Registry, kind: str, name: str) -> None:
    claim = registry.find(kind, name)
    declared = claim.options()
    options = option_table(declared) if declared is not None else []
    plugin, component = claim.plugin, claim.component
    report = {
        "kind": kind,
        "name": component.name,
        "summary": component.summary,
        "plugin": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "hook": claim.hook,
        "options": [asdict(option) for option in options],
    }
    head = f"{kind} {component.name}: {component.summary}\nplugin {plugin.name} from {plugin.origin} ({claim.hook})"
    rows = [(o.name, o.type, "required" if o.default is None else o.default, o.doc) for o in options]
    table = Table(("option", "type", "default", "meaning"), rows) if rows else "no options"
    session.print(report, head, table)
