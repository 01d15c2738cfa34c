"""Code generators, and the kernels they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.tensor import Tensor
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.program import Program
from tinyml_core.program.schedule import Schedule


@dataclass(frozen=True)
class RowFeed:
    """How a network takes its input row by row.

    The C symbol ``int begin(void *arena)`` starts an inference. Then row y of ``rows``, each of ``row_bytes`` bytes, is
    written to slot y modulo ``slots`` of the input's place in the arena and ``invoke`` called; the last call finishes.
    """

    begin: str
    rows: int
    row_bytes: int
    slots: int


@dataclass(frozen=True, eq=False)
class StepInterface:
    """What the C of a training step offers beside the step itself: prediction, reset, blobs, gradients added up."""

    initial: Mapping[str, npt.NDArray[Any]]
    """First value of everything that the graph's state holds."""
    prediction: str
    """The output that a prediction computes; nothing that leads to it replaces state."""
    trained: tuple[str, ...]
    """The state that a blob holds, in this order."""
    identity: bytes
    """16 bytes that tell for which network and scheme a blob is, see :mod:`tinyml_core.training.blob`."""
    samples: int
    """Samples to an update: a step is called for the last of them."""
    sums: tuple[str, ...]
    """The state that adds up what an update takes the mean of, 0 where the first sample comes."""
    accumulation: tuple[str, ...]
    """The outputs that a sample but for the last computes."""


@dataclass(frozen=True)
class GeneratedCode:
    """C sources of a network, self-contained but for a start-up file and a linker script.

    ``files`` maps a name without folders to its text. ``invoke`` is the C symbol ``int invoke(void *arena)``, called
    once an inference, or once a row where there is a ``feed``; inputs and outputs are read and written in the arena at
    the program's offsets. ``layers`` holds the C function of each step, or "" where a step needs no code. ``library``
    are the sources to link into a firmware; ``example`` is the source with ``main`` and the static arena, whose symbol
    is ``arena``. Where several samples make an update, ``accumulate`` is called for all but the last; ``shipped_bytes``
    is the flash that first values of state take up, in a function that a firmware may leave out.
    """

    files: Mapping[str, str]
    invoke: str
    arena: str
    layers: tuple[str, ...]
    library: tuple[str, ...]
    example: str
    feed: RowFeed | None = None
    accumulate: str = ""
    shipped_bytes: int = 0
    header: str = ""
    """The file that a firmware includes."""
    selftest: str = ""
    """C symbol ``int selftest(void *arena)`` of a known-answer test: 0 where the machine computes what the reference
    does. "" where there is none."""


@runtime_checkable
class CodeGenerator(Protocol):
    """Turns planned programs into C."""

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """Every way this generator can carry out ``node``, at least one.

        Raises:
            UnsupportedError: there is none; the message names node, operator and types.
        """
        ...

    def generate(self, program: Program, prefix: str, step: StepInterface | None = None) -> GeneratedCode:
        """C sources, byte-identical for equal programs; ``prefix`` is a C identifier that starts every public name.

        ``step`` comes with a training step; every other network is generated without.
        """
        ...


class KernelLayer(Protocol):
    """One step of a planned program, as the kernel sees it that writes the step's C function.

    Every expression is C, and holds where ``arena``, a ``uint8_t *``, is in scope. Elements are ``int8_t``,
    ``int16_t``, ``int32_t``, ``int64_t`` or ``float``; a boolean is a ``uint8_t``.
    """

    @property
    def node(self) -> Node:
        """The node to carry out."""
        ...

    @property
    def graph(self) -> Graph:
        """The graph of the node."""
        ...

    @property
    def inputs(self) -> list[Tensor]:
        """What the node reads."""
        ...

    @property
    def output(self) -> Tensor:
        """What the node writes, the first of several."""
        ...

    def source(self, index: int = 0) -> str:
        """Pointer to the first element of an input, in the arena or in flash."""
        ...

    def target(self, index: int = 0) -> str:
        """Pointer to the first element of an output."""
        ...

    def scratch(self, ctype: str) -> str:
        """Pointer, to ``ctype``, to the scratch that the schedule asked for."""
        ...

    def constant(self, role: str, ctype: str, elements: Iterable[str]) -> str:
        """Name of a table in flash with these elements, each a C literal; equal tables are kept once."""
        ...


@runtime_checkable
class Kernel(Protocol):
    """A kernel a vendor adds to a code generator; a target's profile or a user chooses it by name."""

    @property
    def generator(self) -> str:
        """Name of the code generator this kernel is for."""
        ...

    @property
    def files(self) -> Mapping[str, str]:
        """Headers that its code needs, name to text; each is included once before the first layer."""
        ...

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """The ways this kernel can carry out ``node``, whole; empty when it cannot.

        The ``kernel`` of each schedule is the component's name. The code is right on every core; ``cycles`` tell the
        planner on which it is worth having.
        """
        ...

    def emit(self, layer: KernelLayer) -> str:
        """The statements of the layer's function."""
        ...


@runtime_checkable
class ExtensibleGenerator(CodeGenerator, Protocol):
    """A code generator that takes kernels."""

    @property
    def kernels(self) -> Mapping[str, Kernel]:
        """Those it was given, by the name of the component."""
        ...

    def with_kernels(self, kernels: Mapping[str, Kernel]) -> CodeGenerator:
        """An equal generator with ``kernels`` beside its own: the planner chooses among all of them."""
        ...
