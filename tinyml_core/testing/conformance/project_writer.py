"""Checks of project writers: build files beside generated sources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tinyml_core.api.generator import CodeGenerator, GeneratedCode
from tinyml_core.api.project_writer import CompiledNetwork, ProjectWriter
from tinyml_core.errors import InputError, TinyMLError, UnsupportedError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.program import Program
from tinyml_core.testing.conformance.check import Check, NotApplicable, require
from tinyml_core.testing.conformance.samples.generated import cases, planned
from tinyml_core.testing.conformance.samples.machine import profiles
from tinyml_core.testing.conformance.samples.networks import chain
from tinyml_core.testing.conformance.subject import Subject

NAME = 'kit "of" */ <b>\n${names}'
"""A network's name as hostile as any: what it reaches must escape it."""


def files_stay_in_the_project(subject: Subject) -> None:
    """Paths are plain and lie in the project; beside generated sources there are no folders and nothing is replaced."""
    network, files = _written(subject)
    require(files, "it writes nothing")
    parts = {path: path.split("/") for path in files}
    odd = [path for path, names in parts.items() if not all(map(_is_plain, names))]
    require(not odd, f"{', '.join(map(repr, odd))} is no plain path")
    if subject.make(ProjectWriter).beside:
        folders = [path for path, names in parts.items() if len(names) > 1]
        require(not folders, f"{', '.join(folders)} is in a folder, though it lies beside the sources")
        replaced = sorted(set(files) & set(network.code.files))
        require(not replaced, f"it replaces {', '.join(replaced)} of the generator")


def sources_are_built(subject: Subject) -> None:
    """Every source of the network is named in some file, or among the files; no folder of this machine is named."""
    network, files = _written(subject)
    text = "\n".join([*files, *(content for content in files.values() if isinstance(content, str))])
    unnamed = [name for name in network.code.library if name not in text and name.removesuffix(".c") not in text]
    require(not unnamed, f"no file names {', '.join(unnamed)}")
    for place in {str(Path.home()), str(Path.cwd())} - {"/"}:
        require(place not in text, f"a file names {place}, a folder of this machine")


def hostile_names_are_escaped(subject: Subject) -> None:
    """The network's own name, which may be any text, reaches no file as it stands."""
    _, files = _written(subject)
    found = [path for path, content in files.items() if NAME in (content if isinstance(content, str) else "")]
    require(not found, f"{', '.join(found)} holds the name {NAME!r} as it stands")


def answer(subject: Subject) -> object:
    """Its files."""
    return dict(_written(subject)[1])


def _is_plain(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9_.+-]+", name)) and name.strip(".") != ""


def _written(subject: Subject) -> tuple[CompiledNetwork, Mapping[str, str | bytes]]:
    """A network of the first generator that has one, and what is written for it."""
    for name in subject.platform.names(CodeGenerator):
        try:
            generator = subject.platform.create(CodeGenerator, name)
        except TinyMLError:  # another plugin's fault, which its own checks tell
            continue
        for profile in profiles(subject):
            try:
                for network in _networks(generator, profile):
                    return network, subject.make(ProjectWriter).write(network)
            except (UnsupportedError, InputError):
                continue
    raise NotApplicable("no installed generator makes a network that it writes files for")


def _networks(generator: CodeGenerator, profile: HardwareProfile) -> Iterator[CompiledNetwork]:
    """A convolution, or a random network of operators that the generator knows."""
    try:
        program = planned(generator, chain(1), profile, "latency")
        yield _compiled(program, generator.generate(program, "n0"))
    except UnsupportedError:
        yield from (_compiled(case.program, case.code) for case in cases(generator, profile, 1))


def _compiled(program: Program, code: GeneratedCode) -> CompiledNetwork:
    memory = (program.region, 2048, program.arena_bytes, program.arena_alignment)
    return CompiledNetwork(NAME, "n0", program.profile, *memory, code)


CHECKS = (Check(files_stay_in_the_project), Check(sources_are_built), Check(hostile_names_are_escaped))
"""Those of a project writer."""
