"""The C of a project: the generated sources, and a function that asks the known-answer test."""

from __future__ import annotations

from tinyml_core.api.project_writer import CompiledNetwork
from tinyml_plugins.projects.text import shown_name

FLAGS = ("-O3", "-ffp-contract=off")
"""What the sources are compiled with where a project can say so: a * b + c rounds twice, as it does on the laptop."""

_PRAGMAS = """\
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "fp-contract=off") /* this project cannot set flags for one library */
#endif
"""
_CHECK_HEADER = """\
/* Known-answer test of network {name}. */
#ifndef {guard}
#define {guard}

#ifdef __cplusplus
extern "C" {{
#endif

/* Returns 0 where this machine computes what the laptop did. The test has an arena of its own: {bytes} bytes, which a
 * firmware that does not call it does without, where the linker drops what is not used.
 */
int {prefix}_check(void);

#ifdef __cplusplus
}}
#endif

#endif
"""
_CHECK = """\
/* Known-answer test of network {name}. */
#include "{prefix}_check.h"

{declarations}

#if defined(__GNUC__)
__attribute__((aligned({alignment})))
#endif
static unsigned char {prefix}_check_arena[{bytes}];

int {prefix}_check(void)
{{
{body}
}}
"""
_FEED = """\
    int status = {begin}({prefix}_check_arena);

    for (int row = 0; row < {rows} && status == 0; ++row) {{
        status = {invoke}({prefix}_check_arena);
    }}
    return status;"""


def headers(network: CompiledNetwork, folder: str = "") -> dict[str, str]:
    """The files that are included, below ``folder``."""
    code = network.code
    generated = {name: text for name, text in code.files.items() if name not in (*code.library, code.example)}
    check = _CHECK_HEADER.format(
        name=shown_name(network), guard=f"{network.prefix.upper()}_CHECK_H", prefix=network.prefix,
        bytes=network.arena_bytes,
    )  # fmt: skip
    return {f"{folder}{name}": text for name, text in {**generated, f"{network.prefix}_check.h": check}.items()}


def sources(network: CompiledNetwork, folder: str = "", *, pragmas: bool = False) -> dict[str, str]:
    """The files that are compiled, below ``folder``; ``pragmas`` stand for :data:`FLAGS` where nothing sets these."""
    texts = {**{name: network.code.files[name] for name in network.code.library}, **_check(network)}
    return {f"{folder}{name}": (_PRAGMAS if pragmas else "") + text for name, text in texts.items()}


def _check(network: CompiledNetwork) -> dict[str, str]:
    """``<prefix>_check.c``; where the generator wrote no test, it runs the network once, on zeros."""
    code, feed = network.code, network.code.feed
    called = [code.selftest] if code.selftest else [feed.begin, code.invoke] if feed else [code.invoke]
    declared = "\n".join(f"int {symbol}(void *arena);" for symbol in called)
    body = f"    return {called[0]}({network.prefix}_check_arena);"
    if feed and not code.selftest:
        body = _FEED.format(begin=feed.begin, prefix=network.prefix, rows=feed.rows, invoke=code.invoke)
    text = _CHECK.format(
        name=shown_name(network), prefix=network.prefix, alignment=network.arena_alignment, bytes=network.arena_bytes,
        declarations=f'#include "{code.header}"' if code.header else declared, body=body,
    )  # fmt: skip
    return {f"{network.prefix}_check.c": text}
