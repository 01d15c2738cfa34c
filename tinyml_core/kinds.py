"""Kinds: the table of what plugins can provide, one row per registration hook.

``name`` is what people type (``tinyml show search-strategy evolution``); ``hook`` is the function in
:mod:`tinyml_core.hookspecs`; ``protocol`` is what a loaded component must satisfy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Kind:
    """One kind of component."""

    name: str
    hook: str
    protocol: str
    tier: Literal["first-class", "provisional"]
    since: str = "0.1"


def _row(name: str, hook: str, protocol: str, tier: Literal["first-class", "provisional"] = "provisional") -> Kind:
    return Kind(name, f"tinyml_{hook}", f"tinyml_core.{protocol}", tier)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _row("hardware-profile", "hardware_profiles", "hardware.profile:HardwareProfile", "first-class"),
        _row("search-strategy", "search_strategies", "api.search_strategy:SearchStrategy", "first-class"),
        _row("cost-model", "cost_models", "api.cost_model:CostModel", "first-class"),
        _row("code-generator", "code_generators", "api.generator:CodeGenerator", "first-class"),
        _row("training-optimizer", "training_optimizers", "api.optimizer:TrainingOptimizer", "first-class"),
        _row("search-space", "search_spaces", "api.search_space:SearchSpace"),
        _row("evaluator", "evaluators", "api.evaluator:Evaluator"),
        _row("importer", "importers", "api.importer:Importer"),
        _row("pass", "passes", "api.graph_pass:GraphPass"),
        _row("quantizer", "quantizers", "api.quantizer:Quantizer"),
        _row("kernel", "kernels", "api.generator:Kernel"),
        _row("toolchain", "toolchains", "api.toolchain:Toolchain"),
        _row("runner", "runners", "api.runner:Runner"),
        _row("update-selector", "update_selectors", "api.update_selector:UpdateSelector"),
        _row("fine-tuner", "fine_tuners", "api.fine_tuner:FineTuner"),
        _row("dataset", "datasets", "api.dataset:DatasetSource"),
        _row("executor", "executors", "api.executor:ExecutorFactory"),
        _row("reporter", "reporters", "api.reporter:Reporter"),
        _row("project-writer", "project_writers", "api.project_writer:ProjectWriter"),
    )
}
