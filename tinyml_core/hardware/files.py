"""Profile files in a package: one YAML per microcontroller, registered without reading them in full.

A vendor's hooks module needs no more than::

    @hookimpl
    def tinyml_hardware_profiles():
        return profiles_from(__package__)
"""

from __future__ import annotations

from functools import partial
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

from tinyml_core.component import Component
from tinyml_core.hardware.profile import HardwareProfile


def profiles_from(package: str) -> list[Component[HardwareProfile]]:
    """One component per ``*.yaml`` of an importable package; the file's name without ``.yaml`` is the component's.

    A file is parsed when its profile is made. Its summary is its first line, a comment by convention.
    """
    found = sorted(
        (file for file in files(package).iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name
    )
    return [
        Component(file.name.removesuffix(".yaml"), partial(_packaged, package, file.name), _summary(file))
        for file in found
    ]


def read_profile(path: Path) -> HardwareProfile:
    """The profile in a file.

    Raises:
        InputError: the file is unreadable or breaks the schema; every problem is listed.
    """
    from tinyml_core.hardware.schema import profile_of  # pydantic and PyYAML only when a profile is used
    from tinyml_core.yaml_reader import read_yaml

    return profile_of(read_yaml(path), path)


def _packaged(package: str, name: str) -> HardwareProfile:
    with as_file(files(package) / name) as path:
        return read_profile(path)


def _summary(file: Traversable) -> str:
    with file.open("rb") as lines:
        first = lines.readline(200).decode("utf-8", "replace")
    return "".join(character for character in first.lstrip("# ").strip() if character.isprintable())
