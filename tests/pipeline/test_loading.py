"""Loading by suffix: a broken importer keeps nobody else from reading, and is named when it was needed."""

from pathlib import Path

import pytest

from tinyml_core import Platform
from tinyml_core.component import Component
from tinyml_core.errors import UnsupportedError
from tinyml_core.hookspecs import hookimpl


class Vendor:
    @hookimpl
    def tinyml_importers(self):
        return [Component("good", Good, "reads .good files"), Component("bad", Bad, "cannot be made")]


class Good:
    suffixes = (".good",)

    def read(self, path: Path):
        from tinyml_core.graph import DType, GraphBuilder
        from tinyml_core.graph.operators import Clamp

        b = GraphBuilder("good")
        return b.build([b.node(Clamp(), [b.input("x", (1, 2), DType.FLOAT32)])])


class Bad:
    def __init__(self):
        raise RuntimeError("its library is missing")


@pytest.fixture
def vendor():
    return Platform(plugins=[Vendor()], discover=False)


def test_a_broken_importer_costs_a_warning(vendor, tmp_path, caplog):
    (tmp_path / "net.good").write_text("")
    assert vendor.load(tmp_path / "net.good").name == "good"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "its library is missing" in caplog.text


def test_when_nobody_reads_it_the_broken_one_is_named(vendor, tmp_path):
    (tmp_path / "net.bad").write_text("")
    with pytest.raises(UnsupportedError, match=r"no importer reads \.bad files; importer 'bad' failed: .*missing"):
        vendor.load(tmp_path / "net.bad")


def test_two_that_claim_one_suffix_are_both_named(tmp_path):
    class Second:
        @hookimpl
        def tinyml_importers(self):
            return [Component("other", Good, "reads .good files too")]

    (tmp_path / "net.good").write_text("")
    with pytest.raises(UnsupportedError, match="good, other"):
        Platform(plugins=[Vendor(), Second()], discover=False).load(tmp_path / "net.good")
