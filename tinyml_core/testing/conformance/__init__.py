"""The conformance kit: what a plugin must do, as checks that pytest, ``tinyml plugins check`` and the docs share.

    from tinyml_core.testing.conformance import SearchStrategyConformance

    class TestHillClimbing(SearchStrategyConformance):
        component = "acme:hill-climbing"

Needs neither pytest nor torch; what a component itself needs may be missing, and then its checks are skipped.
"""

from tinyml_core.testing.conformance.check import Check, Finding, NotApplicable, Violation
from tinyml_core.testing.conformance.classes import (
    CodeGeneratorConformance,
    Conformance,
    CostModelConformance,
    DatasetConformance,
    EvaluatorConformance,
    ExecutorConformance,
    FineTunerConformance,
    HardwareConformance,
    ImporterConformance,
    KernelConformance,
    PassConformance,
    ProjectWriterConformance,
    QuantizerConformance,
    ReporterConformance,
    RunnerConformance,
    SearchSpaceConformance,
    SearchStrategyConformance,
    ToolchainConformance,
    TrainingOptimizerConformance,
    UpdateSelectorConformance,
)
from tinyml_core.testing.conformance.running import check_plugin
from tinyml_core.testing.conformance.subject import Subject
from tinyml_core.testing.conformance.table import every_check

__all__ = [
    "Check",
    "CodeGeneratorConformance",
    "Conformance",
    "CostModelConformance",
    "DatasetConformance",
    "EvaluatorConformance",
    "ExecutorConformance",
    "Finding",
    "FineTunerConformance",
    "HardwareConformance",
    "ImporterConformance",
    "KernelConformance",
    "NotApplicable",
    "PassConformance",
    "ProjectWriterConformance",
    "QuantizerConformance",
    "ReporterConformance",
    "RunnerConformance",
    "SearchSpaceConformance",
    "SearchStrategyConformance",
    "Subject",
    "ToolchainConformance",
    "TrainingOptimizerConformance",
    "UpdateSelectorConformance",
    "Violation",
    "check_plugin",
    "every_check",
]
