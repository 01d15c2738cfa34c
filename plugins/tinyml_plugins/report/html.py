"""The HTML reporter: builds as one page that opens from disk and loads nothing.

All text is escaped, since names may come from a model file; charts are inline SVG; the page's own policy lets no other
script run than the one it brings.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tinyml_plugins.report import text
from tinyml_plugins.report.figures import KINDS, compare, figures
from tinyml_plugins.report.layer_table import flash_parts, layer_rows
from tinyml_plugins.report.memory_chart import chart_memory
from tinyml_plugins.report.network_drawing import draw_network
from tinyml_plugins.report.search_charts import search_plots
from tinyml_plugins.report.training_charts import training_plots

FILE = "report.html"
UNKNOWN: Mapping[str, Any] = {
    "exact": None, "samples": 0, "differing_bytes": 0, "instructions": None, "error_samples": None, "search": None,
    "baseline": None, "seed": None, "made_by": {}, "stages": [], "plugins": [],
}  # fmt: skip
"""What a build tells that leaves these out."""


@dataclass(frozen=True)
class HtmlReporter:
    """Writes ``report.html``."""

    def write(self, report: Mapping[str, Any], folder: Path) -> Path:
        """Write the page about ``report["builds"]``, or about ``report`` itself as one build, into ``folder``.

        What a build does not tell (see :class:`~tinyml_core.api.reporter.Reporter`) is left out. The page appears whole
        or not at all.
        """
        environment = Environment(
            loader=PackageLoader(__package__, "templates"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        filters = (text.count, text.kilobytes, text.short, text.decimal, text.share, text.shape, text.printable)
        environment.filters |= {each.__name__: each for each in filters}
        environment.finalize = _finalised
        builds = list(report.get("builds", [report]))
        style, script = (_asset(name) for name in ("report.css", "report.js"))
        page = environment.get_template("report.html.j2").render(
            version=report.get("version", ""),
            builds=[_view(build, index, len(builds)) for index, build in enumerate(builds)],
            comparison=compare(builds) if len(builds) > 1 else [], kinds=KINDS,
            style=style, script=script, script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )  # fmt: skip
        path = folder / FILE
        partial = folder / f".{FILE}.{os.getpid()}.partial"
        try:
            partial.write_text(page, encoding="utf-8")
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        return path


def _view(build: Mapping[str, Any], index: int, of: int) -> dict[str, Any]:
    build, share = {**UNKNOWN, **build}, 1 / of
    names = {key: text.printable(build.get(key) or "") for key in ("name", "target", "part", "core", "source", "kind")}
    return {
        "id": f"b{index}", "build": build, **names, "figures": figures(build), "network": draw_network(build, share),
        "memory": chart_memory(build, share), "layers": layer_rows(build, share), "flash": flash_parts(build),
        "search": search_plots(build, share), "training": training_plots(build), "fit": build.get("fit"),
        "hidden_layers": len(build.get("layers") or []) - len(layer_rows(build, share)),
    }  # fmt: skip


def _finalised(value: object) -> object:
    """Whatever the template prints, but what the package itself brings, in visible characters."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return text.visible(value)


def _asset(name: str) -> Markup:
    return Markup((files(__package__) / "templates" / name).read_text(encoding="utf-8"))
