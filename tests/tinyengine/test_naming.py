"""Hostile names: nothing from a model file reaches C but harmless text in comments."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from tinyml_core.errors import InputError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Conv2D, Reshape
from tinyml_plugins.tinyengine.naming import LONGEST_NAME, comment_text

PAYLOADS = [
    "*/ int evil(void) { return 1; } /*",
    "ends in a backslash\\",
    "line\n#include </etc/passwd>",
    "carriage\rreturn",
    "trigraph ??/",
    '"quoted" %s ${x} {{ 7 * 7 }} {% raw %}',
    "<script>alert(1)</script>",
    "nul\0byte",
    "\u202eright to left\u2028separator",
    "\x1b[31mred",
    "x" * 100_000,
    "int",
    "// \\\n",
    "`id`$(id);",
]


def _hostile_graph(payload):
    b = GraphBuilder(payload)
    x = b.input(payload + "i", (1, 4, 4, 2), DType.INT8, Quantization.per_tensor(0.1, 3))
    w = b.constant(payload + "w", np.ones((3, 1, 1, 2), np.int8), Quantization.per_tensor(0.1))
    y = b.node(Conv2D(), [x, w], name=payload + "conv", quantization=Quantization.per_tensor(0.1, 3))
    return b.build([b.node(Reshape(shape=(1, 48)), [y], name=payload, quantization=Quantization.per_tensor(0.1, 3))])


def _without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_names_do_not_reach_code(payload, make_network):
    harmless = make_network(_hostile_graph("harmless"))
    hostile = make_network(_hostile_graph(payload))
    assert hostile.code.layers == harmless.code.layers
    for name, text in hostile.code.files.items():
        assert _without_comments(text) == _without_comments(harmless.code.files[name])
        assert re.fullmatch(r"[\n\x20-\x7e]*", text)
        assert max(map(len, text.splitlines())) < 250
        if not name.startswith("tinyml_"):
            assert "\\" not in text
            assert "??" not in text


def test_hostile_profile_stays_in_a_comment(make_network, make_profile):
    from tinyml_core.program.planner import plan
    from tinyml_plugins.tinyengine.generator import TinyEngine

    graph, generator = _hostile_graph("g"), TinyEngine()
    profile = make_profile("cortex-m4")
    profile = replace(profile, name="*/ evil", core="*/\nevil")
    code = generator.generate(plan(graph, profile, lambda node: generator.candidates(node, graph, profile)), "net")
    assert all("evil" not in _without_comments(text) for text in code.files.values())


def test_comment_text_is_bounded_and_tame():
    for payload in PAYLOADS:
        assert re.fullmatch(r"[A-Za-z0-9_.:/ -]*", comment_text(payload))
        assert len(comment_text(payload)) <= LONGEST_NAME
    assert comment_text("stem/conv_1:0") == "stem/conv_1:0"


@pytest.mark.parametrize(
    "prefix", ["", "1net", "a-b", "a b", "net\n", "é", "x" * 60, "main", "STDINT", "tinyml_arithmetic"]
)
def test_prefix_that_is_no_identifier_is_refused(prefix, make_network):
    with pytest.raises(InputError, match="prefix"):
        make_network(_hostile_graph("g"), prefix)
