"""Descriptions: everything that is known of a build, as one object.

A build is an output folder or a model file. What a folder keeps is taken as it stands (and checked, since anybody may
have written it); what is missing is measured on the emulated core, unless the caller does without. Of a model file
nothing is measured: it is planned for a target, whether it fits or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tinyml_core
from tinyml_core.errors import InputError, PluginError, UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.serialise import load
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.build_report import BuildReport, Execution, read_build_report
from tinyml_core.pipeline.compilation import GRAPH_FILE, STACK_RESERVE, CompileOptions
from tinyml_core.pipeline.execution import run_folder
from tinyml_core.pipeline.figures import flash_bytes, sram_bytes
from tinyml_core.pipeline.fitting import Fit, fit, planned
from tinyml_core.pipeline.fitting_planner import Budget
from tinyml_core.pipeline.manifest import Manifest, read_manifest
from tinyml_core.pipeline.memory_plan import MemoryPlan
from tinyml_core.pipeline.quantisation_error import read_quantisation_errors

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What a report is asked for."""

    target: str | None = None
    """Of model files; folders have been compiled for theirs."""
    sram: int | None = None
    """Bytes of SRAM that the network should fit in, stack included; all of the target's region when None."""
    flash: int | None = None
    """Bytes of flash; all of the target's when None."""
    run: bool = True
    """Whether a folder without measured figures is executed on the emulated core."""


def describe_folder(
    folder: Path, platform: Platform, options: ReportOptions, *, title: str | None = None
) -> dict[str, Any]:
    """The object of an output folder; ``title`` is told as its path.

    Raises:
        InputError: it is none, or its files do not belong together.
        DeviceFault: the program faulted on the device.
    """
    manifest, graph, kept = read_manifest(folder), load(folder / GRAPH_FILE), read_build_report(folder)
    executed: Execution | None = kept
    if kept is None and options.run:
        executed = Execution.model_validate(run_folder(folder, None, platform).report())
    names = [layer.name for layer in manifest.layers]
    if executed is not None and [layer.name for layer in executed.layers] != names:
        raise InputError("report and manifest do not belong together", place=str(folder), remedy="build it again")
    if [node.name for node in graph.nodes] != names:
        raise InputError("manifest and graph do not belong together", place=str(folder), remedy="compile it again")
    profile = manifest.profile.restore()
    errors = read_quantisation_errors(folder)
    stack = executed.sram_bytes.stack if executed else manifest.stack_reserve
    sram, flash = sram_bytes(manifest, stack), flash_bytes(manifest)
    layers = [
        {
            "name": layer.name, "operator": layer.operator, "kernel": layer.kernel, "shape": list(layer.shape),
            "macs": layer.macs, "instructions": cost.instructions if cost else None,
            "cycles": cost.cycles if cost else round(layer.estimated_cycles),
            "constant_bytes": _constant_bytes(graph, number),
            "error": error.model_dump() if error else None,
        }
        for number, (layer, cost) in enumerate(
            zip(manifest.layers, executed.layers if executed else [None] * len(names), strict=True)
        )
        for error in [errors.tensors.get(graph.nodes[number].outputs[0]) if errors else None]
    ]  # fmt: skip
    budget = Budget(
        sram=options.sram or profile.region(manifest.region).size, flash=options.flash or profile.largest("flash").size,
        static=sram["static"], stack=stack, code=manifest.code_bytes,
    )  # fmt: skip
    fitting = _fit(graph, manifest, profile, platform, budget, (sram["total"], flash["total"]))
    return {
        "kind": _kind(kept), "source": title or str(folder), "name": (kept and kept.name) or manifest.network,
        "network": manifest.network, **_part(profile, manifest.region), "version": manifest.version,
        "made_by": _made_by(manifest), "macs": manifest.macs, "sram_bytes": sram, "flash_bytes": flash,
        **_measured(executed, manifest), "layers": layers, "error_samples": errors.samples if errors else None,
        "memory": manifest.memory.model_dump(mode="json"), "nodes": _nodes(graph), "inputs": _tensors(graph),
        "fit": fitting.report(), **_kept(kept),
    }  # fmt: skip


def _fit(
    graph: Graph, manifest: Manifest, profile: HardwareProfile, platform: Platform, budget: Budget,
    needs: tuple[int, int],
) -> Fit:  # fmt: skip
    """Whether a binary fits; its changes are planned by the generator that made it, with its default options."""
    compiled = CompileOptions(
        generator=manifest.generator, objective=manifest.objective, input_mode=manifest.input_mode,
        region=manifest.region,
    )  # fmt: skip
    try:
        constants = planned(graph, profile, compiled, platform).constant_bytes
        budget = replace(budget, tables=manifest.constant_bytes - constants)
        return fit(graph, profile, compiled, platform, budget, needs=needs)
    except (UnsupportedError, PluginError) as error:
        fits = needs[0] <= budget.sram and needs[1] <= budget.flash
        return Fit(fits=fits, sram=needs[0], flash=needs[1], budget=budget, changes=(), rejected=(), problem=str(error))


