"""Discovery: what installed distributions offer in an entry-point group, without importing any of it.

Imports nothing beyond the standard library and importlib_metadata, because ``tinyml --help`` needs it too. A
distribution whose metadata cannot be read becomes an entry whose ``load`` raises, so that it is reported and stops
nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import importlib_metadata

BUNDLED = "tinyml-core"
"""The distribution of the core and its bundled plugins."""


@dataclass(frozen=True)
class Entry:
    """Something a distribution offers; ``load`` imports it."""

    name: str
    module: str
    distribution: str
    version: str
    requires: tuple[str, ...]
    load: Callable[[], object]


def discover(group: str) -> list[Entry]:
    """The entries of ``group``: bundled ones first, then by name and distribution."""
    offers: dict[str, list[Entry]] = {}
    for found in importlib_metadata.distributions():
        name = "unknown"
        try:
            if f"[{group}]" not in (found.read_text("entry_points.txt") or ""):
                continue
            name = normalised(found.name)
            if name not in offers:
                offers[name] = _entries(name, group)
        except Exception as error:  # whatever an unreadable distribution raises, the others are still read
            offers.setdefault(name, []).append(_unreadable(name, error))
    entries = [entry for several in offers.values() for entry in several]
    return sorted(entries, key=lambda entry: (entry.distribution != BUNDLED, entry.name, entry.distribution))


def normalised(distribution: str) -> str:
    """The name of a distribution as package indices compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _entries(name: str, group: str) -> list[Entry]:
    # Asked for by name, so that of two copies on the path the one that would be imported is the one that counts.
    distribution = importlib_metadata.distribution(name)
    requires = tuple(distribution.requires or ())
    return [
        Entry(point.name, point.value, name, str(distribution.version), requires, point.load)
        for point in distribution.entry_points.select(group=group)
    ]


def _unreadable(distribution: str, error: Exception) -> Entry:
    def load() -> NoReturn:
        raise error

    return Entry(distribution, "", distribution, "", (), load)
