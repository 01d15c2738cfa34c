"""Inference: what networks and single layers cost on the emulated cores, asked beside measured, peers beside both.

    python benchmarks/inference.py [--json] [--quick] [--layers] [--only NETWORK ...]

Instructions are measured one by one on the emulator, each row with the better of the usable toolchains; every output is
compared with the reference bit for bit. Exits 1 where a figure is missed. ``--quick`` leaves out all but the smallest
networks; ``--layers`` prints the cost of every layer of the networks. The peers' figures were recorded on the same
emulated cores and are not measured here. Where QEMU is installed, it must count as many instructions as Unicorn; its
board has flash at another address, so the same sources are linked there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from inference_asks import ASKS, LAYERS, M4_FACTOR, SRAM_FACTOR, TFLITE_FACTOR, Ask
from inference_layers import layer_graphs

from tinyml_core.api.runner import Runner
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.errors import CapacityError
from tinyml_core.graph import Graph, Rounding
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.platform import Platform

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"
M7, M4 = "stm32f746", "stm32l4r5"
QEMU_FLASH = 0
"""Where QEMU's boards with a Cortex-M7 have their program; the SRAM lies where the STM32's does."""
QUICK = ("kws_ref_model", "ad01_int8")


@dataclass
class Row:
    """One figure; ``ok`` is None where nothing is asked."""

    subject: str
    figure: str
    measured: float
    asked: float | None = None
    toolchain: str = ""
    exact: bool = True
    peers: str = ""
    equal: bool = False
    """The figure must be the asked one, not merely stay below."""
    layers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ok(self) -> bool | None:
        """Whether the figure is exact and within what is asked."""
        if not self.exact:
            return False
        if self.asked is None:
            return None
        return self.measured == self.asked if self.equal else self.measured <= self.asked


class Bench:
    """Compiles and runs builds, each toolchain in turn."""

    def __init__(self) -> None:
        self.platform = Platform()
        names = self.platform.names(Toolchain)
        self.toolchains = [name for name in sorted(names) if not self.platform.create(Toolchain, name).missing()]
        self.qemu = self.platform.create(Runner, "qemu").missing() is None  # type: ignore[attr-defined]

    def builds(self, model: Path | Graph, target: str, **options: Any) -> dict[str, dict[str, Any]]:
        """The report of ``tinyml run`` by toolchain."""
        reports = {}
        for toolchain in self.toolchains:
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "out"
                self.platform.compile(model, target, out, CompileOptions(toolchain=toolchain, **options))
                reports[toolchain] = self.platform.run(out).report()
        return reports

    def on_qemu(self, model: Path | Graph, toolchain: str, **options: Any) -> dict[str, Any]:
        """The report of QEMU on the same sources, linked where its board has memory."""
        profile = relinked(self.platform.target(M7))
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out"
            self.platform.compile(model, profile, out, CompileOptions(toolchain=toolchain, **options))
            return self.platform.run(out, runner="qemu").report()

    def best(self, model: Path | Graph, target: str, **options: Any) -> tuple[str, dict[str, Any]]:
        """The toolchain with the fewest instructions, and its report."""
        reports = self.builds(model, target, **options)
        return min(reports.items(), key=lambda item: int(item[1]["instructions"]))


def relinked(profile: HardwareProfile) -> HardwareProfile:
    """The profile with its flash where QEMU's board has some."""
    regions = tuple(
        dataclasses.replace(region, origin=QEMU_FLASH) if region.kind == "flash" else region
        for region in profile.regions
    )
    return dataclasses.replace(profile, regions=regions)


