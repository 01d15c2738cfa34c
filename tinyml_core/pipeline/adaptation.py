"""Adaptation: from a network and labelled data to a training step in C, proved on the emulated core."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import tinyml_core
from tinyml_core.api.dataset import Dataset, DatasetSource, Split
from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.resolution import suited
from tinyml_core.api.update_selector import LearningTask, UpdateScheme, UpdateSelector
from tinyml_core.arithmetic.quantised import quantise_array
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.serialise import digest as network_digest
from tinyml_core.graph.tensor import DType
from tinyml_core.npz import write_npz
from tinyml_core.pipeline import figures
from tinyml_core.pipeline.build_report import REPORT_FILE
from tinyml_core.pipeline.building import Built
from tinyml_core.pipeline.compilation import Compiled, CompileOptions, choose_toolchain
from tinyml_core.pipeline.curves import curve
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.pipeline.samples import Array, samples_for
from tinyml_core.pipeline.search_journal import BuildJournals, digest
from tinyml_core.pipeline.stages import Stage, Stages
from tinyml_core.pipeline.staging import staged
from tinyml_core.pipeline.step_budget import PlannedSteps
from tinyml_core.pipeline.training import Lessons, compile_step, difference, falling, simulate, train_on_device
from tinyml_core.search.journal import fingerprint
from tinyml_core.training.blob import layout_of, write_blob
from tinyml_core.training.dividing import WIDEST
from tinyml_core.training.head import FloatHead
from tinyml_core.training.simulation import Simulation
from tinyml_core.training.step import TrainingStep, build_step

if TYPE_CHECKING:
    from tinyml_core.hardware.profile import HardwareProfile
    from tinyml_core.platform import Platform

TRAINED_FILE = "trained.npz"
"""The variables after the whole training, on the host."""
SHIPPED_BLOB, TRAINED_BLOB = "shipped.blob", "trained.blob"
"""The tensors before and after it as a board keeps them, see :mod:`tinyml_core.training.blob`."""


@dataclass(frozen=True, kw_only=True)
class AdaptOptions:
    """How a network learns; components by (name, options)."""

    dataset: str
    dataset_options: Mapping[str, Any] = field(default_factory=dict)
    selector: str = "bias-only"
    selector_options: Mapping[str, Any] = field(default_factory=dict)
    optimizer: str = "qas"
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)
    loss: str = "cross-entropy"
    classes: int | None = None
    """Of a new float32 head; None keeps the network's own."""
    epochs: int = 4
    """Times that every training sample is learnt from."""
    steps: int | None = None
    """Samples to learn from, instead of whole epochs."""
    rate: float = 0.00078
    """Learning rate of the first step; it falls to 0 along half a cosine."""
    seed: int = 0
    """Of the new head, the order of the samples and the split of the data."""
    accumulate: int = 1
    """Samples to a step, whose mean gradient updates what learns; sums of gradients take SRAM."""
    device_steps: int = 3
    """The first steps, that are carried out on the emulated core too."""
    widest: int = WIDEST
    """Bytes of a gradient above which it is computed some channels at a time: less SRAM, more code."""
    compile: CompileOptions = field(default_factory=lambda: CompileOptions(objective="sram"))


