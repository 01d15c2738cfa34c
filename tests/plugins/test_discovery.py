"""Discovery: whatever lies on the path, plugins are found, and unreadable metadata stops nobody."""

from __future__ import annotations

import sys

import pytest

from tinyml_core.discovery import BUNDLED, discover

GROUP = "tinyml_core"


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """Write the metadata of a distribution into a folder put before or after the others on the path."""

    def write(name, entry_points, *, folder="site", metadata="", last=False):
        information = tmp_path / folder / f"{name}-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(metadata or f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (information / "entry_points.txt").write_bytes(entry_points)
        path = str(tmp_path / folder)
        if path not in sys.path:
            monkeypatch.setattr(sys, "path", [*sys.path, path] if last else [path, *sys.path])

    return write


def found(distribution):
    return [entry for entry in discover(GROUP) if entry.distribution == distribution]


def test_bundled_come_first_then_names_in_order(distribution):
    distribution("zz", b"[tinyml_core]\naaa = zz.a\n")
    distribution("aa", b"[tinyml_core]\nbbb = aa.b\naab = aa.c\n")
    entries = discover(GROUP)
    bundled = [entry.distribution == BUNDLED for entry in entries]
    assert bundled == sorted(bundled, reverse=True)
    assert [entry.name for entry in entries if entry.distribution != BUNDLED] == ["aaa", "aab", "bbb"]


def test_first_copy_on_the_path_counts(distribution):
    distribution("twice", b"[tinyml_core]\nold = twice.old\n", folder="late")
    distribution("twice", b"[tinyml_core]\nnew = twice.new\n", folder="early")
    assert [entry.name for entry in found("twice")] == ["new"]


def test_copy_that_hides_a_plugin_hides_it(distribution):
    distribution("gone", b"[tinyml_core]\nold = gone.old\n", folder="late")
    distribution("gone", b"[console_scripts]\nx = gone:x\n", folder="early")
    assert found("gone") == []


@pytest.mark.parametrize("entry_points", [b"[tinyml_core]\nno equals sign\n", b"[tinyml_core]\n\xff\xfe = x\n"])
def test_unreadable_entry_points_are_one_entry_that_does_not_load(distribution, entry_points):
    before = [entry for entry in discover(GROUP) if entry.distribution == BUNDLED]
    distribution("garbled", entry_points)
    entries = discover(GROUP)
    assert [(e.name, e.module) for e in entries if e.distribution == BUNDLED] == [(e.name, e.module) for e in before]
    (entry,) = [entry for entry in entries if entry.distribution != BUNDLED]
    with pytest.raises((TypeError, ValueError)):
        entry.load()


def test_unreadable_metadata_of_somebody_else_does_not_matter(distribution):
    distribution("stranger", b"[console_scripts]\nbroken line\n", metadata="\x00nonsense")
    assert [entry for entry in discover(GROUP) if entry.distribution != BUNDLED] == []


def test_name_is_compared_as_package_indices_do(distribution):
    distribution("Some_Vendor.Plugin", b"[tinyml_core]\nsome = some.hooks\n")
    (entry,) = found("some-vendor-plugin")
    assert (entry.name, entry.module, entry.version) == ("some", "some.hooks", "1.0")
