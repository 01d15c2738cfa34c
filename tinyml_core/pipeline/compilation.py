"""Compilation: from a graph to a folder with C sources, a linked binary and everything needed to run and rebuild it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import tinyml_core
from tinyml_core.api.generator import CodeGenerator, GeneratedCode, StepInterface
from tinyml_core.api.project_writer import CompiledNetwork, ProjectWriter
from tinyml_core.api.quantizer import Quantizer
from tinyml_core.api.toolchain import Binary, Toolchain
from tinyml_core.errors import CapacityError, InputError, ToolchainError, UnsupportedError
from tinyml_core.graph.graph import Graph, Rounding
from tinyml_core.graph.serialise import digest, save
from tinyml_core.graph.verify import verify
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.npz import write_npz
from tinyml_core.pipeline.calibration import calibrated
from tinyml_core.pipeline.generation import generator_for
from tinyml_core.pipeline.manifest import Feed, Layer, Learning, Manifest, Port, Profile, Sources
from tinyml_core.pipeline.memory_plan import MemoryPlan
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.pipeline.quantisation_error import quantisation_errors
from tinyml_core.pipeline.samples import Array, samples_for
from tinyml_core.pipeline.staging import staged
from tinyml_core.pipeline.tuning import Tuning, tune_graph, tuned_candidates
from tinyml_core.pipeline.tuning_cache import TuningCache, layer_key
from tinyml_core.program.planner import Candidates, plan
from tinyml_core.program.program import InputMode, Objective, Program

if TYPE_CHECKING:
    from tinyml_core.pipeline.stages import Stages
    from tinyml_core.platform import Platform

GRAPH_FILE = "model.tinyml"
BINARY_FILE = "model.elf"
STATE_FILE = "state.npz"
STACK_RESERVE = 2048
"""Bytes of SRAM kept free for the stack at link time; the measured high-water mark replaces it in every report."""


@dataclass(frozen=True, kw_only=True)
class CompileOptions:
    """How a graph becomes a program; components by (name, options)."""

    generator: str | None = None
    """The target's own when None."""
    generator_options: Mapping[str, Any] = field(default_factory=dict)
    kernels: tuple[str, ...] = ()
    """Kernels that the generator takes beside its own and the target's."""
    toolchain: str | None = None
    """The target's own when None, or the first usable one: ``zig`` before any other, then by name."""
    toolchain_options: Mapping[str, Any] = field(default_factory=dict)
    runner: str | None = None
    """The target's own when None."""
    tuned: bool = False
    """Choose kernels by what ``tinyml tune`` measured instead of by estimates."""
    objective: Objective = "latency"
    input_mode: InputMode = "resident"
    rounding: Rounding | None = None
    """The graph's own when None."""
    sram: int | None = None
    """Bytes of SRAM the network may use, stack reserve included; the region's size when None."""
    region: str | None = None
    prefix: str = "model"
    without: tuple[str, ...] = ()
    """Names of passes that do not run."""
    calibration: Mapping[str, Array] | None = field(default=None, compare=False)
    """Samples from which a float network's scales are chosen: one array per input (or ``x``), leading axis samples, in
    the source's layout. The network is compiled as it is when None."""
    quantizer: str = "ptq"
    """Quantises where there is calibration."""
    quantizer_options: Mapping[str, Any] = field(default_factory=dict)
    step: StepInterface | None = field(default=None, compare=False)
    """What a training step offers besides, with the first values of what executions replace (``graph.state``); zeros
    when None."""


@dataclass(frozen=True)
class Compiled:
    """A compiled network: the folder, the plan behind it and its manifest."""

    folder: Path
    program: Program
    manifest: Manifest


def compile_graph(
    graph: Graph, profile: HardwareProfile, out: Path, options: CompileOptions, platform: Platform
) -> Compiled:
    """Compile ``graph`` for ``profile`` into the folder ``out``, which appears whole or not at all.

    Passes are for networks: a graph with state, such as a training step, is compiled as it is.

    Raises:
        CapacityError: the network does not fit; names the region or step and the bytes that are missing.
        UnsupportedError: the generator cannot carry out an operator.
        ToolchainError: no compiler is usable, or it refused the sources.
        InputError: ``out`` cannot be written, there is no pass of a name in ``options.without``, or the calibration
            does not suit the network.
        GraphError: an operator of a float network has no int8 form.
    """
    with staged(out) as work:
        compiled = compile_into(work, graph, profile, options, platform)
    return replace(compiled, folder=out)


