"""Hostile and surprising YAML: bounded in time and memory, one sentence with file, line and column."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinyml_core.errors import InputError
from tinyml_core.yaml_reader import MAX_BYTES, MAX_DEPTH, MAX_NODES, parse_scalar, read_yaml

ALIAS_BOMB = "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*{'a' if i == 0 else f'b{i - 1}'}]\n" for i in range(20))

REFUSED = {
    # what the file holds: (text, line and column of the complaint, a word of it)
    "deep flow": ("[" * 100_000, "1:34", "deeper"),
    "deep mapping": ("{a: " * 60_000, "1:130", "deeper"),
    "deep block": ("- " * 100_000, "1:67", "deeper"),
    "deep keys": ("? " * 100_000, "1:67", "deeper"),
    "huge integer": ("a: " + "9" * 100_000, "1:4", "64 bits"),
    "huge hexadecimal": ("a: 0x" + "9" * 100_000, "1:4", "64 bits"),
    "huge float": ("a: 1e99999", "1:4", "too large"),
    "alias": ("a: &a [x]\nb: *a\n", "2:4", "alias"),
    "alias bomb": (ALIAS_BOMB, "2:10", "alias"),
    "self reference": ("a: &a [*a]", "1:8", "alias"),
    "merge key": ("a: &a {b: 1}\nc: {<<: *a}", "2:9", "alias"),
    "many values": ("[" + "1," * 120_000 + "]", "1:20000", "values"),
    "many lines": ("- 1\n" * 60_000, "10000:3", "values"),
    "duplicate key": ("a: 1\nb: 2\na: 3\n", "3:1", "twice, first in line 1"),
    "nested duplicate key": ("s:\n  a: 1\n  'a': 2\n", "3:3", "twice"),
    "python object": ("a: !!python/object/apply:os.system ['id']", "1:4", "!!python/object/apply:os.system"),
    "python name": ("!!python/name:os.system ''", "1:1", "!!python/name"),
    "binary tag": ("a: !!binary aGk=", "1:4", "!!binary"),
    "set tag": ("a: !!set {b}", "1:4", "!!set"),
    "private tag": ("a: !secret b", "1:4", "!secret"),
    "tag that does not fit": ("a: !!int abc", "1:4", "no int"),
    "number key": ("1: a", "1:1", "not text"),
    "boolean key": ("true: a", "1:1", "not text"),
    "sequence key": ("? [a]\n: b", "1:3", "not text"),
    "two documents": ("a: 1\n---\nb: 2\n", "2:1", "document"),
    "tab indent": ("a:\n\tb: 1\n", "2:1", "\\t"),
    "unclosed": ("a: [1, 2\n", "2:1", "is not YAML"),
    "escape beyond Unicode": ('a: "\\Uffffffff"', "1:7", "YAML"),
    "half a surrogate pair": ('a: "\\ud800"', "1:4", "surrogate"),
    "huge version directive": ("%YAML " + "9" * 5000 + ".1\n---\na", "1:7", "YAML"),
    "control character": ("a: b\nc: \x00", "2", "U+0000"),
}

BOUNDED = {
    "spaces": " " * 250_000,
    "blank lines": "\n" * 250_000,
    "carriage returns": "\r" * 250_000,
    "comments": "#\n" * 120_000,
    "long plain scalar": "a: " + "b " * 120_000,
    "many-line scalar": "a:\n" + " b\n" * 80_000,
    "escapes": 'a: "' + "\\x41" * 60_000 + '"',
    "literal block": "a: |\n" + " b\n" * 80_000,
    "folded block": "a: >\n" + " b\n\n" * 60_000,
    "long anchor": "a: &" + "b" * 200_000 + " c",
    "tag directives": "".join(f"%TAG !{i}! x\n" for i in range(15_000)) + "---\na",
    "reserved directives": "%FOO x\n" * 30_000 + "---\na",
    "colons": ":" * 250_000,
    "dashes": "-" * 250_000,
    "quotes": "'" * 250_000,
    "flow keys": "{" + ("a" * 1000 + "b, ") * 250,
    "nested simple keys": "{" + "[" * 1023,
    "many keys": "".join(f"key{i}: v\n" for i in range(MAX_NODES // 2 - 1)),
}


@pytest.fixture
def parse(tmp_path):
    """Write text to a file and read it as YAML."""
    path = tmp_path / "file.yaml"

    def read(text):
        path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
        return read_yaml(path)

    return read


def seconds(call, *arguments):
    """CPU seconds of a call, which may refuse its input."""
    before = time.process_time()
    with contextlib.suppress(InputError):
        call(*arguments)
    return time.process_time() - before


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_with_the_place_and_a_remedy(parse, kind):
    text, where, word = REFUSED[kind]
    with pytest.raises(InputError) as caught:
        parse(text)
    error = caught.value
    assert error.place.endswith(f"file.yaml:{where}")
    assert word in error.problem
    assert error.remedy
    assert len(str(error)) < 600
    assert "\n" not in str(error)


@pytest.mark.parametrize("kind", [*REFUSED, *BOUNDED])
def test_takes_less_than_a_second(parse, kind):
    text = BOUNDED[kind] if kind in BOUNDED else REFUSED[kind][0]
    assert len(text) <= MAX_BYTES, "the limit on size would hide what this input tests"
    assert seconds(parse, text) < 1


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from Linux's /proc")
def test_all_of_it_takes_less_than_200_megabytes(tmp_path):
    for number, text in enumerate([*BOUNDED.values(), *(case[0] for case in REFUSED.values())]):
        (tmp_path / f"{number}.yaml").write_text(text, newline="")
    script = r"""
