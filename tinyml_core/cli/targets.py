"""``tinyml targets``: the microcontrollers that are known, or one of them with the source of each figure."""

from __future__ import annotations

import logging
from typing import Any

import click

from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.errors import TinyMLError
from tinyml_core.hardware.profile import HardwareProfile, Tools

logger = logging.getLogger(__name__)


@click.command()
@click.argument("name", required=False)
@shared_options()
def command(session: Session, name: str | None) -> None:
    """List the microcontrollers that are known, or show NAME (or a profile's .yaml file) with its sources."""
    if name is None:
        _all(session)
    else:
        _one(session, session.platform().target(name))


def _all(session: Session) -> None:
    platform = session.platform()
    profiles = []
    for name in platform.names(HardwareProfile):
        try:
            profiles.append((name, platform.create(HardwareProfile, name)))
        except TinyMLError as error:  # one vendor's bad file does not hide the other parts
            logger.warning("target %r is left out: %s", name, error)
    rows = [
        (
            name,
            profile.core,
            f"{profile.clock_hz / 1e6:g} MHz",
            f"{profile.largest('flash').size:,}",
            f"{profile.largest('sram').size:,}",
            " ".join(sorted(profile.features)),
        )
        for name, profile in profiles
    ]
    session.print(
        {"targets": [{**_report(profile), "name": name} for name, profile in profiles]},
        Table(("target", "core", "clock", "flash bytes", "SRAM bytes", "features"), rows),
        "flash and SRAM: the largest region; type `tinyml targets NAME` for all of them and their sources",
    )


def _one(session: Session, profile: HardwareProfile) -> None:
    factor, power = profile.board_factor, profile.milliwatts_per_megahertz
    figures: list[tuple[str, str, str]] = [
        ("core", profile.core, profile.sources.get("core", "")),
        ("features", " ".join(sorted(profile.features)) or "none", profile.sources.get("features", "")),
        ("clock", f"{profile.clock_hz / 1e6:g} MHz", profile.sources.get("clock_hz", "")),
    ]
    if power is not None:
        figures.append(("power", f"{power:g} mW/MHz", profile.sources.get("milliwatts_per_megahertz", "")))
    if factor is not None:
        figures.append(("board factor", f"{factor.value:g} on {factor.board}", factor.source))
    if profile.tools != Tools():
        figures.append(("tools", " ".join(_tools(profile)), "the profile"))
    regions = [(r.name, r.kind, f"{r.origin:#010x}", f"{r.size:,}") for r in profile.regions]
    session.print(
        _report(profile),
        f"{profile.name}: {profile.title}, {profile.vendor}",
        Table(("figure", "value", "source"), figures),
        Table(("region", "kind", "origin", "bytes"), regions),
        f"regions from: {profile.sources.get('regions', 'no source given')}",
    )


def _tools(profile: HardwareProfile) -> list[str]:
    """The components that the profile names, without the platform's own."""
    tools, own = profile.tools, Tools()
    named = [(tools.generator, own.generator), (tools.toolchain, own.toolchain), (tools.runner, own.runner)]
    return [*(name for name, usual in named if name and name != usual), *tools.kernels]


def _report(profile: HardwareProfile) -> dict[str, Any]:
    factor = profile.board_factor
    return {
        "name": profile.name,
        "title": profile.title,
        "vendor": profile.vendor,
        "core": profile.core,
        "features": sorted(profile.features),
        "clock_hz": profile.clock_hz,
        "regions": [{"name": r.name, "kind": r.kind, "origin": r.origin, "size": r.size} for r in profile.regions],
        "largest_flash_bytes": profile.largest("flash").size,
        "largest_sram_bytes": profile.largest("sram").size,
        "board_factor": None
        if factor is None
        else {"value": factor.value, "board": factor.board, "source": factor.source},
        "milliwatts_per_megahertz": profile.milliwatts_per_megahertz,
        "tools": {
            "generator": profile.tools.generator,
            "kernels": list(profile.tools.kernels),
            "toolchain": profile.tools.toolchain,
            "runner": profile.tools.runner,
        },
        "sources": dict(profile.sources),
    }
