"""Checks of reporters: a file in the folder it was given, whatever the names in a report are."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from tinyml_core.api.reporter import Reporter
from tinyml_core.testing.conformance.check import Check, require
from tinyml_core.testing.conformance.samples.report import REPORT
from tinyml_core.testing.conformance.subject import Subject

SCRIPT = "<script>alert(1)</script>"
MARKUP = (".html", ".htm", ".svg", ".xml")


def writes_into_the_folder(subject: Subject) -> None:
    """The file it returns is in the folder, holds something, and all else it wrote is there too."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "report")
        folder.mkdir()
        path = subject.make(Reporter).write(_report(subject), folder)
        require(path.resolve().is_relative_to(folder.resolve()), f"it wrote {path}, outside the folder")
        require(path.is_file() and path.stat().st_size > 0, f"{path.name} is absent or empty")
        require(len(list(Path(name).iterdir())) == 1, "it wrote beside the folder")


def names_stay_text(subject: Subject) -> None:
    """A layer called as a piece of HTML is shown as that text and never becomes markup."""
    report = _report(subject)
    report["name"] = SCRIPT
    for layer in report["layers"]:
        layer["name"] = SCRIPT
    with tempfile.TemporaryDirectory() as folder:
        path = subject.make(Reporter).write(report, Path(folder))
        text = path.read_text(encoding="utf-8", errors="replace")
    require(path.suffix not in MARKUP or SCRIPT not in text, "a name from a model file became markup")


def leaves_the_report_alone(subject: Subject) -> None:
    """The report is the same afterwards, and twice the same report gives the same file."""
    report, texts = _report(subject), []
    before = json.dumps(report, sort_keys=True)
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            texts.append(subject.make(Reporter).write(report, Path(folder)).read_bytes())
    require(json.dumps(report, sort_keys=True) == before, "it changed the report")
    require(texts[0] == texts[1], "one report gave two different files")


def _report(subject: Subject) -> dict[str, Any]:
    """A report of this check's own, whatever other checks have done to theirs."""
    return copy.deepcopy(dict(REPORT if subject.example is None else subject.example))


CHECKS = (Check(writes_into_the_folder), Check(names_stay_text), Check(leaves_the_report_alone))
"""Those of a reporter."""