import pathlib, re, sys
from tinyml_core.errors import InputError
from tinyml_core.yaml_reader import read_yaml
for path in pathlib.Path(sys.argv[1]).iterdir():
    try:
        read_yaml(path)
    except InputError:
        pass
print(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
"""
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 200_000


def test_a_file_beyond_the_limit_is_not_parsed(parse):
    parse("#" * MAX_BYTES)
    with pytest.raises(InputError, match=f"larger than {MAX_BYTES} bytes"):
        parse("#" * (MAX_BYTES + 1))
    assert seconds(parse, "[" * 10_000_000) < 0.5


def test_nesting_up_to_the_limit_is_read(parse):
    value = parse("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH):
        (value,) = value
    assert value == 1


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "absent.yaml", tmp_path / "nul\0.yaml"):
        with pytest.raises(InputError, match=r"is no file|does not exist"):
            read_yaml(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and devices of POSIX")
def test_pipes_and_devices_are_refused_without_waiting(tmp_path):
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(InputError, match="is no file"):
            read_yaml(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user")
def test_an_unreadable_file_is_refused(tmp_path):
    path = tmp_path / "secret.yaml"
    path.write_text("a: 1")
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        read_yaml(path)


@pytest.mark.parametrize("data", [b"\xff\xfea\x00", "a: é".encode("latin-1"), b"a: \xed\xa0\x80"])
def test_what_is_not_utf8_is_refused(parse, data):
    with pytest.raises(InputError, match=r"byte \d+ is not UTF-8"):
        parse(data)


def test_a_byte_order_mark_is_ignored(parse):
    assert parse(b"\xef\xbb\xbfa: 1") == {"a": 1}


CORE_SCHEMA = {
    "no": "no", "yes": "yes", "on": "on", "y": "y", "true": True, "FALSE": False, "tRue": "tRue",
    "1e-3": 0.001, "1E3": 1000.0, ".5": 0.5, "1.": 1.0, "+1.5": 1.5, "-.inf": -math.inf, "1_000": "1_000",
    "010": 10, "0o17": 15, "0x1F": 31, "0b11": "0b11", "-7": -7, "12:30": "12:30", "2024-01-01": "2024-01-01",
    "~": None, "null": None, "Null": None, "nuLL": "nuLL", "": None, "=": "=", "١٢": "١٢",
    "9223372036854775807": 2**63 - 1, "-9223372036854775808": -(2**63), "1.2.3": "1.2.3",
}  # fmt: skip


@pytest.mark.parametrize("text", CORE_SCHEMA)
def test_scalars_follow_the_yaml_1_2_core_schema(parse, text):
    expected = CORE_SCHEMA[text]
    for value in (parse(f"key: {text}\n")["key"], parse_scalar(text)):
        assert value == expected
        assert type(value) is type(expected)


def test_not_a_number(parse):
    assert math.isnan(parse(".nan"))
    assert math.isnan(parse_scalar(".NaN"))


def test_quoted_scalars_are_text(parse):
    assert parse("{a: '1', b: \"no\", c: !!str 1}") == {
        "a": "1", "b": "no", "c": "1",
    }  # fmt: skip
    assert parse("a: |-\n  1\n") == {"a": "1"}


def test_explicit_core_tags_are_accepted(parse):
    assert parse("{a: !!int '12', b: !!float 1, c: !!bool 'true', d: !!seq [1], e: !!map {f: 1}}") == {
        "a": 12, "b": 1.0, "c": True, "d": [1], "e": {"f": 1},
    }  # fmt: skip


def test_an_empty_file_is_none(parse):
    assert parse("") is None
    assert parse("# only a comment\n") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: b", "a: b"), ("# x", "# x"), ("*a", "*a"), ("&a", "&a"), ("- x", "- x"), ("!!str", "!!str"),
        ("[1, no, 0x10]", [1, "no", 16]), ("{a: [1.5]}", {"a": [1.5]}), ('"1"', "1"), ("'no'", "no"), (" 5 ", " 5 "),
    ],
)  # fmt: skip
def test_values_of_the_command_line(text, value):
    assert parse_scalar(text) == value


@pytest.mark.parametrize("text", ["[1", '"', "9" * 40, "1e999", "[!!python/none x]", "[" * 5000, "\ud800", "{a: *b}"])
def test_unusable_values_of_the_command_line(text):
    with pytest.raises(InputError) as caught:
        parse_scalar(text)
    assert caught.value.remedy
    assert len(str(caught.value)) < 300
