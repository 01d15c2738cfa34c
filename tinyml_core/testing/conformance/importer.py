"""Checks of importers: files are hostile until they have been read."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tinyml_core.api.importer import Importer, ModuleImporter
from tinyml_core.errors import InputError, PluginError, UnsupportedError
from tinyml_core.graph.serialise import digest
from tinyml_core.graph.verify import verify
from tinyml_core.testing.conformance.check import Check, NotApplicable, refusal, require
from tinyml_core.testing.conformance.subject import Subject

NONSENSE: Mapping[str, bytes] = {
    "an empty file": b"", "a byte": b"\0", "text": b"this is no network\n", "zeros": bytes(4096),
    "noise": np.random.default_rng(0).bytes(4096),
}  # fmt: skip
"""What no file of a network begins with."""


def suffixes_are_lower_case(subject: Subject) -> None:
    """Suffixes begin with a dot and are in lower case; there are none only where it converts objects."""
    importer = subject.make(Importer)
    odd = [suffix for suffix in importer.suffixes if not re.fullmatch(r"(\.[a-z0-9_]+)+", suffix)]
    require(not odd, f"{odd} are no suffixes such as '.tflite'")
    require(importer.suffixes or isinstance(importer, ModuleImporter), "it reads nothing")


def suffixes_are_its_own(subject: Subject) -> None:
    """No other installed importer reads its suffixes, and none is that of the platform's own graphs."""
    suffixes = set(subject.make(Importer).suffixes)
    require(".tinyml" not in suffixes, "'.tinyml' is the platform's")
    for name in subject.platform.names(Importer):
        if name.rpartition(":")[2] == subject.component.name:
            continue
        try:
            common = suffixes & set(subject.platform.create(Importer, name).suffixes)
        except PluginError:  # an extra that is not installed, or another plugin's fault, which its own checks tell
            continue
        require(not common, f"{', '.join(sorted(common))} is read by importer {name!r} too")


def nonsense_is_refused(subject: Subject) -> None:
    """A file that is absent, empty or noise ends in InputError or UnsupportedError that names the file."""
    importer = subject.make(Importer)
    for suffix in _suffixes(importer):
        with tempfile.TemporaryDirectory() as folder:
            absent = Path(folder, f"absent{suffix}")
            _refused(importer, absent, "an absent file")
            for what, content in NONSENSE.items():
                path = Path(folder, f"nonsense{suffix}")
                path.write_bytes(content)
                _refused(importer, path, what)


def damage_is_refused(subject: Subject) -> None:
    """A real file cut short at any of many places is refused, or read as the valid network it still is."""
    example = _example(subject)
    content = example.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"cut{example.suffix}")
        for share in range(1, 20):
            path.write_bytes(content[: len(content) * share // 20])
            try:
                verify(subject.make(Importer).read(path))
            except (InputError, UnsupportedError):
                continue


def example_is_read(subject: Subject) -> None:
    """A real file becomes a valid network, twice the same."""
    example = _example(subject)
    first, second = (digest(verify(subject.make(Importer).read(example))) for _ in range(2))
    require(first == second, "it read two different networks from one file")


def _refused(importer: Importer, path: Path, what: str) -> None:
    error = refusal(lambda: importer.read(path), what)
    require(isinstance(error, InputError | UnsupportedError), f"{what} raised {type(error).__name__}: {error}")
    require(path.name in str(error), f"{what}: {str(error)!r} does not name the file")


def _suffixes(importer: Importer) -> tuple[str, ...]:
    if not importer.suffixes:
        raise NotApplicable("it reads no files")
    return importer.suffixes


def _example(subject: Subject) -> Path:
    _suffixes(subject.make(Importer))
    if subject.example is None:
        raise NotApplicable("it needs a model file: give one as 'example' in a subclass of the kit's class")
    return Path(subject.example)


CHECKS = (
    Check(suffixes_are_lower_case),
    Check(suffixes_are_its_own),
    Check(nonsense_is_refused),
    Check(damage_is_refused),
    Check(example_is_read),
)
"""Those of an importer."""
