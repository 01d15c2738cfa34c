"""The pack keeps the rules of packchk that an offline pack can keep, and each rule catches a pack that breaks it.

Rules: https://open-cmsis-pack.github.io/Open-CMSIS-Pack-Spec (format of the .pdsc file) and the messages of packchk.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from tinyml_core.errors import InputError

ORDER = ("vendor", "name", "description", "url", "releases", "keywords", "components")
CATEGORIES = {"doc", "header", "sourceC"}


def description(folder):
    (path,) = folder.glob("*.pdsc")
    return ET.fromstring(path.read_text(encoding="utf-8"))


def paths(package):
    return [file.get("name") for file in package.iter("file")]


def text(package, tag):
    return package.findtext(tag) or ""


RULES = {
    "elements in order, each once": lambda f, p: [each.tag for each in p] == list(ORDER),
    "version of the format": lambda f, p: re.fullmatch(r"1\.7\.\d+", p.get("schemaVersion")),
    "vendor and name": lambda f, p: all(re.fullmatch(r"[A-Za-z0-9_-]+", text(p, tag)) for tag in ("vendor", "name")),
    "the file is named after them": lambda f, p: (f / f"{text(p, 'vendor')}.{text(p, 'name')}.pdsc").is_file(),
    "url is a folder": lambda f, p: re.fullmatch(r"https?://\S+/", text(p, "url")),
    "a brief description": lambda f, p: 0 < len(text(p, "description")) <= 256,
    "releases have versions": lambda f, p: all(
        re.fullmatch(r"\d+\.\d+\.\d+", each.get("version", "")) for each in p.iter("release")
    ),
    "components have an identity": lambda f, p: all(
        re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_+()'/ -]{0,31}", each.get(part, ""))
        for each in p.iter("component") for part in ("Cclass", "Cgroup", "Csub")
    ),
    "components have versions": lambda f, p: all(
        re.fullmatch(r"\d+\.\d+\.\d+", each.get("Cversion", "")) for each in p.iter("component")
    ),
    "components are described": lambda f, p: all(each.findtext("description") for each in p.iter("component")),
    "categories are known": lambda f, p: {each.get("category") for each in p.iter("file")} <= CATEGORIES,
    "files are there, in this spelling": lambda f, p: set(paths(p)) <= {
        str(each.relative_to(f)) for each in f.rglob("*")
    },
    "no file twice": lambda f, p: len(set(paths(p))) == len(paths(p)),
    "paths stay inside": lambda f, p: not any(".." in path or "\\" in path or path[0] == "/" for path in paths(p)),
    "all sources are listed": lambda f, p: {f"source/{each.name}" for each in f.rglob("*.c")} <= set(paths(p)),
}  # fmt: skip


def edited(old, new):
    def edit(folder):
        (path,) = folder.glob("*.pdsc")
        before = path.read_text(encoding="utf-8")
        after = re.sub(old, new, before, count=1)
        assert after != before
        path.write_text(after)

    return edit


BROKEN = {
    "elements in order, each once": edited("<keywords>", "<keywords/><keywords>"),
    "version of the format": edited('schemaVersion="[^"]*"', 'schemaVersion="2"'),
    "vendor and name": edited("<name>", "<name>a b"),
    "the file is named after them": edited("<name>", "<name>x"),
    "url is a folder": edited("localhost/", "localhost"),
    "a brief description": edited("<description>[^<]*<", "<description><"),
    "releases have versions": edited('release version="', 'release version="v'),
    "components have an identity": edited('Csub="', 'Csub="' + "x" * 40),
    "components have versions": edited('Cversion="[^"]*"', ""),
    "components are described": edited("(<component .*\n) *<description>.*</description>", r"\1"),
    "categories are known": edited('category="doc"', 'category="manual"'),
    "files are there, in this spelling": edited("include/model.h", "include/Model.h"),
    "no file twice": edited('(<file category="doc".*/>)', r"\1\1"),
    "paths stay inside": edited("source/model.c", "source/../source/model.c"),
    "all sources are listed": edited(".*source/model_selftest.c.*\n", ""),
}


def test_the_pack_keeps_the_rules(write, network):
    folder = write("cmsis-pack", network, vendor="Acme", version="1.2.3", released="2026-11-21")
    package = description(folder)
    assert package.find("releases/release").attrib == {"version": "1.2.3", "date": "2026-11-21"}
    assert [name for name, rule in RULES.items() if not rule(folder, package)] == []


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_catches_what_breaks_it(rule, write, network):
    folder = write("cmsis-pack", network)
    BROKEN[rule](folder)
    assert not RULES[rule](folder, description(folder))


def test_the_archive_holds_the_folder_and_is_the_same_every_time(write, network):
    folder = write("cmsis-pack", network, vendor="Acme", version="1.2.3")
    data = (folder / "Acme.model.1.2.3.pack").read_bytes()
    assert data == (write("cmsis-pack", network, vendor="Acme", version="1.2.3") / "Acme.model.1.2.3.pack").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        held = {name: archive.read(name) for name in archive.namelist()}
    lying = {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    assert held == {name: content for name, content in lying.items() if not name.endswith(".pack")}


def test_a_name_too_long_for_a_component_is_refused(write, network):
    with pytest.raises(InputError, match="shorter --prefix"):
        write("cmsis-pack", replace(network, prefix="x" * 33))


@pytest.mark.parametrize(
    ("option", "value"),
    [("vendor", "a.b"), ("url", "https://x"), ("released", "yesterday"), ("version", "1.0.0-rc1")],
)
def test_wrong_options_are_refused(option, value, write, network):
    with pytest.raises(InputError):
        write("cmsis-pack", network, **{option: value})