def adapt_network(
    network: Graph, profile: HardwareProfile, out: Path, options: AdaptOptions, platform: Platform
) -> Built:
    """Choose what learns, compile the step, compare its first steps with the simulation, then train on the host.

    ``out`` appears whole or not at all: what :func:`~tinyml_core.pipeline.compilation.compile_graph` writes, the first
    values of the variables (``state.npz``), the last ones (``trained.npz``), both as blobs, and ``report.json``.

    Raises:
        InputError: network, data and options do not suit each other.
        TinyMLError: the first step that cannot be done, by name.
    """
    choose_toolchain(platform, options.compile.toolchain or profile.tools.toolchain, options.compile.toolchain_options)
    optimizer = platform.create(TrainingOptimizer, options.optimizer, options.optimizer_options, "optimizer.options")
    selector = platform.create(UpdateSelector, options.selector, options.selector_options, "selector.options")
    stages, journals = Stages(platform.emit), BuildJournals(out, platform)
    with staged(out) as folder:
        with stages.stage("data") as stage:
            source = platform.create(DatasetSource, options.dataset, options.dataset_options, "data.options")
            network = _rounded(apply_passes(network, platform, options.compile.without), options.compile)
            data = _arranged(suited(source.load(options.seed), network), network)
            test = _inputs(network, data.test)
            stage.result = f"{len(data.train)} training, {len(data.test)} test samples, {len(data.classes)} classes"
        with stages.stage("scheme") as stage:
            head = FloatHead(options.classes, options.seed) if options.classes else None

            def build(scheme: UpdateScheme) -> TrainingStep:
                return build_step(
                    network, scheme, optimizer, options.loss, head, options.accumulate, widest=options.widest
                )

            made = f"gradients in parts of {options.widest} bytes, {options.accumulate} samples to a step"
            budget = PlannedSteps(build, made, profile, options.compile, platform) if options.compile.sram else None
            with journals.keep("scheme", _identity(network, data, profile, options)) as journal:
                scheme = selector.select(network, LearningTask(
                    data=data, sram=budget, classes=options.classes, optimizer=options.optimizer,
                    optimizer_options=options.optimizer_options, loss=options.loss, seed=options.seed,
                    platform=platform, journal=journal, hear=stage.advance,
                ))  # fmt: skip
            step = build(scheme)
            lessons = _lessons(step, network, data, options)
            stage.result = f"{len(step.learnt)} tensors learn"
        with stages.stage("compile") as stage:
            compiled = compile_step(folder, step, profile, options.compile, platform)
            stage.result = compiled.manifest.compiler
        simulation, layout = Simulation(step), layout_of(step)
        with stages.stage("before", len(test)) as stage:
            before = _accuracy(simulation, test, data.test, stage)
        count = min(options.device_steps * options.accumulate, len(lessons))
        with stages.stage("device", count) as stage:
            execution = train_on_device(folder, step, lessons.first(count), platform, stage.advance)
            outcomes = simulate(simulation, lessons.first(count))
            differing = max(execution.differing_bytes, difference(execution, outcomes, simulation))
            stage.result = f"{count} samples, " + ("bit-exact" if not differing else f"{differing} bytes differ")
        with stages.stage("train", len(lessons) - count) as stage:
            outcomes += simulate(simulation, lessons, count, stage.advance)
            stage.result = f"loss {outcomes[0].loss:.4f} to {outcomes[-1].loss:.4f}"
        with stages.stage("after", len(test)) as stage:
            after = _accuracy(simulation, test, data.test, stage)
        report = {
            "version": tinyml_core.__version__,
            "data": {"name": data.name, "train": len(data.train), "test": len(data.test),
                     "classes": len(data.classes)},
            "selector": options.selector, "scheme": _described(scheme, network), "head": options.classes,
            "optimizer": options.optimizer, "loss": options.loss, "rate": options.rate, "steps": len(lessons),
            "accumulate": options.accumulate,
            "learnt": {"tensors": len(step.learnt), "numbers": sum(each.initial.size for each in step.learnt),
                       "bytes": sum(each.initial.nbytes for each in step.variables)},
            "blob": {"bytes": layout.size, "shipped_bytes": _shipped_bytes(compiled)},
            "accuracy": {"before": before, "after": after},
            "curves": curve("loss of the training on the device", [outcome.loss for outcome in outcomes]),
            **execution.report(), "exact": differing == 0, "differing_bytes": differing,
            "binding": compiled.manifest.memory.binding_tensor(),
            "microjoules": figures.microjoules(execution.measurement.cycles, profile),
            "out": str(out), "stages": stages.report(),
        }  # fmt: skip
        write_npz(folder / TRAINED_FILE, simulation.variables)
        (folder / SHIPPED_BLOB).write_bytes(write_blob(layout, {each.name: each.initial for each in step.variables}))
        (folder / TRAINED_BLOB).write_bytes(write_blob(layout, simulation.variables, sequence=2))
        (folder / REPORT_FILE).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    journals.remove()
    return Built(out, report)


