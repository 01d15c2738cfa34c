"""The tools that a profile names: read, checked, and used where the user names no others."""

from __future__ import annotations

import pytest

from tinyml_core.errors import InputError
from tinyml_core.hardware import Tools
from tinyml_core.hardware.files import read_profile

PART = """\
name: part
title: A part
vendor: Somebody
core: rv32imc
features: []
clock_hz: 100000000
regions:
  FLASH: {kind: flash, origin: 0x08000000, size: 0x80000}
  SRAM: {kind: sram, origin: 0x20000000, size: 0x20000}
sources: {core: a, features: b, clock_hz: c, regions: d}
"""


def profile(tmp_path, text):
    path = tmp_path / "part.yaml"
    path.write_text(PART + text)
    return read_profile(path)


def test_a_part_that_names_none_has_the_platforms(tmp_path):
    assert profile(tmp_path, "").tools == Tools() == Tools(generator="tinyengine", runner="unicorn")


def test_a_part_names_what_knows_it(tmp_path):
    tools = profile(tmp_path, "tools: {generator: 'acme:c', kernels: [dot, sum], toolchain: cc, runner: board}\n").tools
    assert tools == Tools(generator="acme:c", kernels=("dot", "sum"), toolchain="cc", runner="board")
    assert hash(tools)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tools: {compiler: cc}", "tools.compiler: unknown key"),
        ("tools: {runner: 'a b'}", "tools.runner"),
        ("tools: {kernels: dot}", "tools.kernels"),
        ("tools: [cc]", "tools"),
    ],
)
def test_what_is_no_name_is_refused(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        profile(tmp_path, text + "\n")
