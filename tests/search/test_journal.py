"""The journal: what it keeps, what it recovers, and what it refuses."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_core.errors import InputError
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.evaluation import Outcome
from tinyml_core.search.journal import Header, Journal, fingerprint

HEADER = Header(config=fingerprint({"target": "stm32f746", "limits": {"macs": 1e6}}), seed=3)
CANDIDATE = Candidate.of({"stem": 8, "wide": True, "name": "a", "ratio": 0.5})


def filled(path):
    with Journal(path, HEADER) as journal:
        journal.add_costs(CANDIDATE, {"macs": 0.1 + 0.2})
        journal.add_outcome(CANDIDATE, Outcome(0, 1 / 3))
    return path.read_bytes()


def test_what_was_written_is_read_back_to_the_last_bit(tmp_path):
    filled(tmp_path / "j")
    with Journal(tmp_path / "j", HEADER, resume=True) as journal:
        assert journal.costs(CANDIDATE) == {"macs": 0.1 + 0.2}
        assert journal.outcome(CANDIDATE, 7) == Outcome(7, 1 / 3)
        assert journal.costs(Candidate.of({"stem": 9})) is None


def test_every_line_is_an_object_people_can_read(tmp_path):
    lines = [json.loads(line) for line in filled(tmp_path / "j").splitlines()]
    assert [line["kind"] for line in lines] == ["header", "costed", "finished"]
    assert lines[0]["seed"] == 3
    assert lines[1]["choices"] == dict(CANDIDATE.choices)


def test_failures_are_kept_with_their_reason(tmp_path):
    with Journal(tmp_path / "j", HEADER) as journal:
        journal.add_outcome(CANDIDATE, Outcome(0, None, "the worker died"))
    with Journal(tmp_path / "j", HEADER, resume=True) as journal:
        assert journal.outcome(CANDIDATE, 0) == Outcome(0, None, "the worker died")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_journal_torn_anywhere_is_continued_from_its_last_whole_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("torn") / "j"
    content = filled(path)
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")
    with Journal(path, HEADER, resume=True) as journal:
        assert (journal.costs(CANDIDATE) is not None) is (whole >= 2)
        assert (journal.outcome(CANDIDATE, 0) is not None) is (whole == 3)
        if whole < 2:
            journal.add_costs(CANDIDATE, {"macs": 0.1 + 0.2})
        if whole < 3:
            journal.add_outcome(CANDIDATE, Outcome(0, 1 / 3))
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (Header(config=fingerprint({"target": "stm32f412"}), seed=3), "configuration"),
        (Header(config=HEADER.config, seed=4), "seed"),
    ],
)
def test_another_search_cannot_continue_it(tmp_path, header, what):
    content = filled(tmp_path / "j")
    with pytest.raises(InputError, match=f"belongs to a search with another {what}"):
        Journal(tmp_path / "j", header, resume=True)
    assert (tmp_path / "j").read_bytes() == content


def test_another_version_of_the_code_is_told(tmp_path, caplog):
    filled(tmp_path / "j")
    newer = Header(config=HEADER.config, seed=3, code="9.9")
    with caplog.at_level(logging.WARNING), Journal(tmp_path / "j", newer, resume=True) as journal:
        assert journal.costs(CANDIDATE)
    assert "9.9" in caplog.text


def test_an_existing_journal_is_not_overwritten(tmp_path):
    content = filled(tmp_path / "j")
    with pytest.raises(InputError, match="exists already; resume the search or remove the file"):
        Journal(tmp_path / "j", HEADER)
    assert (tmp_path / "j").read_bytes() == content


def test_two_searches_cannot_share_it(tmp_path):
    with Journal(tmp_path / "j", HEADER) as journal:
        with pytest.raises(InputError, match="is in use by another search; wait for it to end"):
            Journal(tmp_path / "j", HEADER, resume=True)
        journal.add_costs(CANDIDATE, {"macs": 1.0})
    with Journal(tmp_path / "j", HEADER, resume=True) as journal:
        assert journal.costs(CANDIDATE) == {"macs": 1.0}


def test_resuming_what_never_began_begins_it(tmp_path):
    with Journal(tmp_path / "j", HEADER, resume=True) as journal:
        assert journal.costs(CANDIDATE) is None
    assert json.loads((tmp_path / "j").read_text())["kind"] == "header"


@pytest.mark.parametrize("line", [
    b"{}", b"null", b"\xff\xfe", b"[" * 100_000, b'{"kind":"costed","key":"../x","choices":{},"costs":{}}',
    b'{"kind":"costed","key":"0123456789abcdef","choices":{},"costs":{"macs":NaN}}',
    b'{"kind":"costed","key":"0123456789abcdef","choices":{},"costs":{"macs":true}}',
    b'{"kind":"finished","key":"0123456789abcdef","number":0,"accuracy":7.0}', HEADER.model_dump_json().encode(),
])  # fmt: skip
def test_a_line_that_is_none_of_ours_is_named(tmp_path, line):
    path = tmp_path / "j"
    path.write_bytes(filled(path) + line + b"\n")
    with pytest.raises(InputError, match=r"j, line 4: "):
        Journal(path, HEADER, resume=True)


def test_a_file_that_is_no_journal_is_refused(tmp_path):
    (tmp_path / "j").write_bytes(filled(tmp_path / "i").split(b"\n", 1)[1])
    with pytest.raises(InputError, match="line 1: the header is not where it belongs"):
        Journal(tmp_path / "j", HEADER, resume=True)


@pytest.mark.parametrize("place", ["absent/j", "folder"])
def test_a_place_that_cannot_be_written_is_named(tmp_path, place):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=place):
        Journal(tmp_path / place, HEADER, resume=True)


def test_the_fingerprint_is_of_the_content():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1}) != fingerprint({"a": 1, "b": [3]})
