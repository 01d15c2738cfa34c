"""Writing a new plugin: the templates of a kind, filled in, into a folder that appears whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from tinyml_core import __version__
from tinyml_core.errors import InputError
from tinyml_core.scaffold.names import Names, core_range

COMMON = {
    "pyproject.toml": "pyproject.toml.j2",
    "README.md": "README.md.j2",
    ".gitignore": "gitignore.j2",
    ".github/workflows/test.yml": "test.yml.j2",
    "src/{package}/__init__.py": "package.py.j2",
    "src/{package}/py.typed": "typed.j2",
}
"""File of every plugin -> template."""
KINDS: dict[str, dict[str, str]] = {
    "hardware-profile": {"src/{package}/{plugin}.yaml": "profile.yaml.j2"},
    "search-strategy": {"src/{package}/strategy.py": "strategy.py.j2"},
    "cost-model": {"src/{package}/cost_model.py": "cost_model.py.j2"},
    "code-generator": {"src/{package}/generator.py": "generator.py.j2"},
    "training-optimizer": {"src/{package}/optimizer.py": "optimizer.py.j2"},
}
"""Kind -> its own files; each has a hooks module and tests besides."""


def write_plugin(name: str, kind: str, folder: Path) -> list[Path]:
    """Write the plugin ``name`` of ``kind`` into the new folder ``folder`` and return its files, sorted.

    Raises:
        InputError: the name cannot be one, the kind has no template, or the folder exists or cannot be written.
    """
    names = Names(name)
    if kind not in KINDS:
        remedy = f"choose one of {', '.join(KINDS)}, and change what it writes"
        raise InputError("there is no template for it", place=f"kind {kind!r}", remedy=remedy)
    place = f"folder {folder}"
    if folder.exists() or folder.is_symlink():
        raise InputError("exists already", place=place, remedy="remove it, or name another with --out")
    texts = _rendered(names, kind)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{names.plugin}-") as name_of_work:
            work = Path(name_of_work, "plugin")
            for path, text in texts.items():
                (work / path).parent.mkdir(parents=True, exist_ok=True)
                (work / path).write_text(text, encoding="utf-8")
            work.rename(folder)
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
        raise InputError(problem, place=place, remedy="name another with --out") from None
    return sorted(folder / path for path in texts)


def _rendered(names: Names, kind: str) -> dict[str, str]:
    """Path -> text."""
    environment = Environment(
        loader=PackageLoader(__package__, "templates"), undefined=StrictUndefined, keep_trailing_newline=True,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    values: dict[str, object] = {"names": names, "kind": kind, "core_range": core_range(__version__)}
    values["trial"] = environment.get_template(f"{kind}/trial.py.j2").render(values)
    own = {**KINDS[kind], "src/{package}/hooks.py": "hooks.py.j2", "tests/test_{module}.py": "test.py.j2"}
    templates = {path: f"common/{template}" for path, template in COMMON.items()}
    templates |= {path: f"{kind}/{template}" for path, template in own.items()}
    parts = {"package": names.package, "plugin": names.plugin, "module": names.plugin.replace("-", "_")}
    return {
        path.format(**parts): environment.get_template(template).render(values) for path, template in templates.items()
    }
