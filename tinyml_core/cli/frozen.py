"""Frozen requirements: the distributions that bring plugins, as lines that install the same ones again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import importlib_metadata

from tinyml_core import __version__
from tinyml_core.cli import COMMAND_GROUP
from tinyml_core.discovery import BUNDLED, discover
from tinyml_core.provenance import PluginRecord


@dataclass(frozen=True)
class Requirement:
    """One distribution; ``source`` is where it was installed from when that was no index (PEP 610)."""

    name: str
    version: str
    source: str

    @property
    def line(self) -> str:
        """As ``pip install -r`` reads it; a source is told behind ``#``, because it may be of this machine only."""
        return f"{self.name}=={self.version}" + (f"  # from {self.source}" if self.source else "")


def frozen_requirements(records: Sequence[PluginRecord]) -> list[Requirement]:
    """The core and every distribution of ``records`` and of further commands, sorted by name."""
    found = {record.distribution: record.version for record in records if record.version}
    found |= {entry.distribution: entry.version for entry in discover(COMMAND_GROUP) if entry.version}
    found.setdefault(BUNDLED, __version__)
    return [Requirement(name, version, _source(name)) for name, version in sorted(found.items())]


def _source(distribution: str) -> str:
    try:
        text = importlib_metadata.distribution(distribution).read_text("direct_url.json")
        url = json.loads(text)["url"] if text else ""
    except (importlib_metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        return ""
    return url if isinstance(url, str) else ""
