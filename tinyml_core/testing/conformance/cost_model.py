"""Checks of cost models: what limits, objectives and reports make of a cost."""

from __future__ import annotations

import math

from tinyml_core.api.cost_model import Cost, CostModel
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.testing.conformance.check import Check, NotApplicable, require
from tinyml_core.testing.conformance.samples.machine import profiles
from tinyml_core.testing.conformance.samples.networks import chain, residual
from tinyml_core.testing.conformance.subject import Subject

UNITS: dict[str, tuple[str, ...]] = {
    "macs": ("1",), "parameters": ("1",), "instructions": ("1", "instruction"), "cycles": ("cycle",),
    "milliseconds": ("ms", "millisecond"), "microseconds": ("us", "microsecond"),
    "microjoules": ("uJ", "microjoule"), "millijoules": ("mJ", "millijoule"),
}  # fmt: skip
"""Units of the quantities everybody shares; those that end in ``_bytes`` are in bytes."""
ADDITIVE = frozenset(UNITS)
"""Quantities that are sums over layers: memory is not, because layers take turns in it."""
TOLERANCE = 0.02
"""Relative difference of what equal layers add; where a layer stands may matter a little."""


def tells_each_quantity_once(subject: Subject) -> None:
    """An estimate has one finite cost for each of its quantities, and no other."""
    (costs,) = _costs(subject, residual())
    told = [cost.quantity for cost in costs]
    quantities = tuple(subject.make(CostModel).quantities)
    require(quantities, "it has no quantities")
    require(sorted(told) == sorted(quantities), f"it tells {', '.join(told)} and promises {', '.join(quantities)}")


def costs_are_not_negative(subject: Subject) -> None:
    """Every cost is a finite number and not negative, nor are its bounds, which hold it between them."""
    (costs,) = _costs(subject, residual())
    for cost in costs:
        numbers = (cost.low, cost.value, cost.high)
        require(all(map(math.isfinite, numbers)), f"{cost.quantity} is {numbers}")
        require(0 <= cost.low <= cost.value <= cost.high, f"{cost.quantity}: low, value and high are {numbers}")


def units_are_those_of_the_quantities(subject: Subject) -> None:
    """Quantities that other models tell too have the same unit here, and bytes are bytes."""
    (costs,) = _costs(subject, residual())
    for cost in costs:
        known = ("byte",) if cost.quantity.endswith("_bytes") else UNITS.get(cost.quantity)
        fits = cost.unit in known if known else bool(cost.unit.strip())
        require(fits, f"{cost.quantity} is in {cost.unit!r}, not {' or '.join(known or ('a named unit',))}")


def costs_never_fall_with_another_operator(subject: Subject) -> None:
    """A network with one more layer, or with wider ones, costs at least as much of everything."""
    one, two, three, wide = _values(subject, chain(1), chain(2), chain(3), chain(2, width=16))
    for less, more in ((one, two), (two, three), (two, wide)):
        fallen = [quantity for quantity in less if more[quantity] < less[quantity]]
        require(not fallen, f"{', '.join(fallen)} falls: {[(less[each], more[each]) for each in fallen]}")


def equal_layers_cost_alike(subject: Subject) -> None:
    """What adds up over layers (cycles, energy, multiply-accumulates) grows by the same with each equal layer."""
    two, three, four = _values(subject, *(chain(layers) for layers in (2, 3, 4)))
    additive = [quantity for quantity in two if quantity in ADDITIVE]
    if not additive:
        raise NotApplicable("it tells no quantity that adds up over layers")
    for quantity in additive:
        first, second = three[quantity] - two[quantity], four[quantity] - three[quantity]
        alike = math.isclose(first, second, rel_tol=TOLERANCE, abs_tol=1e-9)
        require(alike, f"the third layer adds {first:g} {quantity}, an equal fourth {second:g}")


def answer(subject: Subject) -> object:
    """The costs of a small network."""
    return _costs(subject, residual())


def _values(subject: Subject, *graphs: Graph) -> list[dict[str, float]]:
    return [{cost.quantity: cost.value for cost in costs} for costs in _costs(subject, *graphs)]


def _costs(subject: Subject, *graphs: Graph) -> list[tuple[Cost, ...]]:
    """Its estimates for the first target that it knows."""
    model, refusals = subject.make(CostModel), []
    for profile in profiles(subject):
        try:
            return [tuple(model.estimate(graph, profile, subject.platform)) for graph in graphs]
        except UnsupportedError as error:
            refusals.append(str(error))
    raise NotApplicable(f"it knows none of the installed targets: {refusals[0] if refusals else 'there are none'}")


CHECKS = (
    Check(tells_each_quantity_once),
    Check(costs_are_not_negative),
    Check(units_are_those_of_the_quantities),
    Check(costs_never_fall_with_another_operator),
    Check(equal_layers_cost_alike),
)
"""Those of a cost model."""
