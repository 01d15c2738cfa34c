"""Sound writers, and what violates a check of reporters and project writers."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass

from broken_plugins.mutant import mutants


@dataclass(frozen=True)
class Page:
    """Sound: the report as text in a page."""

    def write(self, report, folder):
        path = folder / "page.html"
        path.write_text(self.text(report), encoding="utf-8")
        return path

    def text(self, report):
        return f"<pre>{html.escape(json.dumps(report))}</pre>"


class Straying(Page):
    def write(self, report, folder):
        (folder.parent / "stray").write_text("")
        return super().write(report, folder)


class Trusting(Page):
    def text(self, report):
        return f"<h1>{report['name']}</h1>"


class Rewriting(Page):
    def write(self, report, folder):
        report["seen"] = True
        return super().write(report, folder)


@dataclass(frozen=True)
class Listing:
    """Sound: a file that lists the sources."""

    beside = True

    def write(self, network):
        return {self.file(network): self.text(network)}

    def file(self, network):
        return "SOURCES"

    def text(self, network):
        return "\n".join(network.code.library)


class Overwriting(Listing):
    def file(self, network):
        return network.code.example


class Terse(Listing):
    def text(self, network):
        return "the sources"


class Quoting(Listing):
    def text(self, network):
        return network.name + super().text(network)


MUTANTS = mutants(
    "reporter",
    {"writes-into-the-folder": Straying, "names-stay-text": Trusting, "leaves-the-report-alone": Rewriting},
) + mutants(
    "project-writer",
    {"files-stay-in-the-project": Overwriting, "sources-are-built": Terse, "hostile-names-are-escaped": Quoting},
)
