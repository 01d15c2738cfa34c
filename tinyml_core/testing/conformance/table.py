"""The table of all checks: those of every plugin, those of every component, and those of each kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tinyml_core.testing.conformance import (
    code_generator,
    component_checks,
    cost_model,
    dataset,
    evaluator,
    executor,
    fine_tuner,
    graph_pass,
    hardware_profile,
    importer,
    kernel,
    plugin_checks,
    project_writer,
    quantizer,
    reporter,
    runner,
    search_space,
    search_strategy,
    toolchain,
    training_optimizer,
    update_selector,
)
from tinyml_core.testing.conformance.answers import ANSWERS
from tinyml_core.testing.conformance.check import Check

OF_PLUGINS = plugin_checks.CHECKS
"""Checks of a plugin as a whole."""
OF_COMPONENTS, SAME_ANSWER = component_checks.CHECKS, component_checks.SAME_ANSWER
"""Checks of a component of any kind, and one of those kinds that have a quick answer."""
OF_KINDS: Mapping[str, tuple[Check, ...]] = {
    "hardware-profile": hardware_profile.CHECKS,
    "search-strategy": search_strategy.CHECKS,
    "cost-model": cost_model.CHECKS,
    "code-generator": code_generator.CHECKS,
    "training-optimizer": training_optimizer.CHECKS,
    "search-space": search_space.CHECKS,
    "evaluator": evaluator.CHECKS,
    "importer": importer.CHECKS,
    "pass": graph_pass.CHECKS,
    "quantizer": quantizer.CHECKS,
    "kernel": kernel.CHECKS,
    "toolchain": toolchain.CHECKS,
    "runner": runner.CHECKS,
    "update-selector": update_selector.CHECKS,
    "fine-tuner": fine_tuner.CHECKS,
    "dataset": dataset.CHECKS,
    "executor": executor.CHECKS,
    "reporter": reporter.CHECKS,
    "project-writer": project_writer.CHECKS,
}
"""Checks of each kind in :data:`tinyml_core.kinds.KINDS`."""


def checks_of(kind: str) -> tuple[Check, ...]:
    """Everything that is asked of a component of ``kind``."""
    return (*OF_COMPONENTS, *([SAME_ANSWER] if kind in ANSWERS else []), *OF_KINDS[kind])


def every_check() -> Iterator[tuple[str, Check]]:
    """All rows, each with the kind it is of, or ``plugin`` or ``component``."""
    yield from (("plugin", check) for check in OF_PLUGINS)
    yield from (("component", check) for check in (*OF_COMPONENTS, SAME_ANSWER))
    yield from ((kind, check) for kind, checks in OF_KINDS.items() for check in checks)
