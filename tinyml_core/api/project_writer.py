"""Project writers: build files that put generated sources into an ecosystem's project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from tinyml_core.api.generator import GeneratedCode
from tinyml_core.program.program import Program


@runtime_checkable
class ProjectWriter(Protocol):
    """Writes build files."""

    def write(self, code: GeneratedCode, program: Program, stack: int) -> Mapping[str, str]:
        """Further files, name to text, to lie beside the generated sources; ``stack`` bytes are kept for the stack."""
        ...
