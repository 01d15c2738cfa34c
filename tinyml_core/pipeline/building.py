"""Building: the whole job of a project, from data to a network proved on the emulated core."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import tinyml_core
from tinyml_core.api.dataset import Dataset, DatasetSource, Split
from tinyml_core.api.evaluator import Evaluator
from tinyml_core.api.quantizer import Quantizer
from tinyml_core.api.reporter import Reporter
from tinyml_core.api.resolution import suited
from tinyml_core.config import CompileSection, Project
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Rounding
from tinyml_core.pipeline.accuracy import predictions, share_correct
from tinyml_core.pipeline.build_description import ReportOptions, describe_folder
from tinyml_core.pipeline.build_report import REPORT_FILE
from tinyml_core.pipeline.compilation import CompileOptions, choose_toolchain, compile_into
from tinyml_core.pipeline.curves import curve
from tinyml_core.pipeline.execution import run_folder
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.pipeline.quantisation_error import quantisation_errors
from tinyml_core.pipeline.search_journal import BuildJournals, search_fingerprint
from tinyml_core.pipeline.searching import check_choices, pose, prepare_evaluator, run_search, search_report
from tinyml_core.pipeline.stages import Stages
from tinyml_core.pipeline.staging import staged

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


@dataclass(frozen=True, eq=False)
class Built:
    """A finished build: the output folder and the object that ``--json`` prints."""

    folder: Path
    report: Mapping[str, Any]


def build_project(project: Project, out: Path, platform: Platform) -> Built:
    """Search, train, quantise, compile, verify and report.

    Everything that can fail cheaply (names, options, compiler, output folder) fails before anything dear begins. What
    the searches have paid for is kept beside ``out`` until the build is finished: one that was killed continues.

    Raises:
        TinyMLError: the first step that cannot be done, by name.
    """
    profile = platform.target(project.target)
    toolchain, toolchain_options = _toolchain(project.compile)
    choose_toolchain(platform, toolchain or profile.tools.toolchain, toolchain_options)
    reporters = [platform.create(Reporter, one.name, one.options, "reporters.options") for one in project.reporters]
    trainer = platform.create(Evaluator, project.training.name, project.training.options, "training.options")
    quantizer = platform.create(Quantizer, project.quantizer.name, project.quantizer.options, "quantizer.options")
    check_choices(project, platform)
    stages, chosen, journals = Stages(platform.emit), project.search, BuildJournals(out, platform)
    with staged(out) as folder:
        with stages.stage("data") as stage:
            source = platform.create(DatasetSource, project.dataset.name, project.dataset.options, "dataset.options")
            data = source.load(project.seed)
            stage.result = _describe(data)
        problem = pose(project, data, profile, platform)
        curves = prepare_evaluator(project, problem, data, platform, stages)
        with stages.stage("search", chosen.evaluations) as stage:
            with journals.keep("search", search_fingerprint(project, chosen.strategy, problem.samples)) as journal:
                found = run_search(
                    problem, project, chosen.strategy, platform, platform.emit, journal=journal, resume=True
                )
            stage.result = f"{found.costed} costed, {found.evaluated} evaluated, best {found.best.accuracy:.4f}"
        baseline = None
        if chosen.baseline is not None:
            with stages.stage("baseline", chosen.evaluations) as stage:
                with journals.keep(
                    "baseline", search_fingerprint(project, chosen.baseline, problem.samples)
                ) as journal:
                    baseline = run_search(
                        problem, project, chosen.baseline, platform, platform.emit, journal=journal, resume=True
                    )
                stage.result = f"{chosen.baseline.name}: best {baseline.best.accuracy:.4f}"
        with stages.stage("train") as stage:
            best = problem.graph_of(found.best.candidate)
            data = suited(data, best)  # from here on the images have the resolution that the search chose
            evaluation = trainer.evaluate(best, data, project.seed)
            if evaluation.graph is None:
                raise UnsupportedError(
                    f"evaluator {project.training.name!r} judges networks but does not train them",
                    place="training", remedy="choose one that trains, such as 'training'",
                )  # fmt: skip
            curves += curve("loss of the network's training", evaluation.losses)
            stage.result = f"validation accuracy {evaluation.accuracy:.4f}"
        with stages.stage("quantise") as stage:
            trained = apply_passes(evaluation.graph, platform, project.compile.without)
            integer = quantizer.quantize(trained, data, project.seed)
            stage.result = f"int8, {integer.constant_bytes} bytes of constants"
        with stages.stage("compile") as stage:
            compiled = compile_into(folder, integer, profile, compile_options(project.compile), platform)
            stage.result = compiled.manifest.compiler
        with stages.stage("verify", 3 * len(data.test)) as stage:
            images = {integer.inputs[0]: _batch(data.test, integer)}
            quantisation_errors(trained, compiled.program.graph, images).write(folder)
            accuracy = {
                "float": share_correct(predictions(trained, data.test, stage.advance), data.test),
                "int8": share_correct(predictions(integer, data.test, stage.advance), data.test),
            }
            execution = run_folder(folder, images, platform, advance=stage.advance)
            (outputs,) = execution.outputs.values()
            accuracy["emulated"] = share_correct(outputs.reshape(len(data.test), -1).argmax(axis=1), data.test)
            stage.result = f"accuracy {accuracy['emulated']:.4f} on {len(data.test)} images, " + (
                "bit-exact" if execution.exact else f"{execution.differing_bytes} bytes differ"
            )
        report = {
            "name": project.name, "version": tinyml_core.__version__, "seed": project.seed,
            "dataset": {"name": data.name, "train": len(data.train), "validation": len(data.validation),
                        "test": len(data.test), "classes": len(data.classes)},
            "limits": dict(chosen.limits),
            "search": search_report(found, chosen.strategy.name, problem.objectives),
            "baseline": search_report(baseline, chosen.baseline.name, problem.objectives)
            if baseline and chosen.baseline else None,
            "accuracy": accuracy, "parameters": integer.parameters, "curves": curves,
            **execution.report(),
            "out": str(out), "stages": stages.report(),
            "plugins": [{"name": each.name, "distribution": each.distribution, "version": each.version}
                        for each in platform.describe() if each.status == "LOADED"],
        }  # fmt: skip
        (folder / REPORT_FILE).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        described = describe_folder(folder, platform, ReportOptions(), title=str(out)) if reporters else {}
        for reporter in reporters:
            reporter.write({"version": tinyml_core.__version__, "builds": [described]}, folder)
    journals.remove()
    return Built(out, report)


def _toolchain(section: CompileSection) -> tuple[str | None, Mapping[str, Any]]:
    return (section.toolchain.name, section.toolchain.options) if section.toolchain else (None, {})


def compile_options(section: CompileSection) -> CompileOptions:
    """The options of a project's compile section."""
    name, options = _toolchain(section)
    return CompileOptions(
        generator=section.generator.name, generator_options=section.generator.options,
        kernels=section.kernels, toolchain=name,
        toolchain_options=options, runner=section.runner.name, objective=section.objective, sram=section.sram,
        input_mode=section.input_mode,
        rounding=Rounding(section.rounding) if section.rounding else None, region=section.region,
        prefix=section.prefix, without=section.without,
    )  # fmt: skip


def _batch(split: Split, graph: Graph) -> np.ndarray[Any, np.dtype[np.float32]]:
    return split.x.reshape(len(split), *graph.tensors[graph.inputs[0]].shape[1:])


def _describe(data: Dataset) -> str:
    return (
        f"{data.name}: {len(data.train)} training, {len(data.validation)} validation, {len(data.test)} test samples, "
        f"{len(data.classes)} classes"
    )
