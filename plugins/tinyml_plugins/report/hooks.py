"""What this plugin brings: the HTML reporter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.reporter import Reporter


@hookimpl
def tinyml_reporters() -> Iterable[Component[Reporter]]:
    """One page that opens from disk, without a network or a server."""
    return [Component("html", "tinyml_plugins.report.html:HtmlReporter", "one self-contained HTML page")]
