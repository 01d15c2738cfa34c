"""Output folders appear whole or not at all."""

import subprocess
import sys

import pytest

from tinyml_core.errors import InputError
from tinyml_core.pipeline.staging import staged


def test_the_result_appears_at_the_end(tmp_path):
    out = tmp_path / "deep" / "out"
    with staged(out) as work:
        (work / "manifest.json").write_text("{}")
        assert not out.exists()
    assert [path.name for path in out.iterdir()] == ["manifest.json"]
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_an_error_leaves_what_was_there(tmp_path):
    out = tmp_path / "out"
    with staged(out) as work:
        (work / "manifest.json").write_text("old")
    with pytest.raises(ZeroDivisionError), staged(out) as work:
        (work / "manifest.json").write_text("new")
        raise ZeroDivisionError
    assert (out / "manifest.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_our_own_folder_is_replaced(tmp_path):
    out = tmp_path / "out"
    for text in ("old", "new"):
        with staged(out) as work:
            (work / "manifest.json").write_text(text)
    assert (out / "manifest.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds other files"), staged(tmp_path):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_file_or_link_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "link"):
        with pytest.raises(InputError, match="is not a folder"), staged(tmp_path / name):
            pass


def test_a_parent_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), staged(tmp_path / "file" / "out"):
        pass


def test_kill_leaves_the_old_result(tmp_path):
    out = tmp_path / "out"
    with staged(out) as work:
        (work / "manifest.json").write_text("old")
    script = (
        "import os, pathlib, sys\nfrom tinyml_core.pipeline.staging import staged\n"
        "with staged(pathlib.Path(sys.argv[1])) as work:\n"
        "    (work / 'manifest.json').write_text('half')\n    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(out)], check=False).returncode == -9
    assert (out / "manifest.json").read_text() == "old"
    with staged(out) as work:  # the next run clears away what the killed one left
        (work / "manifest.json").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
