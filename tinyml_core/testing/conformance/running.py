"""Running the kit: every check of a plugin and of all that it brings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tinyml_core.platform import Platform
from tinyml_core.provenance import PluginRecord
from tinyml_core.registry import Claim
from tinyml_core.testing.conformance.check import Finding, carry_out
from tinyml_core.testing.conformance.component_checks import satisfies_its_protocol
from tinyml_core.testing.conformance.plugin_checks import loads
from tinyml_core.testing.conformance.subject import Subject
from tinyml_core.testing.conformance.table import OF_PLUGINS, checks_of

DECISIVE: dict[Callable[[Subject], None], str] = {
    loads: "it does not load",
    satisfies_its_protocol: "it cannot be made",
}
"""Checks without which the rest has nothing to look at, and why."""


def subjects(platform: Platform, plugin: PluginRecord) -> list[Subject]:
    """The plugin as a whole, then each of its components."""
    whole = Subject(platform=platform, plugin=plugin)
    offers = plugin.contributions
    return [
        whole,
        *(replace(whole, claim=Claim(offer.kind, offer.hook, offer.component, plugin)) for offer in offers),
    ]


def check_plugin(platform: Platform, plugin: PluginRecord, *, slow: bool = True) -> Iterator[Finding]:
    """How every check of a plugin and of its components ends, as they end."""
    for subject in subjects(platform, plugin):
        yield from check_subject(subject, slow=slow)


def check_subject(subject: Subject, *, slow: bool = True) -> Iterator[Finding]:
    """How every check of one subject ends.

    Without ``slow``, checks that take long are skipped; so is what comes after a check that decides, and failed.
    """
    obstacle = ""
    for check in checks_of(subject.kind) if subject.claim else OF_PLUGINS:
        reason = obstacle or ("it takes long, and only quick checks were asked for" if check.slow and not slow else "")
        finding = Finding(check, subject, "skipped", reason) if reason else carry_out(check, subject)
        yield finding
        if finding.outcome == "failed":
            obstacle = obstacle or DECISIVE.get(check.run, "")
