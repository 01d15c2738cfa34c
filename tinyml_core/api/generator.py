"""Code generators, and the kernels they are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from tinyml_core.graph.graph import Graph, Node
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


@dataclass(frozen=True)
class GeneratedCode:
    """C sources of a network, self-contained but for a start-up file and a linker script.

    ``files`` maps a name without folders to its text. ``invoke`` is the C symbol ``int invoke(void *arena)``, called
    once an inference, or once a row where there is a ``feed``; inputs and outputs are read and written in the arena at
    the program's offsets. ``layers`` holds the C function of each step, or "" where a step needs no code. ``library``
    are the sources to link into a firmware; ``example`` is the source with ``main`` and the static arena, whose symbol
    is ``arena``.
    """

    files: Mapping[str, str]
    invoke: str
    arena: str
    layers: tuple[str, ...]
    library: tuple[str, ...]
    example: str
    feed: RowFeed | None = None


@runtime_checkable
class CodeGenerator(Protocol):
    """Turns planned programs into C."""

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """Every way this generator can carry out ``node``, at least one.

        Raises:
            UnsupportedError: there is none; the message names node, operator and types.
        """
        ...

    def generate(self, program: Program, prefix: str) -> GeneratedCode:
        """C sources, byte-identical for equal programs; ``prefix`` is a C identifier that starts every public name."""
        ...


@runtime_checkable
class Kernel(Protocol):
    """A kernel a vendor adds to a generator that takes them by name; ``generator`` says which."""

    @property
    def generator(self) -> str:
        """Name of the code generator this kernel is for."""
        ...

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """The ways this kernel can carry out ``node``; empty when it cannot."""
        ...

    def emit(self, **context: Any) -> Any:  # noqa: ANN401 - the generator's own types, told in its documentation
        """Source text of one step, in the form the generator documents."""
        ...
