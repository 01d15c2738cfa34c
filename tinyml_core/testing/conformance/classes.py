"""Classes for pytest: subclass one in a plugin's tests, say which component it is, and every check is a test.

    class TestAm33(HardwareConformance):
        component = "acme:acme-am33"

A check that must not run here is overridden: ``def test_restarts_from_its_journal(self): ...``. What a component needs
besides its defaults (the path of a dataset, a model file to import) are attributes of the class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

from tinyml_core.platform import Platform
from tinyml_core.testing.conformance.check import Check
from tinyml_core.testing.conformance.subject import Subject
from tinyml_core.testing.conformance.table import OF_PLUGINS, checks_of


class Conformance:
    """Everything that is asked of a component of one kind, and of the plugin that brings it."""

    kind: ClassVar[str] = ""
    component: ClassVar[str] = ""
    """Its name, or ``plugin:name``."""
    options: ClassVar[Mapping[str, object]] = {}
    """Options to make it with, where its defaults will not do."""
    example: ClassVar[Any] = None
    """Something real to work on: an importer's model file, a reporter's report."""
    target: ClassVar[str] = ""
    """Hardware profile to generate code for, where the kit should not choose."""
    graphs: ClassVar[int] = 20
    """Random networks that a generator, a kernel or a pass is tried on."""

    def __init_subclass__(cls, kind: str = "") -> None:
        super().__init_subclass__()
        if kind:
            cls.kind = kind
            for check in (*OF_PLUGINS, *checks_of(kind)):
                setattr(cls, f"test_{check.run.__name__}", _test(check))

    def platform(self) -> Platform:
        """The installed plugins; override it to try a plugin that is an object."""
        return _installed()

    def subject(self) -> Subject:
        """The component, as the checks take it."""
        platform = self.platform()
        claim = platform.registry.find(self.kind, self.component)
        return Subject(
            platform=platform, plugin=claim.plugin, claim=claim, options=self.options, example=self.example,
            target=self.target, graphs=self.graphs,
        )  # fmt: skip


@cache
def _installed() -> Platform:
    return Platform()


def _test(check: Check) -> Callable[[Conformance], None]:
    def test(self: Conformance) -> None:
        check.run(self.subject())

    test.__name__, test.__doc__ = f"test_{check.run.__name__}", check.demand
    return test


class HardwareConformance(Conformance, kind="hardware-profile"):
    """Of hardware profiles."""


class SearchStrategyConformance(Conformance, kind="search-strategy"):
    """Of search strategies."""


class CostModelConformance(Conformance, kind="cost-model"):
    """Of cost models."""


class CodeGeneratorConformance(Conformance, kind="code-generator"):
    """Of code generators; compiles and runs ``graphs`` random networks."""


class TrainingOptimizerConformance(Conformance, kind="training-optimizer"):
    """Of training optimizers."""


class SearchSpaceConformance(Conformance, kind="search-space"):
    """Of search spaces."""


class EvaluatorConformance(Conformance, kind="evaluator"):
    """Of evaluators; ``options`` should make training short."""


class ImporterConformance(Conformance, kind="importer"):
    """Of importers; ``example`` is the path of a model file."""


class PassConformance(Conformance, kind="pass"):
    """Of passes."""


class QuantizerConformance(Conformance, kind="quantizer"):
    """Of quantizers."""


class KernelConformance(Conformance, kind="kernel"):
    """Of kernels for another plugin's generator."""


class ToolchainConformance(Conformance, kind="toolchain"):
    """Of toolchains."""


class RunnerConformance(Conformance, kind="runner"):
    """Of runners."""


class UpdateSelectorConformance(Conformance, kind="update-selector"):
    """Of update selectors."""


class FineTunerConformance(Conformance, kind="fine-tuner"):
    """Of fine-tuners."""


class DatasetConformance(Conformance, kind="dataset"):
    """Of datasets; ``options`` say where the data lies."""


class ExecutorConformance(Conformance, kind="executor"):
    """Of executors."""


class ReporterConformance(Conformance, kind="reporter"):
    """Of reporters; ``example`` may be a report of your own."""


class ProjectWriterConformance(Conformance, kind="project-writer"):
    """Of project writers."""
