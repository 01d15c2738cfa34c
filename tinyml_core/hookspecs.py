"""The menu: every hook a plugin may implement, one registration hook per kind of thing.

A registration hook takes no argument and returns an iterable of :class:`~tinyml_core.component.Component`. The order
of plugins never matters: things are chosen by name. *First class* hooks are stable; *provisional* ones may change in
a minor version until two independent implementations of their kind exist.

A plugin is one light module named by an entry point in the group ``tinyml_core``::

    from tinyml_core.component import Component
    from tinyml_core.hookspecs import hookimpl

    @hookimpl
    def tinyml_cost_models():
        return [Component("acme-energy", "tinyml_acme.energy:AcmeEnergy", "energy per inference of the Acme parts")]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tinyml_core.api.cost_model import CostModel
    from tinyml_core.api.dataset import DatasetSource
    from tinyml_core.api.evaluator import Evaluator
    from tinyml_core.api.executor import ExecutorFactory
    from tinyml_core.api.fine_tuner import FineTuner
    from tinyml_core.api.generator import CodeGenerator, Kernel
    from tinyml_core.api.graph_pass import GraphPass
    from tinyml_core.api.importer import Importer
    from tinyml_core.api.optimizer import TrainingOptimizer
    from tinyml_core.api.project_writer import ProjectWriter
    from tinyml_core.api.quantizer import Quantizer
    from tinyml_core.api.reporter import Reporter
    from tinyml_core.api.runner import Runner
    from tinyml_core.api.search_space import SearchSpace
    from tinyml_core.api.search_strategy import SearchStrategy
    from tinyml_core.api.toolchain import Toolchain
    from tinyml_core.api.update_selector import UpdateSelector
    from tinyml_core.component import Component
    from tinyml_core.events import Event
    from tinyml_core.hardware.profile import HardwareProfile

hookspec = pluggy.HookspecMarker("tinyml_core")
hookimpl = pluggy.HookimplMarker("tinyml_core")


# First class


@hookspec
def tinyml_hardware_profiles() -> Iterable[Component[HardwareProfile]]:  # type: ignore[empty-body]
    """Return the microcontrollers this plugin knows; ``profiles_from`` reads a package's YAML files."""


@hookspec
def tinyml_search_strategies() -> Iterable[Component[SearchStrategy]]:  # type: ignore[empty-body]
    """Return ways to choose the next candidate network."""


@hookspec
def tinyml_cost_models() -> Iterable[Component[CostModel]]:  # type: ignore[empty-body]
    """Return estimates or measurements of what a graph costs on a microcontroller."""


@hookspec
def tinyml_code_generators() -> Iterable[Component[CodeGenerator]]:  # type: ignore[empty-body]
    """Return translators from a planned program to C sources."""


@hookspec
def tinyml_training_optimizers() -> Iterable[Component[TrainingOptimizer]]:  # type: ignore[empty-body]
    """Return update rules for learning on the device, expressed in operators of the graph."""


# Provisional


@hookspec
def tinyml_search_spaces() -> Iterable[Component[SearchSpace]]:  # type: ignore[empty-body]
    """Return families of networks to search."""


@hookspec
def tinyml_evaluators() -> Iterable[Component[Evaluator]]:  # type: ignore[empty-body]
    """Return ways to tell how accurate a candidate network will be."""


@hookspec
def tinyml_importers() -> Iterable[Component[Importer]]:  # type: ignore[empty-body]
    """Return readers of model files."""


@hookspec
def tinyml_passes() -> Iterable[Component[GraphPass]]:  # type: ignore[empty-body]
    """Return rewritings of the graph that keep its meaning."""


@hookspec
def tinyml_quantizers() -> Iterable[Component[Quantizer]]:  # type: ignore[empty-body]
    """Return ways to turn a float graph into an integer one."""


@hookspec
def tinyml_kernels() -> Iterable[Component[Kernel]]:  # type: ignore[empty-body]
    """Return further kernels for a code generator, which takes them by name."""


@hookspec
def tinyml_toolchains() -> Iterable[Component[Toolchain]]:  # type: ignore[empty-body]
    """Return compilers that turn generated sources into a linked binary."""


@hookspec
def tinyml_runners() -> Iterable[Component[Runner]]:  # type: ignore[empty-body]
    """Return machines, emulated or real, that execute a linked binary."""


@hookspec
def tinyml_update_selectors() -> Iterable[Component[UpdateSelector]]:  # type: ignore[empty-body]
    """Return ways to choose which tensors learn on the device."""


@hookspec
def tinyml_fine_tuners() -> Iterable[Component[FineTuner]]:  # type: ignore[empty-body]
    """Return ways to carry out training steps on this machine, over many samples."""


@hookspec
def tinyml_datasets() -> Iterable[Component[DatasetSource]]:  # type: ignore[empty-body]
    """Return sources of labelled samples."""


@hookspec
def tinyml_executors() -> Iterable[Component[ExecutorFactory]]:  # type: ignore[empty-body]
    """Return factories of ``concurrent.futures.Executor``."""


@hookspec
def tinyml_reporters() -> Iterable[Component[Reporter]]:  # type: ignore[empty-body]
    """Return writers of reports."""


@hookspec
def tinyml_project_writers() -> Iterable[Component[ProjectWriter]]:  # type: ignore[empty-body]
    """Return writers of build files around generated sources."""


# Notification


@hookspec
def tinyml_event(event: Event) -> None:
    """Hear what the platform is doing; called in the parent process only, and dropped for the run once it raises."""
