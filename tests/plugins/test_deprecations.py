"""What is deprecated warns where it is used, and is gone in the version that was named."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from tinyml_core import __version__, deprecations
from tinyml_core.deprecations import DEPRECATIONS, Deprecation, TinyMLDeprecationWarning

ROW = Deprecation("tinyml_old_hook", "0.2", "0.4", "tinyml_new_hook")


def test_the_warning_names_the_replacement_and_points_at_the_user(monkeypatch):
    monkeypatch.setattr(deprecations, "DEPRECATIONS", (ROW,))

    def old():
        deprecations.warn("tinyml_old_hook")

    with pytest.warns(TinyMLDeprecationWarning, match=r"since 0\.2 and gone in 0\.4; use tinyml_new_hook") as caught:
        old()
    assert Path(caught[0].filename) == Path(__file__)


def test_a_name_that_is_not_listed_is_a_mistake():
    with pytest.raises(KeyError):
        deprecations.warn("tinyml_unheard_of")


@pytest.mark.parametrize("row", [ROW, *DEPRECATIONS], ids=lambda row: row.name)
def test_two_minor_versions_lie_between_the_warning_and_the_end(row):
    since, end = Version(row.since), Version(row.removed_in)
    assert (end.major, end.minor) >= (since.major, since.minor + 2) or end.major > since.major
    assert Version(__version__) < end