def describe_model(path: Path, platform: Platform, options: ReportOptions) -> dict[str, Any]:
    """The object of a model file, planned for the target of ``options``.

    Raises:
        InputError: there is no such file, it is damaged, or no target is given.
        UnsupportedError: the generator cannot carry out an operator.
    """
    if options.target is None:
        raise InputError("is no folder, and a model is planned for a target", place=str(path), remedy="add --target")
    profile, chosen = platform.target(options.target), CompileOptions()
    source = platform.load(path)
    program = planned(source, profile, chosen, platform, sram=options.sram)
    graph, memory = program.graph, MemoryPlan.of(program)
    region = profile.largest("sram")
    budget = Budget(sram=options.sram or region.size, flash=options.flash or profile.largest("flash").size)
    layers = [
        {
            "name": step.node.name, "operator": step.node.op.kind, "kernel": step.schedule.kernel,
            "shape": list(graph.outputs_of(step.node)[0].shape),
            "macs": step.node.op.macs(graph.inputs_of(step.node), graph.outputs_of(step.node)),
            "instructions": None, "cycles": round(step.schedule.cycles),
            "constant_bytes": _constant_bytes(graph, number), "error": None,
        }
        for number, step in enumerate(program.steps)
    ]  # fmt: skip
    arena, constants = program.arena_bytes, program.constant_bytes
    return {
        "kind": "plan", "source": str(path), "name": graph.name, "network": graph.name, **_part(profile, region.name),
        "version": tinyml_core.__version__, "made_by": {"objective": program.objective, "input": chosen.input_mode,
                                                        "rounding": graph.rounding.value},
        "macs": graph.macs,
        "sram_bytes": {"arena": arena, "static": 0, "stack": STACK_RESERVE, "total": arena + STACK_RESERVE},
        "flash_bytes": {"weights": constants, "code": None, "total": constants},
        **_measured(None, None), "cycles": {"core": round(program.cycles), "model": "the planner's estimates"},
        "layers": layers, "error_samples": None, "memory": memory.model_dump(mode="json"), "nodes": _nodes(graph),
        "inputs": _tensors(graph), "fit": fit(source, profile, chosen, platform, budget).report(), **_kept(None),
    }  # fmt: skip


def _kind(kept: BuildReport | None) -> str:
    if kept is None:
        return "compile"
    return "build" if kept.search is not None else "adapt"


def _part(profile: HardwareProfile, region: str) -> dict[str, Any]:
    sram, flash = profile.region(region), profile.largest("flash")
    return {
        "target": profile.name, "part": profile.title, "core": profile.core, "clock_hz": profile.clock_hz,
        "regions": {each.kind: {"name": each.name, "size": each.size} for each in (sram, flash)},
    }  # fmt: skip


def _made_by(manifest: Manifest) -> dict[str, str]:
    return {
        "objective": manifest.objective, "input": manifest.input_mode, "rounding": manifest.rounding,
        "generator": manifest.generator, "toolchain": manifest.toolchain, "compiler": manifest.compiler,
        "network SHA-256": manifest.graph_digest,
    }  # fmt: skip


def _measured(executed: Execution | None, manifest: Manifest | None) -> dict[str, Any]:
    """What a run on the emulated core tells; of a network that was not run the planner's estimate of cycles."""
    if executed is not None:
        keys = ("exact", "samples", "differing_bytes", "instructions", "instructions_basis", "cycles", "milliseconds")
        return executed.model_dump(mode="json", include=set(keys))
    cycles = round(sum(layer.estimated_cycles for layer in manifest.layers)) if manifest else 0
    return {
        "exact": None, "samples": 0, "differing_bytes": 0, "instructions": None, "instructions_basis": "not run",
        "cycles": {"core": cycles, "model": "the planner's estimates"}, "milliseconds": None,
    }  # fmt: skip


def _kept(kept: BuildReport | None) -> dict[str, Any]:
    keys = {"seed", "steps", "accuracy", "dataset", "data", "search", "baseline", "curves", "stages", "plugins"}
    return kept.model_dump(mode="json", include=keys) if kept else {}


def _constant_bytes(graph: Graph, number: int) -> int:
    """Bytes of the constants that a node is the first to read."""
    earlier = {name for node in graph.nodes[:number] for name in node.inputs}
    own = dict.fromkeys(graph.nodes[number].inputs)
    return sum(
        graph.tensors[name].bytes for name in own if name not in earlier and graph.tensors[name].data is not None
    )


def _nodes(graph: Graph) -> list[dict[str, Any]]:
    """Nodes in execution order; ``reads`` are the numbers of those whose outputs a node reads, -1 for an input."""
    numbers = {name: number for number, node in enumerate(graph.nodes) for name in node.outputs}
    return [
        {
            "name": node.name, "operator": node.op.title, "kind": node.op.kind,
            "reads": sorted({numbers.get(name, -1) for name in node.inputs if graph.tensors[name].data is None}),
            "shape": list(graph.outputs_of(node)[0].shape), "type": graph.outputs_of(node)[0].dtype.value,
            "bytes": sum(tensor.bytes for tensor in graph.outputs_of(node)),
            "output": any(name in graph.outputs for name in node.outputs),
        }
        for node in graph.nodes
    ]  # fmt: skip


def _tensors(graph: Graph) -> list[Mapping[str, Any]]:
    tensors = [graph.tensors[name] for name in graph.inputs]
    return [{"name": each.name, "shape": list(each.shape), "type": each.dtype.value} for each in tensors]
