"""Documentation that can be checked: generated pages are up to date, links lead somewhere, commands exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tinyml_core.cli import COMMANDS
from tinyml_core.kinds import KINDS

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


def test_the_operators_page_is_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "docs" / "generate_operators.py", "--check"], check=False)
    assert done.returncode == 0, "run: python docs/generate_operators.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page):
    text = page.read_text(encoding="utf-8")
    told = re.findall(r"^tinyml ([a-z]+)", "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)), re.MULTILINE)
    assert set(told) <= set(COMMANDS), page


def test_every_kind_named_in_a_page_exists():
    for page in PAGES:
        for kind in re.findall(r"tinyml show ([a-z-]+)", page.read_text(encoding="utf-8")):
            assert kind in KINDS, f"{page}: {kind}"


def test_every_command_is_told():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in COMMANDS:
        assert f"tinyml {name}" in text, name
