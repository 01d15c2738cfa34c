"""Kernels of other plugins: how the generator is given them, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tinyml_core import Platform
from tinyml_core.api.generator import CodeGenerator
from tinyml_core.component import Component
from tinyml_core.errors import InputError, PluginError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Clamp, Softmax
from tinyml_core.hardware import Tools
from tinyml_core.hookspecs import hookimpl
from tinyml_core.pipeline.generation import generator_for
from tinyml_core.pipeline.tuning_cache import generator_version
from tinyml_core.program.planner import plan
from tinyml_core.program.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Odd:
    """A kernel that takes everything."""

    generator: str = "tinyengine"
    schedule: str = "odd"
    rows: bool = False
    files: dict = field(default_factory=lambda: {"odd.h": "#define ODD 1\n"}, hash=False)

    def candidates(self, node, graph, profile):
        return [Schedule(kernel=self.schedule, cycles=0.5, rows=self.rows)]

    def emit(self, layer):
        return f"    (void){layer.source()}; (void){layer.target()};\n"


class Plain:
    """A generator that takes no kernels."""

    def candidates(self, node, graph, profile):
        return [Schedule(kernel="plain", cycles=1.0)]

    def generate(self, program, prefix, step=None):
        raise NotImplementedError


class Vendor:
    @staticmethod
    @hookimpl
    def tinyml_kernels():
        return [Component("odd", Odd, "takes everything"), Component("lookup", Odd, "the name of a bundled one")]

    @staticmethod
    @hookimpl
    def tinyml_code_generators():
        return [Component("plain", Plain, "takes no kernels")]


@pytest.fixture(scope="module")
def platform():
    return Platform(plugins=[Vendor])


@pytest.fixture(scope="module")
def part(platform):
    return platform.target("stm32f746")


def graph(op=None, dtype=DType.INT8):
    b = GraphBuilder("g")
    q = Quantization.per_tensor(0.1) if dtype is DType.INT8 else None
    x = b.input("x", (1, 8), dtype, q)
    return b.build([b.node(op or Clamp(activation=(0.0, 1.0)), [x], quantization=q)])


def kernels_of(generator, network, part):
    return [schedule.kernel for schedule in generator.candidates(network.nodes[0], network, part)]


def test_the_planner_chooses_among_all_of_them(platform, part):
    generator, network = generator_for(platform, part, kernels=["odd"]), graph()
    assert kernels_of(generator, network, part)[-1] == "odd"
    program = plan(network, part, lambda node: generator.candidates(node, network, part))
    code = generator.generate(program, "net")
    assert [step.schedule.kernel for step in program.steps] == ["odd"]
    assert '#include "odd.h"' in code.files["net.c"]
    assert code.files["odd.h"] == "#define ODD 1\n"


def test_headers_of_kernels_that_are_not_used_stay_away(platform, part):
    generator, network = generator_for(platform, part, kernels=["odd"]), graph()
    bundled = platform.create(CodeGenerator, "tinyengine")
    program = plan(network, part, lambda node: bundled.candidates(node, network, part))
    assert generator.generate(program, "net").files == bundled.generate(program, "net").files


def test_a_kernel_may_know_what_the_generator_does_not(platform, part):
    network = graph(Softmax())  # whose output has a scale that the arithmetic does not define
    assert kernels_of(generator_for(platform, part, kernels=["odd"]), network, part) == ["odd"]


def test_a_target_names_the_kernels_of_its_own_generator(platform, part):
    own = replace(part, tools=Tools(kernels=("odd",)))
    assert list(generator_for(platform, own).kernels) == ["odd"]
    assert list(generator_for(platform, own, kernels=["odd"]).kernels) == ["odd"]
    assert isinstance(generator_for(platform, own, "plain"), Plain), "they are not for another one"


@pytest.mark.parametrize(
    ("name", "kernels", "said", "error"),
    [
        ("plain", ["odd"], "takes no kernels", InputError),
        (None, ["none"], "none", PluginError),
        (None, ["lookup"], "name of one of the generator's own", PluginError),
    ],
)
def test_what_cannot_be_given_is_refused_by_name(platform, part, name, kernels, said, error):
    with pytest.raises(error, match=said):
        generator_for(platform, part, name, kernels=kernels)


def test_a_kernel_for_another_generator_is_refused(part):
    class Other:
        @staticmethod
        @hookimpl
        def tinyml_kernels():
            return [Component("odd", lambda: Odd(generator="other"), "for another generator")]

    with pytest.raises(InputError, match="is for code generator 'other', not 'tinyengine'"):
        generator_for(Platform(plugins=[Other]), part, kernels=["odd"])


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        (Odd(schedule="lookup"), "a schedule of kernel 'lookup'"),
        (Odd(rows=True), "schedule by row"),
        (Odd(files={"net.h": ""}), "header called 'net.h'"),
        (Odd(files={"tinyml_arithmetic.h": ""}), "header called 'tinyml_arithmetic.h'"),
        (Odd(files={"../odd.h": ""}), "header called '../odd.h'"),
    ],
)
def test_a_kernel_that_breaks_its_contract_is_named(platform, part, kernel, said):
    generator, network = platform.create(CodeGenerator, "tinyengine").with_kernels({"odd": kernel}), graph()
    with pytest.raises(PluginError, match=f"kernel 'odd'.*{said}"):
        program = plan(network, part, lambda node: generator.candidates(node, network, part))
        generator.generate(program, "net")


def test_measurements_are_those_of_the_kernels_too(platform):
    bundled = platform.create(CodeGenerator, "tinyengine")
    versions = {generator_version(bundled.with_kernels(given)) for given in ({}, {"odd": Odd()}, {"strange": Odd()})}
    assert len(versions) == 3
    assert generator_version(bundled) in versions
