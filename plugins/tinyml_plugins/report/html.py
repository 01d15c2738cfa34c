"""The HTML reporter: everything ``--json`` prints, as one page that opens from disk and loads nothing.

All text is escaped, since names in a report may come from a model file; charts are inline SVG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tinyml_plugins.report.search_charts import search_panels

FILE = "report.html"


@dataclass(frozen=True)
class HtmlReporter:
    """Writes ``report.html``."""

    def write(self, report: Mapping[str, Any], folder: Path) -> Path:
        """Write the page into ``folder`` and return its path."""
        environment = Environment(
            loader=PackageLoader(__package__, "templates"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        page = environment.get_template("report.html.j2").render(
            report=report, panels=search_panels(report), bars=layer_bars(report["layers"])
        )
        path = folder / FILE
        path.write_text(page, encoding="utf-8")
        return path


def layer_bars(layers: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each layer's instructions as a share of the greatest, in percent."""
    greatest = max((layer["instructions"] for layer in layers), default=0) or 1
    return [{**layer, "percent": round(100 * layer["instructions"] / greatest, 1)} for layer in layers]