def compile_into(
    folder: Path, graph: Graph, profile: HardwareProfile, options: CompileOptions, platform: Platform
) -> Compiled:
    """Compile into an existing empty folder; raises what :func:`compile_graph` does."""
    name, toolchain = choose_toolchain(
        platform, options.toolchain or profile.tools.toolchain, options.toolchain_options
    )
    generator = _generator(profile, options, platform)
    source, graph = graph, _rewritten(graph, options, platform)
    state = _first_state(graph, options.step)
    program = _planned(graph, profile, generator, options)
    if options.step is None:
        code = generator.generate(program, options.prefix)
    else:
        code = generator.generate(program, options.prefix, options.step)
    _write(folder, code.files)
    network = CompiledNetwork(
        name=graph.name, prefix=options.prefix, profile=profile, region=program.region, stack=STACK_RESERVE,
        arena_bytes=program.arena_bytes, arena_alignment=program.arena_alignment, code=code,
    )  # fmt: skip
    for writer in (platform.create(ProjectWriter, name) for name in sorted(platform.names(ProjectWriter))):
        if writer.beside:
            _write(folder, writer.write(network))
    save(graph, folder / GRAPH_FILE)
    if graph.state:
        write_npz(folder / STATE_FILE, state)
    sources = [folder / source for source in (*code.library, code.example)]
    binary = toolchain.build(sources, folder / BINARY_FILE, profile, region=program.region, stack=STACK_RESERVE)
    manifest = _manifest(program, code, binary, name, options)
    _check_sram(manifest, options.sram)
    manifest.write(folder)
    if options.calibration is not None:
        floats = apply_passes(source, platform, options.without)
        quantisation_errors(floats, graph, samples_for(floats, options.calibration)).write(folder)
    return Compiled(folder, program, manifest)


def plan_for(graph: Graph, profile: HardwareProfile, options: CompileOptions, platform: Platform) -> Program:
    """The program that :func:`compile_graph` would generate C from.

    Raises:
        CapacityError: the arena does not fit; names the step and the bytes that are missing.
        UnsupportedError: the generator cannot carry out an operator, or the input cannot come row by row.
        InputError: there is no pass of a name in ``options.without``, or the calibration does not suit the network.
        GraphError: an operator of a float network has no int8 form.
    """
    generator = _generator(profile, options, platform)
    return _planned(_rewritten(graph, options, platform), profile, generator, options)


def tune(graph: Graph, profile: HardwareProfile, options: CompileOptions, platform: Platform, stages: Stages) -> Tuning:
    """Measure the layers that :func:`compile_graph` would generate; see :mod:`tinyml_core.pipeline.tuning`."""
    toolchain = choose_toolchain(platform, options.toolchain or profile.tools.toolchain, options.toolchain_options)
    generator = _generator(profile, options, platform)
    return tune_graph(
        _rewritten(graph, options, platform), profile, generator, toolchain, platform, stages,
        runner=options.runner or profile.tools.runner,
    )  # fmt: skip


def _generator(profile: HardwareProfile, options: CompileOptions, platform: Platform) -> CodeGenerator:
    return generator_for(platform, profile, options.generator, options.generator_options, options.kernels)


def _rewritten(graph: Graph, options: CompileOptions, platform: Platform) -> Graph:
    if options.rounding is not None:
        graph = replace(graph, rounding=options.rounding)
    if graph.state:
        if options.calibration is not None:
            raise InputError(
                "has state, so it is compiled as it is",
                place=f"graph {graph.name!r}",
                remedy="leave out the calibration",
            )
        return verify(graph)
    if options.calibration is not None:
        quantizer = platform.create(Quantizer, options.quantizer, options.quantizer_options, "quantizer.options")
        graph = calibrated(apply_passes(graph, platform, options.without), options.calibration, quantizer)
    return apply_passes(graph, platform, options.without)


def _first_state(graph: Graph, step: StepInterface | None) -> dict[str, Array]:
    tensors = [graph.tensors[name] for name in graph.state]
    if step is None:
        return {tensor.name: np.zeros(tensor.shape, tensor.dtype.numpy) for tensor in tensors}
    for tensor in tensors:
        given = step.initial.get(tensor.name)
        if given is None or given.shape != tensor.shape or given.dtype != tensor.dtype.numpy:
            raise InputError(
                f"needs a first value of type {tensor.dtype.value} and shape {list(tensor.shape)}",
                place=f"state {tensor.name!r}",
            )
    return {tensor.name: step.initial[tensor.name] for tensor in tensors}


def _planned(graph: Graph, profile: HardwareProfile, generator: CodeGenerator, options: CompileOptions) -> Program:
    region = profile.region(options.region) if options.region else profile.largest("sram")
    budget = min(options.sram or region.size, region.size) - STACK_RESERVE
    if budget <= 0:
        raise CapacityError(
            f"leaves nothing beside the {STACK_RESERVE} bytes kept for the stack",
            place=f"SRAM limit of {options.sram} bytes",
            remedy="raise --sram",
        )
    candidates = _candidates(graph, profile, generator, tuned=options.tuned)
    return plan(
        graph, profile, candidates, objective=options.objective, budget=budget, region=region.name,
        input_mode=options.input_mode,
    )  # fmt: skip


