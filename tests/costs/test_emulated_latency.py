"""The cost model ``emulated-latency``, with the shipped tables and the generator that is there."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costed_networks import network
from tinyml_core.api.cost_model import CalibratedCostModel, CostModel
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.graph import Rounding
from tinyml_plugins.costs.table import shipped_table

CORES = {"cortex-m4": "stm32l4r5", "cortex-m7": "stm32f746", "cortex-m33": "stm32u575"}
LAYERS = st.lists(st.sampled_from([0, 4, 8, 16]), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(LAYERS, st.sampled_from([0, 4, 8]))
def test_costs_never_fall_when_an_operator_is_added(costs_of, layers, more):
    shorter, longer = costs_of(network(layers)), costs_of(network([*layers, more]))
    for quantity, cost in shorter.items():
        assert 0 < cost.low <= cost.value <= cost.high
        assert longer[quantity].value > cost.value
        assert longer[quantity].high > cost.high


@pytest.mark.parametrize("layers", [[8, 16, 0], [4, 0, 8, 0]])
def test_placeholders_cost_what_weights_cost(costs_of, layers):
    assert costs_of(network(layers, head=True)) == costs_of(network(layers, head=True, seed=5))


def test_the_same_layer_costs_the_same_wherever_it_stands(costs_of):
    once, twice, thrice = (costs_of(network([8, 0, *[0] * more]))["cycles"] for more in range(3))
    assert twice.value - once.value == pytest.approx(thrice.value - twice.value)
    assert twice.high - once.high == pytest.approx(thrice.high - twice.high)


def test_units_fit_together(platform, costs_of):
    found, profile = costs_of(network([8, 0])), platform.target("stm32f746")
    assert [cost.unit for cost in found.values()] == ["instruction", "cycle", "millisecond"]
    assert all(cost.basis == "estimated" for cost in found.values())
    assert found["milliseconds"].value == pytest.approx(found["cycles"].value / profile.clock_hz * 1e3)
    assert found["milliseconds"].high > found["cycles"].high / profile.clock_hz * 1e3  # wait states


@pytest.mark.parametrize("core", CORES)
def test_every_core_has_a_table_with_its_provenance(core):
    table = shipped_table(core, "zig")
    assert table.core == core
    assert table.toolchain == "zig"
    assert table.compiler.startswith("zig cc ")
    assert table.timing.startswith("m")
    assert table.samples > 500
    assert len(table.kernels) == 16
    assert table.date >= "2026"


@pytest.mark.parametrize("core", CORES)
def test_shipped_tables_know_the_kernels_there_are(platform, core):
    """A warning, not an error: figures are off until someone measures again, but nothing breaks."""
    model = platform.create(CostModel, "emulated-latency")
    if (reason := model.stale(platform.target(CORES[core]), platform)) is not None:
        assert "calibrate-costs" in reason
        warnings.warn(reason, stacklevel=1)


@pytest.fixture
def table_file(tmp_path):
    """Writes a table that differs from the shipped one of the Cortex-M7."""

    def write(**changes):
        path = tmp_path / "table.json"
        path.write_text(json.dumps(shipped_table("cortex-m7", "zig").model_dump(mode="json") | changes))
        return str(path)

    return write


def test_a_table_of_other_kernels_is_named_and_used(platform, table_file, costs_of, caplog):
    graph, file = network([8]), table_file(kernels="0123456789abcdef", date="2020-02-20")
    stale = costs_of(graph, table=file)
    assert "2020-02-20" in caplog.text
    assert "0123456789abcdef" in caplog.text
    assert "tinyml calibrate-costs --core cortex-m7 --toolchain zig" in caplog.text
    assert stale == costs_of(graph)


def test_what_was_not_measured_has_the_kernels_estimate_and_a_wide_interval(costs_of, table_file):
    graph, file = network([8, 0]), table_file(families={})
    found = costs_of(graph, table=file)["cycles"]
    assert found.value == pytest.approx(costs_of(graph, name="analytic")["cycles"].value)
    assert (found.low, found.high) == pytest.approx((0.5 * found.value, 1.5 * found.value))


def test_rates_add_up_to_the_cost(costs_of, table_file):
    graph = network([8])
    families = shipped_table("cortex-m7", "zig").model_dump(mode="json")["families"]
    for family in families.values():
        family["cycles"] = {"per": {"call": 3.0, "outputs": 2.0}, "error": 0.25}
    found = costs_of(graph, table=table_file(families=families))["cycles"]
    assert (found.value, found.low, found.high) == (3 + 2 * 512, 0.75 * 1027, 1.25 * 1027)


def test_rounding_makes_a_difference(costs_of):
    graph = network([8, 16])
    exact = replace(graph, rounding=Rounding.TFLITE)
    assert costs_of(exact)["instructions"].value > costs_of(graph)["instructions"].value


def test_a_core_without_a_table_is_named(costs_of, platform):
    profile = replace(platform.target("stm32f746"), core="cortex-m55")
    with pytest.raises(UnsupportedError, match=r"cortex-m55.*calibrate-costs --core cortex-m55"):
        platform.create(CostModel, "emulated-latency").estimate(network([8]), profile, platform)


def test_a_table_of_another_core_is_refused(costs_of, table_file):
    with pytest.raises(InputError, match="on cortex-m7, not of tinyengine on cortex-m4"):
        costs_of(network([8]), target="stm32l4r5", table=table_file())


@pytest.mark.parametrize(
    ("content", "told"),
    [("{}", "core: Field required"), ("[]", "object"), ("{", "JSON"), (None, "does not exist")],
)
def test_a_file_that_is_no_table_is_refused(costs_of, tmp_path, content, told):
    path = tmp_path / f"wrong{len(content or '')}{told[0]}.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=told):
        costs_of(network([8]), table=str(path))


def test_negative_rates_are_refused(costs_of, table_file):
    families = shipped_table("cortex-m7", "zig").model_dump(mode="json")["families"]
    next(iter(families.values()))["cycles"]["per"] = {"call": -1.0}
    with pytest.raises(InputError, match="greater than or equal to 0"):
        costs_of(network([8]), table=table_file(families=families))


def test_it_can_be_calibrated(platform):
    assert isinstance(platform.create(CostModel, "emulated-latency"), CalibratedCostModel)
    assert not isinstance(platform.create(CostModel, "analytic"), CalibratedCostModel)
