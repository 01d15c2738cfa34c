"""Diagnosis: whether this machine has what the platform needs; each finding is one line, each failure has a remedy.

The checks are a table. A finding fails where the platform cannot do its work without the thing, and warns where it can:
one compiler and one emulator of several are enough, and packages of an extra are needed by those who use it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import importlib_metadata
from packaging.requirements import Requirement

from tinyml_core.pipeline.trial_program import try_runners, try_toolchains
from tinyml_core.pipeline.tuning_cache import tuning_file
from tinyml_core.provenance import PluginRecord, Status, in_one_line

if TYPE_CHECKING:
    from tinyml_core.platform import Platform

DISTRIBUTION = "tinyml-core"
EXTRAS = ("sim", "train", "dask")
"""Extras that a user installs; that of the tests is the developers' own."""
MINIMUM_FREE = 500_000_000
"""Bytes on a disk below which compilers and searches run into its end."""


class Verdict(StrEnum):
    """What a finding means."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and what to do where it is not in order."""

    check: str
    subject: str
    verdict: Verdict
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    """A row of :data:`CHECKS`; ``one_is_enough`` says that failures only warn where something else is in order."""

    name: str
    look: Callable[[Platform], Iterator[Finding]]
    one_is_enough: bool = False


def diagnose(platform: Platform) -> tuple[Finding, ...]:
    """The findings of every check, in the order of :data:`CHECKS`."""
    findings: list[Finding] = []
    for check in CHECKS:
        found = list(check.look(platform))
        if check.one_is_enough and any(each.verdict is Verdict.OK for each in found):
            found = [replace(each, verdict=Verdict.WARN) if each.verdict is Verdict.FAIL else each for each in found]
        findings += found
    return tuple(findings)


def _packages(_: Platform) -> Iterator[Finding]:
    """Every package that the distribution asks for, with its version."""
    yield Finding("package", "Python", Verdict.OK, sys.version.split()[0])
    for text in importlib_metadata.requires(DISTRIBUTION) or ():
        wanted = Requirement(text)
        of_core = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        extra = next((name for name in EXTRAS if wanted.marker and wanted.marker.evaluate({"extra": name})), "")
        if wanted.name == DISTRIBUTION or not (of_core or extra):
            continue
        bad = Verdict.FAIL if of_core else Verdict.WARN
        install = (
            f"pip install '{wanted.name}{wanted.specifier}'" if of_core else f"pip install '{DISTRIBUTION}[{extra}]'"
        )
        used = "" if of_core else f" (extra {extra!r})"
        try:
            version = importlib_metadata.version(wanted.name)
        except importlib_metadata.PackageNotFoundError:
            yield Finding("package", wanted.name, bad, f"is not installed{used}", install)
            continue
        if wanted.specifier.contains(version, prereleases=True):
            yield Finding("package", wanted.name, Verdict.OK, version + used)
        else:
            yield Finding("package", wanted.name, bad, f"{version} is not {wanted.specifier}{used}", install)


def _plugins(platform: Platform) -> Iterator[Finding]:
    """Every plugin; what is loaded also imports what it names. Those of the platform itself must load."""
    for record in platform.describe():
        bad = Verdict.FAIL if record.distribution == DISTRIBUTION else Verdict.WARN
        show = f"type `tinyml plugins show {record.name}`, or leave it out with --no-plugin {record.name}"
        if record.status is Status.DISABLED:
            yield Finding("plugin", record.name, Verdict.OK, f"left out: {record.cause}")
        elif record.status is not Status.LOADED:
            yield Finding("plugin", record.name, bad, f"{record.status} ({record.origin}): {record.cause}", show)
        else:
            yield from _components(record, bad, show)


def _components(record: PluginRecord, bad: Verdict, show: str) -> Iterator[Finding]:
    missing: dict[str, list[str]] = {}
    broken = []
    for offer in record.contributions:
        component = offer.component
        try:
            component.load_options()
            component.load()
        except (Exception, SystemExit) as error:  # plugin code may raise anything; all of it is reported
            if isinstance(error, ModuleNotFoundError) and component.extra:
                missing.setdefault(component.extra, []).append(component.name)
            else:
                broken.append(f"{offer.kind} {component.name!r}: {in_one_line(error)}")
    if broken:
        yield Finding("plugin", record.name, bad, f"{len(broken)} cannot be imported: {broken[0]}", show)
    for extra, names in missing.items():
        install = f"pip install '{record.distribution}[{extra}]'"
        yield Finding("plugin", record.name, Verdict.WARN, f"needs an extra for {', '.join(names)}", install)
    if not broken and not missing:
        count = len(record.contributions)
        yield Finding(
            "plugin", record.name, Verdict.OK, f"{count} component{'s' if count != 1 else ''}, from {record.origin}"
        )


def _compilers(platform: Platform) -> Iterator[Finding]:
    """Each toolchain compiles and links a small program."""
    for trial in try_toolchains(platform):
        yield Finding("compiler", trial.name, Verdict.FAIL if trial.remedy else Verdict.OK, trial.message, trial.remedy)


def _emulators(platform: Platform) -> Iterator[Finding]:
    """Each runner executes that program."""
    for trial in try_runners(platform):
        yield Finding("emulator", trial.name, Verdict.FAIL if trial.remedy else Verdict.OK, trial.message, trial.remedy)


def _caches(_: Platform) -> Iterator[Finding]:
    """Folders that are written to: what was measured is kept in one, compilers work in the other."""
    for subject, folder, remedy in (
        ("cache", tuning_file().parent, "set XDG_CACHE_HOME to a folder that can be written"),
        ("temporary files", Path(tempfile.gettempdir()), "set TMPDIR to a folder that can be written"),
    ):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                free = shutil.disk_usage(folder).free
            held = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if subject == "cache" else 0
        except OSError as error:
            yield Finding("folder", subject, Verdict.FAIL, f"{folder} cannot be written: {error.strerror}", remedy)
            continue
        holds = f", holds {held:,} B" if subject == "cache" else ""
        told = f"{folder}{holds}, {free / 1e9:.1f} GB free"
        full = free < MINIMUM_FREE
        yield Finding("folder", subject, Verdict.WARN if full else Verdict.OK, told, "free some space" if full else "")


CHECKS: tuple[Check, ...] = (
    Check("packages", _packages),
    Check("plugins", _plugins),
    Check("compilers", _compilers, one_is_enough=True),
    Check("emulators", _emulators, one_is_enough=True),
    Check("folders", _caches),
)
"""What is looked at, in order."""