def _candidates(graph: Graph, profile: HardwareProfile, generator: CodeGenerator, *, tuned: bool) -> Candidates:
    if not tuned:
        return lambda node: generator.candidates(node, graph, profile)
    cache = TuningCache.read(generator)
    if not any(cache.knows(layer_key(node, graph, profile)) for node in graph.nodes):
        raise InputError(
            f"knows no layer of this network for {profile.core}, rounding {graph.rounding.value} and these kernels",
            place=str(cache.path), remedy=f"run first: tinyml tune MODEL --target {profile.name}",
        )  # fmt: skip
    return tuned_candidates(graph, profile, generator, cache)


def choose_toolchain(platform: Platform, name: str | None, options: Mapping[str, Any]) -> tuple[str, Toolchain]:
    """The toolchain asked for, or the first usable one: ``zig`` before any other, since it comes with pip.

    Raises:
        ToolchainError: it is not usable, or none is; says what to install.
    """
    names = [name] if name else sorted(platform.names(Toolchain), key=lambda each: (each != "zig", each))
    reasons = []
    for each in names:
        toolchain = platform.create(Toolchain, each, options if name else {})
        reason = toolchain.missing()
        if reason is None:
            return each, toolchain
        reasons.append(f"{each}: {reason}")
    raise ToolchainError(
        "no compiler is usable" + (f" ({'; '.join(reasons)})" if reasons else ""),
        remedy="pip install 'tinyml-core[sim]' brings one",
    )


def _write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        if Path(name).name != name or (folder / name).exists():
            raise UnsupportedError(f"a generator wrote a file it must not: {name!r}")
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def _check_sram(manifest: Manifest, limit: int | None) -> None:
    total = manifest.static_bytes + manifest.stack_reserve
    if limit is not None and total > limit:
        raise CapacityError(
            f"the network needs {total} bytes of SRAM, {total - limit} more than the limit of {limit}",
            remedy="raise --sram or choose a smaller network",
        )


def _manifest(
    program: Program, code: GeneratedCode, binary: Binary, toolchain: str, options: CompileOptions
) -> Manifest:
    graph, tools = program.graph, program.profile.tools

    def ports(names: tuple[str, ...]) -> tuple[Port, ...]:
        return tuple(
            Port(name=name, offset=program.buffer_of(name).offset, size=graph.tensors[name].bytes) for name in names
        )

    layers = tuple(
        Layer(
            name=step.node.name, operator=step.node.op.kind, kernel=step.schedule.kernel, function=function,
            shape=graph.outputs_of(step.node)[0].shape, estimated_cycles=step.schedule.cycles,
            macs=step.node.op.macs(graph.inputs_of(step.node), graph.outputs_of(step.node)),
        )
        for step, function in zip(program.steps, code.layers, strict=True)
    )  # fmt: skip
    return Manifest(
        version=tinyml_core.__version__, network=graph.name, graph_digest=digest(graph),
        profile=Profile.of(program.profile), region=program.region, objective=program.objective,
        input_mode=options.input_mode,
        rounding=graph.rounding.value, generator=options.generator or tools.generator, toolchain=toolchain,
        compiler=binary.compiler, runner=options.runner or tools.runner, prefix=options.prefix, invoke=code.invoke,
        arena_symbol=code.arena,
        feed=Feed(**asdict(code.feed)) if code.feed else None,
        arena_bytes=program.arena_bytes, lower_bound=program.lower_bound, stack_reserve=STACK_RESERVE,
        stack_bound=binary.stack_bounds.get(code.invoke),
        inputs=ports(graph.inputs), outputs=ports(graph.outputs), state=dict(graph.state),
        learning=_learning(code, options.step), layers=layers,
        memory=MemoryPlan.of(program),
        macs=graph.macs,
        code_bytes=binary.code, constant_bytes=binary.constants, static_bytes=binary.static,
        sources=Sources(
            files=tuple(sorted(code.files)), library=code.library, example=code.example, header=code.header,
            selftest=code.selftest, arena_alignment=program.arena_alignment,
        ),
    )  # fmt: skip


def _learning(code: GeneratedCode, step: StepInterface | None) -> Learning | None:
    if step is None:
        return None
    return Learning(
        identity=step.identity.hex(), trained=step.trained, shipped_bytes=code.shipped_bytes, samples=step.samples,
        accumulate=code.accumulate, accumulation=step.accumulation, sums=step.sums,
    )  # fmt: skip
