"""Reporting: builds described as one object, and written about by a reporter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tinyml_core
from tinyml_core.api.reporter import Reporter
from tinyml_core.errors import InputError
from tinyml_core.pipeline.build_description import ReportOptions, describe_folder, describe_model
from tinyml_core.pipeline.stages import Stages

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


def report_of(sources: Sequence[Path], platform: Platform, options: ReportOptions) -> dict[str, Any]:
    """The object that reporters write and ``--json`` prints: ``builds``, one object for each source.

    Raises:
        InputError: a source is no output folder or model file, or is damaged.
        TinyMLError: a network cannot be executed or planned, by name.
    """
    builds = [
        describe_folder(source, platform, options) if source.is_dir() else describe_model(source, platform, options)
        for source in sources
    ]
    return {"version": tinyml_core.__version__, "builds": builds}


def write_report(
    sources: Sequence[Path], out: Path, reporter: str, platform: Platform, options: ReportOptions
) -> tuple[dict[str, Any], Path]:
    """Let a reporter write about ``sources`` into the folder ``out``: the object and the file.

    Raises:
        InputError: a source cannot be read, or ``out`` cannot be written.
        PluginError: there is no such reporter.
        TinyMLError: a network cannot be executed or planned, by name.
    """
    writer = platform.create(Reporter, reporter)
    with Stages(platform.emit).stage("report", len(sources)):
        report = report_of(sources, platform, options)
    try:
        out.mkdir(parents=True, exist_ok=True)
        return report, writer.write(report, out)
    except OSError as error:
        place = f"output folder {out}"
        raise InputError(f"cannot be written: {error.strerror}", place=place, remedy="choose another --out") from None
