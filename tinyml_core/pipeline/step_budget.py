"""The SRAM of training steps, counted by the planner: what selectors of update schemes ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tinyml_core.api.update_selector import StepPlan, UpdateScheme
from tinyml_core.errors import CapacityError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.compilation import STACK_RESERVE, CompileOptions, plan_for
from tinyml_core.pipeline.generation import generator_for
from tinyml_core.pipeline.memory_plan import MemoryPlan
from tinyml_core.program.planner import least_bytes
from tinyml_core.training.step import TrainingStep

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


class PlannedSteps:
    """Satisfies :class:`~tinyml_core.api.update_selector.SramBudget` by building each scheme's step and planning it.

    Args:
        build: the step of a scheme, as it will be compiled.
        made: how ``build`` makes it, in words.
        profile: the target.
        options: how the step will be compiled; ``options.sram`` is the budget, the region's size where absent.
        platform: supplies the code generator.
    """

    def __init__(
        self, build: Callable[[UpdateScheme], TrainingStep], made: str, profile: HardwareProfile,
        options: CompileOptions, platform: Platform,
    ) -> None:  # fmt: skip
        self._build, self._profile, self._options, self._platform = build, profile, options, platform
        self._generator = generator_for(
            platform, profile, options.generator, options.generator_options, options.kernels
        )
        self._plans: dict[UpdateScheme, StepPlan] = {}
        region = profile.region(options.region) if options.region else profile.largest("sram")
        self.bytes = min(options.sram or region.size, region.size)
        self.place = (
            f"{profile.name}, generator {options.generator or profile.tools.generator}, "
            f"objective {options.objective}, {made}"
        )

    def least(self, scheme: UpdateScheme) -> int:
        """The planner's lower bound and the stack reserve."""
        graph = self._build(scheme).whole
        bound = least_bytes(graph, lambda node: self._generator.candidates(node, graph, self._profile))
        return bound + STACK_RESERVE

    def planned(self, scheme: UpdateScheme) -> StepPlan:
        """The arena of the plan and the stack reserve.

        With the objective ``sram`` the plan is that of a step with all of the region, which is the one that will be
        compiled where it fits the budget. Other objectives are planned within the budget.
        """
        if scheme not in self._plans:
            self._plans[scheme] = self._plan(scheme)
        return self._plans[scheme]

    def _plan(self, scheme: UpdateScheme) -> StepPlan:
        options = replace(self._options, sram=None) if self._options.objective == "sram" else self._options
        try:
            program = plan_for(self._build(scheme).whole, self._profile, options, self._platform)
        except CapacityError as error:
            return StepPlan(None, f"{error.place}: {error.problem}")
        return StepPlan(program.arena_bytes + STACK_RESERVE, MemoryPlan.of(program).binding_tensor())
