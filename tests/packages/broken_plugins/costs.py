"""A sound cost model, and what violates a check of cost models."""

from __future__ import annotations

from dataclasses import dataclass, replace

from broken_plugins.mutant import mutants
from tinyml_core.api.cost_model import Cost


@dataclass(frozen=True)
class Counted:
    """Sound: multiply-accumulates, and two cycles for each and ten for each layer."""

    quantities = ("macs", "cycles")

    def estimate(self, graph, profile, platform):
        cycles = float(self.cycles(graph))
        return (
            Cost("macs", graph.macs, "1", "exact", graph.macs, graph.macs),
            self.told(Cost("cycles", cycles, "cycle", "estimated", cycles / 2, cycles * 2)),
        )

    def cycles(self, graph):
        return 2 * graph.macs + 10 * len(graph.nodes)

    def told(self, cost):
        return cost


class Promising(Counted):
    quantities = ("macs", "cycles", "parameters")


class Unbounded(Counted):
    def told(self, cost):
        return replace(cost, low=cost.value + 1)


class Timing(Counted):
    def told(self, cost):
        return replace(cost, unit="us")


class Falling(Counted):
    def cycles(self, graph):
        return 1e6 - 100 * len(graph.nodes)


class Square(Counted):
    def cycles(self, graph):
        return graph.macs * len(graph.nodes)


MUTANTS = mutants(
    "cost-model",
    {
        "tells-each-quantity-once": Promising,
        "costs-are-not-negative": Unbounded,
        "units-are-those-of-the-quantities": Timing,
        "costs-never-fall-with-another-operator": Falling,
        "equal-layers-cost-alike": Square,
    },
)