def _rounded(network: Graph, options: CompileOptions) -> Graph:
    return network if options.rounding is None else replace(network, rounding=options.rounding)


def _arranged(data: Dataset, network: Graph) -> Dataset:
    """``data`` in the device's layout, given in that or in the source's.

    Raises:
        InputError: the network has several inputs, or the samples have another shape than its own.
    """
    if len(network.inputs) != 1:
        raise InputError(f"has {len(network.inputs)} inputs; one can be adapted", place=f"network {network.name!r}")
    tensor = network.tensors[network.inputs[0]]

    def arranged(split: Split) -> Split:
        if split.x.shape[1:] == tensor.shape[1:]:
            return split
        x = samples_for(network, {tensor.name: split.x})[tensor.name]
        return replace(split, x=x.reshape(len(x), *tensor.shape[1:]))

    return replace(data, train=arranged(data.train), validation=arranged(data.validation), test=arranged(data.test))


def _inputs(network: Graph, split: Split) -> Array:
    """Samples [n, *shape of the network's input] in its type."""
    tensor = network.tensors[network.inputs[0]]
    x = split.x.reshape(len(split.x), *tensor.shape)
    return x if tensor.dtype is DType.FLOAT32 else quantise_array(x.astype(np.float32), tensor)


def _identity(network: Graph, data: Dataset, profile: HardwareProfile, options: AdaptOptions) -> str:
    """Equal for adaptations in which a selector finds the same; another budget makes no other journal."""
    compiling = replace(options.compile, sram=None, calibration=None, step=None)
    return fingerprint(
        {
            "network": network_digest(network), "samples": digest(data), "target": asdict(profile),
            "selector": [options.selector, dict(options.selector_options)],
            "optimizer": [options.optimizer, dict(options.optimizer_options)],
            "step": [options.loss, options.classes, options.seed, options.widest, options.accumulate],
            "compile": asdict(compiling),
        }
    )  # fmt: skip


def _lessons(step: TrainingStep, network: Graph, data: Dataset, options: AdaptOptions) -> Lessons:
    """Epoch after epoch in an order of its own.

    Raises:
        InputError: the data has more classes than the head.
    """
    classes = step.evaluation.tensors[step.evaluation.outputs[0]].shape[1]
    if len(data.classes) > classes:
        raise InputError(
            f"has {len(data.classes)} classes, the network {classes}", place=f"data {data.name!r}",
            remedy=f"give it a new head: --head {len(data.classes)}",
        )  # fmt: skip
    rng, train = np.random.default_rng(options.seed), data.train
    steps = options.steps or options.epochs * len(train)
    epochs = -(-steps // len(train))
    order = np.concatenate([rng.permutation(len(train)) for _ in range(epochs)])[:steps]
    targets = np.eye(classes, dtype=np.float32)[train.y[order]]
    return Lessons(_inputs(network, train)[order], targets, falling(options.rate, steps))


def _accuracy(simulation: Simulation, samples: Array, split: Split, stage: Stage) -> float:
    right = 0
    for sample, label in zip(samples, split.y, strict=True):
        right += int(simulation.predict(sample).argmax()) == label
        stage.advance()
    stage.result = f"accuracy {right / len(split):.4f} on {len(split)} samples"
    return right / len(split)


def _shipped_bytes(compiled: Compiled) -> int:
    assert compiled.manifest.learning is not None
    return compiled.manifest.learning.shipped_bytes


def _described(scheme: UpdateScheme, network: Graph) -> list[dict[str, Any]]:
    """The layers that learn, with how many of how many channels."""
    nodes = {node.name: node for node in network.nodes}
    rows = []
    for layer in scheme.layers:
        node = nodes[layer.node]
        whole = network.inputs_of(node)[1].shape[-1]
        learning = whole if layer.channels is None else len(layer.channels)
        rows.append(
            {"layer": layer.node, "operator": node.op.kind, "bias": layer.bias, "channels": learning, "of": whole}
        )
    return rows
