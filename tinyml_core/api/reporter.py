"""Reporters: writers of reports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Reporter(Protocol):
    """Writes a report in one format."""

    def write(self, report: Mapping[str, Any], folder: Path) -> Path:
        """Write ``report`` (the object ``--json`` prints) into ``folder`` and return the file written."""
        ...
