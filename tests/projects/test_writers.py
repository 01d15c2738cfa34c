"""What holds for every project writer: same bytes every time, names that mean nothing, generators without extras."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tinyml_core.api.generator import RowFeed
from tinyml_core.api.project_writer import ProjectWriter
from tinyml_plugins.projects.text import shown_name, shown_target

PAYLOADS = (
    "*/ int evil(void) { return 1; } /*", "\\", "\nversion=2", '"); evil("', "%s", "${HOME} $(id) `id`", "{{7*7}}",
    "</name><script>", "??/", "\0", "\u202e\x1b[31m", "x" * 100_000, "](javascript:1) @team", "]]> <!-- & ' \" =",
)  # fmt: skip
ECOSYSTEMS = ("arduino", "cmsis-pack", "esp-idf", "platformio", "stm32cube", "zephyr")


def written(platform, ecosystem, network):
    return platform.create(ProjectWriter, ecosystem).write(network)


@pytest.mark.parametrize("ecosystem", ECOSYSTEMS)
def test_the_same_bytes_every_time(ecosystem, platform, network):
    first = written(platform, ecosystem, network)
    assert first == written(platform, ecosystem, network)
    assert not platform.create(ProjectWriter, ecosystem).beside


@pytest.mark.parametrize("ecosystem", ECOSYSTEMS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_name_stays_a_name(payload, ecosystem, platform, harmless):
    """Where names are replaced by harmless ones, the files are those of a harmless network."""
    profile = replace(harmless.profile, title=f"Zxcvb{payload}")
    network = replace(harmless, name=f"Qwerty{payload}", profile=profile)
    name, title = shown_name(network), shown_target(network).removesuffix(f" ({profile.core})")
    expected = written(platform, ecosystem, harmless)
    for path, text in written(platform, ecosystem, network).items():
        if isinstance(text, str):
            assert text.replace(name, "net").replace(title, "Test board") == expected[path], path
            assert text.isascii()
    for shown in (name, title):
        assert re.fullmatch(r"[A-Za-z0-9_.:/ -]{2,60}", shown)


@pytest.mark.parametrize("ecosystem", ECOSYSTEMS)
def test_every_source_and_header_of_the_library_is_there(ecosystem, platform, network):
    files = written(platform, ecosystem, network)
    names = {path.rpartition("/")[2]: text for path, text in files.items()}
    for name, text in network.code.files.items():
        assert (name in names) == (name != network.code.example or ecosystem in ("zephyr", "esp-idf"))
        if name != network.code.example:
            assert names[name].endswith(text)


@pytest.mark.parametrize("feed", [None, RowFeed("model_begin", 8, 32, 4)], ids=["whole", "rows"])
def test_a_generator_that_writes_neither_header_nor_test(feed, platform, harmless):
    code = replace(harmless.code, header="", selftest="", feed=feed, invoke="model_go")
    check = written(platform, "arduino", replace(harmless, code=code))["src/model_check.c"]
    assert "int model_go(void *arena);" in check
    assert check.count("model_go(model_check_arena)") == 1
    assert ("model_begin(model_check_arena)" in check) == (feed is not None)