def network_rows(bench: Bench, ask: Ask) -> Iterator[Row]:
    """All figures of a network."""
    model, single = MODELS / ask.file, Rounding.SINGLE

    def row(figure: str, key: Any, built: tuple[str, dict[str, Any]], asked: float | None, peers: str = "") -> Row:
        return Row(ask.network, figure, key, asked, built[0], built[1]["exact"], peers, layers=built[1]["layers"])

    latency = bench.best(model, M7, rounding=single)
    cost = latency[1]["instructions"]
    told = _told(ask.tflm[0], ask.tinyengine[0])
    yield row("instructions", cost, latency, ask.instructions, told)
    yield row("instructions per MAC", round(cost / latency[1]["macs"], 3), latency, None)
    yield row("cycles, estimated", latency[1]["cycles"]["core"], latency, None)
    yield row(
        "SRAM", latency[1]["sram_bytes"]["total"], latency, ask.tinyengine[1], _told(ask.tflm[1], ask.tinyengine[1])
    )
    yield row("flash", latency[1]["flash_bytes"]["total"], latency, ask.flash)
    yield from qemu_rows(bench, ask.network, model, "latency", latency, rounding=single)
    exact = bench.best(model, M7, rounding=Rounding.TFLITE)
    yield row("instructions, tflite rounding", exact[1]["instructions"], exact, TFLITE_FACTOR * ask.instructions)
    yield from qemu_rows(bench, ask.network, model, "tflite rounding", exact, rounding=Rounding.TFLITE)
    smaller = bench.best(model, M4, rounding=single)
    yield row("instructions, Cortex-M4", smaller[1]["instructions"], smaller, M4_FACTOR * cost)
    for mode, asked in (("resident", ask.sram_resident), ("rows", ask.sram_rows)):
        if mode == "rows" and asked is None:
            continue
        frugal = bench.best(model, M7, rounding=single, objective="sram", input_mode=mode)
        yield row(f"SRAM, objective sram, input {mode}", frugal[1]["sram_bytes"]["total"], frugal, asked)
        yield row(f"instructions, objective sram, input {mode}", frugal[1]["instructions"], frugal, SRAM_FACTOR * cost)
        options = {"rounding": single, "objective": "sram", "input_mode": mode}
        yield from qemu_rows(bench, ask.network, model, f"objective sram, input {mode}", frugal, **options)


def qemu_rows(
    bench: Bench, network: str, model: Path, what: str, built: tuple[str, dict[str, Any]], **options: Any
) -> Iterator[Row]:
    """QEMU's count of a build, which must be Unicorn's; nothing where QEMU is not installed."""
    if bench.qemu:
        toolchain, report = built
        counted = bench.on_qemu(model, toolchain, **options)
        figure = f"instructions, QEMU, {what}"
        yield Row(
            network, figure, counted["instructions"], report["instructions"], toolchain, counted["exact"], equal=True
        )


def layer_rows(bench: Bench) -> Iterator[Row]:
    """Instructions of single layers, each with everything around it."""
    graphs = layer_graphs()
    for ask in LAYERS:
        graph, units = graphs[ask.layer]
        toolchain, report = bench.best(graph, M7)
        cost = round(report["instructions"] / units, 3)
        yield Row(ask.layer, f"instructions per {ask.unit}", cost, ask.limit, toolchain, report["exact"])


def _told(tflm: int | None, tinyengine: int | None) -> str:
    pairs = (("TFLM + CMSIS-NN", tflm), ("TinyEngine", tinyengine))
    return ", ".join(f"{name} {value:,}" for name, value in pairs if value is not None)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="only the smallest networks")
    parser.add_argument("--layers", action="store_true", help="the cost of every layer of the networks")
    parser.add_argument("--only", nargs="*", default=[], metavar="NETWORK", help="only these networks")
    options = parser.parse_args()
    if not MODELS.is_dir():
        print(f"{MODELS} is missing: the networks lie there", file=sys.stderr)
        return 2
    bench, rows = Bench(), []
    wanted = options.only or (QUICK if options.quick else [ask.network for ask in ASKS])
    for source in (layer_rows(bench), *(network_rows(bench, ask) for ask in ASKS if ask.network in wanted)):
        try:
            for row in source:
                rows.append(row)
                if not options.json:
                    _print(row, options.layers)
        except CapacityError as error:
            rows.append(Row("?", str(error), 0, 0, exact=False))
            print(rows[-1].figure)
    missed = [row for row in rows if row.ok is False]
    if options.json:
        objects = [{**asdict(row), "ok": row.ok} for row in rows]
        print(json.dumps({"toolchains": bench.toolchains, "rows": objects, "missed": len(missed)}, indent=2))
    else:
        print(f"{len(missed)} of {sum(row.ok is not None for row in rows)} asked figures missed")
    return 1 if missed else 0


def _print(row: Row, layers: bool) -> None:
    verdict = {None: "", True: "ok", False: "MISSED" if row.exact else "NOT EXACT"}[row.ok]
    asked = "" if row.asked is None else f"{row.asked:,.10g}"
    figures = f"{row.measured:>14,.10g} {asked:>14} {row.toolchain:5} {verdict:9}"
    print(f"{row.subject:38} {row.figure:44} {figures} {row.peers}", flush=True)
    if layers and row.figure == "instructions":
        for layer in row.layers:
            per = f"{layer['instructions'] / layer['macs']:6.2f}" if layer["macs"] else ""
            what = f"{layer['name'][:40]:40} {layer['operator']:18} {layer['kernel']:22}"
            print(f"    {what} {layer['instructions']:>12,} {per}")


if __name__ == "__main__":
    sys.exit(main())
