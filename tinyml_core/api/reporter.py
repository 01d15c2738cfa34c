"""Reporters: writers of reports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Reporter(Protocol):
    """Writes a report in one format."""

    def write(self, report: Mapping[str, Any], folder: Path) -> Path:
        """Write ``report`` into ``folder`` and return the file written.

        ``report`` is the object that ``tinyml report --json`` prints: ``builds`` lists one object for each build; what
        a build does not know is None or absent. Its texts may come from hostile files.
        """
        ...
