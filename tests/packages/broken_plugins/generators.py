"""The bundled generator and a sound kernel, and what violates a check of generators and of kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from broken_plugins.mutant import mutants
from tinyml_core.arithmetic.lowering import lower
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.operators import Clamp
from tinyml_core.graph.tensor import DType
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.generator import TinyEngine


@dataclass(frozen=True, kw_only=True)
class Indebted(TinyEngine):
    def candidates(self, node, graph, profile):
        return [replace(each, flash=-1) for each in super().candidates(node, graph, profile)]


@dataclass(frozen=True, kw_only=True)
class Abrupt(TinyEngine):
    def candidates(self, node, graph, profile):
        try:
            return super().candidates(node, graph, profile)
        except UnsupportedError as error:
            raise UnsupportedError("no") if node.op.kind == "enigma" else error from None


def _with(code, **texts):
    return replace(code, files={**code.files, **texts})


@dataclass(frozen=True, kw_only=True)
class Spacious(TinyEngine):
    def generate(self, program, prefix, step=None):
        return _with(super().generate(program, prefix, step), **{"read me.h": ""})


@dataclass(frozen=True, kw_only=True)
class Careless(TinyEngine):
    def generate(self, program, prefix, step=None):
        code = super().generate(program, prefix, step)
        name = code.library[0]
        return _with(code, **{name: code.files[name] + "\nstatic int unused(void)\n{\n    return 1;\n}\n"})


@dataclass(frozen=True, kw_only=True)
class Overflowing(TinyEngine):
    def generate(self, program, prefix, step=None):
        code = super().generate(program, prefix, step)
        name, beyond = code.library[0], program.arena_bytes
        head, found, tail = code.files[name].rpartition("    return 0;")
        assert found
        return _with(code, **{name: f"{head}    ((uint8_t *)arena)[{beyond}] = 0;\n{found}{tail}"})


@dataclass(frozen=True)
class Limiting:
    """Sound: clamps that keep their scale, an element at a time."""

    generator: str = field(default="tinyengine", init=False)
    files: Mapping[str, str] = field(default_factory=dict, init=False)
    name: str = field(default="broken-0", init=False)

    def candidates(self, node, graph, profile):
        tensors = [*graph.inputs_of(node), *graph.outputs_of(node)]
        fits = isinstance(node.op, Clamp) and all(tensor.dtype is DType.INT8 for tensor in tensors)
        if not fits or tensors[0].quantization != tensors[1].quantization:
            return []
        return [Schedule(kernel=self.name, cycles=9.0 * tensors[1].elements)]

    def emit(self, layer):
        limits = lower(layer.node, layer.graph).requantisation
        low, high = limits.low, limits.high
        value = f"from[i] < {low} ? {low} : from[i] > {high} ? {high} : from[i]"
        return (
            f"    const int8_t *from = {layer.source()};\n    int8_t *to = {layer.target()};\n\n"
            f"    for (int32_t i = 0; i < {layer.output.elements}; ++i) {{\n"
            f"        to[i] = (int8_t)(({value}){self.twist});\n    }}\n"
        )

    twist = ""


@dataclass(frozen=True)
class Homeless(Limiting):
    generator: str = field(default="enigma", init=False)


@dataclass(frozen=True)
class Costless(Limiting):
    name: str = field(default="broken-1", init=False)

    def candidates(self, node, graph, profile):
        return [replace(each, flash=-1) for each in super().candidates(node, graph, profile)]


@dataclass(frozen=True)
class Wrong(Limiting):
    name: str = field(default="broken-2", init=False)
    twist = " ^ 1"


MUTANTS = mutants(
    "code-generator",
    {
        "schedules-are-well-formed": Indebted,
        "refuses-an-operator-it-has-no-kernel-for": Abrupt,
        "files-are-plain": Spacious,
        "compiles-without-a-warning": Careless,
        "equals-the-reference-within-its-plan": Overflowing,
    },
    graphs=2,
) + mutants(
    "kernel",
    {
        "its-generator-takes-kernels": Homeless,
        "offers-what-it-can": Costless,
        "equals-the-reference-in-its-generator": Wrong,
    },
    graphs=4,
)
