"""Answers: what a component of each kind says to one question with one seed, to be asked twice and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tinyml_core.testing.conformance import (
    code_generator,
    cost_model,
    dataset,
    hardware_profile,
    project_writer,
    search_space,
    search_strategy,
    training_optimizer,
)
from tinyml_core.testing.conformance.subject import Subject

ANSWERS: Mapping[str, Callable[[Subject], object]] = {
    "hardware-profile": hardware_profile.answer,
    "search-strategy": search_strategy.answer,
    "cost-model": cost_model.answer,
    "code-generator": code_generator.answer,
    "training-optimizer": training_optimizer.answer,
    "search-space": search_space.answer,
    "dataset": dataset.answer,
    "project-writer": project_writer.answer,
}
"""Kinds with a quick answer; checks of the others compare two slow ones themselves where it matters."""
