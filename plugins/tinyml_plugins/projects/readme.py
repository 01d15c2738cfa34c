"""The README of a project: what the network is, how to take it in, and how to call it."""

from __future__ import annotations

from tinyml_core.api.project_writer import CompiledNetwork
from tinyml_plugins.projects.text import package_name, shown_name, shown_target

_README = """\
# {package}

Neural network {name}, compiled by tinyml-core for {target}.
It computes, bit for bit, what the laptop says it does; `{prefix}_check()` asks a known-answer test about that.

| figure | bytes |
|---|---|
| arena, in SRAM | {arena} |
| alignment of the arena | {alignment} |

## How to use it

{guide}

## How to call it

{call}
"""
_CALL = """\
Include `{header}`, which documents every function. The network keeps everything it needs while it runs in one arena
that you give it: {arena} bytes, aligned to {alignment}. It uses no heap and no library but `memcpy`."""
_NO_HEADER = """\
`int {invoke}(void *arena)` runs it in an arena of {arena} bytes, aligned to {alignment}."""


def readme(network: CompiledNetwork, guide: str) -> str:
    """The page, in Markdown; ``guide`` says how to take the project in."""
    facts = {"arena": network.arena_bytes, "alignment": network.arena_alignment, "prefix": network.prefix}
    code = network.code
    call = (_CALL if code.header else _NO_HEADER).format(header=code.header, invoke=code.invoke, **facts)
    return _README.format(
        package=package_name(network), name=shown_name(network), target=shown_target(network), guide=guide.strip(),
        call=call, **facts,
    )  # fmt: skip
