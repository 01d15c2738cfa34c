"""Project writers: what puts generated sources into an ecosystem's project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tinyml_core.api.generator import GeneratedCode
from tinyml_core.hardware.profile import HardwareProfile


@dataclass(frozen=True)
class CompiledNetwork:
    """A compiled network, and what the files of a project have to say about it.

    ``name`` is the network's own, chosen by whoever wrote the model: any text, so it never reaches a file unescaped.
    ``prefix`` is a C identifier of at most 48 characters that starts every public C name. The arena lies in ``region``
    of ``profile``; sizes are bytes, and ``stack`` is what the linker keeps for the stack.
    """

    name: str
    prefix: str
    profile: HardwareProfile
    region: str
    stack: int
    arena_bytes: int
    arena_alignment: int
    code: GeneratedCode


@runtime_checkable
class ProjectWriter(Protocol):
    """Writes the files of a project."""

    @property
    def beside(self) -> bool:
        """Whether the files lie beside the generated sources, and so in every compiled folder.

        Otherwise they are a project of their own, with the generated sources among them, that ``tinyml package`` makes.
        """
        ...

    def write(self, network: CompiledNetwork) -> Mapping[str, str | bytes]:
        """Path to content, byte-identical for equal networks; folders in a path are separated by ``/``.

        Raises:
            InputError: the network cannot be packaged so; says what to do.
        """
        ...
