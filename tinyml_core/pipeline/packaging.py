"""Packaging: a compiled folder becomes a project of an ecosystem, written whole or not at all.

The folder may come from anywhere: what its manifest says of files and C names is checked before anything is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import tinyml_core
from tinyml_core.api.generator import GeneratedCode, RowFeed
from tinyml_core.api.project_writer import CompiledNetwork, ProjectWriter
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.pipeline.manifest import Manifest, read_manifest
from tinyml_core.pipeline.staging import staged

if TYPE_CHECKING:
    from tinyml_core.platform import Platform

MARK = "tinyml-package.json"
"""Says where a package comes from, and that the folder may be replaced by another one."""
MAX_BYTES = 256_000_000
"""All sources of a network together: weights stand in them as text."""
LONGEST_PREFIX = 48
ALIGNMENTS = (1, 2, 4, 8, 16, 32, 64)

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,119}\.[A-Za-z]{1,4}")


@dataclass(frozen=True)
class Packaged:
    """A written package: its folder, and the paths in it with their sizes in bytes."""

    folder: Path
    ecosystem: str
    network: str
    files: Mapping[str, int]

    def report(self) -> dict[str, Any]:
        """The stable object that ``--json`` prints."""
        return {
            "network": self.network, "ecosystem": self.ecosystem, "out": str(self.folder),
            "files": [{"path": path, "bytes": size} for path, size in self.files.items()],
        }  # fmt: skip


def package_folder(
    folder: Path, ecosystem: str, out: Path | None, platform: Platform, options: Mapping[str, Any] | None = None
) -> Packaged:
    """Write the project of the network in ``folder`` for an ecosystem: the name of a project writer.

    Args:
        folder: written by ``tinyml compile`` or ``tinyml build``.
        ecosystem: such as ``arduino``.
        out: where the project goes; ``<prefix>-<ecosystem>`` in the working directory when None.
        platform: supplies the writer.
        options: of the writer.

    Raises:
        InputError: the folder does not suit, or ``out`` cannot be written.
        PluginError: no writer has that name.
        UnsupportedError: the network has state, whose first values lie in a file that no project takes in.
    """
    writer = platform.create(ProjectWriter, ecosystem, options or {})
    network, manifest = read_network(folder)
    written = dict(writer.write(network))
    files: dict[str, str | bytes] = {**network.code.files, **written} if writer.beside else written
    _check_paths(files, ecosystem)
    origin = {
        "ecosystem": ecosystem, "network": network.name, "graph_digest": manifest.graph_digest,
        "target": network.profile.name, "version": tinyml_core.__version__,
    }  # fmt: skip
    files[MARK] = json.dumps(origin, indent=2) + "\n"
    contents = {path: content.encode() if isinstance(content, str) else content for path, content in files.items()}
    out = out or Path(f"{network.prefix}-{ecosystem.replace(':', '-')}")
    with staged(out, mark=MARK) as work:
        for path, content in contents.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_bytes(content)
    return Packaged(out, ecosystem, network.name, {path: len(contents[path]) for path in sorted(contents)})


def read_network(folder: Path) -> tuple[CompiledNetwork, Manifest]:
    """The network in a compiled folder with its sources, and its manifest.

    Raises:
        InputError: the folder is none, or its files are not what its manifest says.
        UnsupportedError: the network has state.
    """
    manifest = read_manifest(folder)
    place, told = str(folder), manifest.sources
    if told is None:
        raise InputError("does not tell which C files it holds", place=place, remedy="compile the network again")
    if manifest.state and manifest.learning is None:
        raise UnsupportedError(
            "keeps state, whose first values lie in state.npz, which no project takes in", place=place,
            remedy="package a network without state, or a training step of tinyml adapt",
        )  # fmt: skip
    symbols = {manifest.prefix, manifest.invoke, manifest.arena_symbol, told.selftest}
    symbols |= {manifest.feed.begin} if manifest.feed else set()
    names = {*told.files, *told.library, told.example, told.header}
    wrong = sorted(name for name in symbols - {""} if not _IDENTIFIER.fullmatch(name))
    wrong += sorted(name for name in names - {""} if not _FILE.fullmatch(name) or name not in told.files)
    wrong += [manifest.prefix] if len(manifest.prefix) > LONGEST_PREFIX else []
    if wrong:
        problem = f"names {wrong[0][:60]!r}, which no C file or function can be"
        raise InputError(problem, place=f"{folder}/manifest.json", remedy="compile the network again")
    if not told.library or told.arena_alignment not in ALIGNMENTS:
        problem = f"has {len(told.library)} sources and an arena aligned to {told.arena_alignment}"
        raise InputError(problem, place=f"{folder}/manifest.json", remedy="compile the network again")
    profile = manifest.profile.restore()
    code = GeneratedCode(
        files=_read(folder, told.files), invoke=manifest.invoke, arena=manifest.arena_symbol,
        layers=tuple(layer.function for layer in manifest.layers), library=told.library, example=told.example,
        feed=RowFeed(**manifest.feed.model_dump()) if manifest.feed else None, header=told.header,
        selftest=told.selftest,
    )  # fmt: skip
    network = CompiledNetwork(
        name=manifest.network, prefix=manifest.prefix, profile=profile, region=manifest.region,
        stack=manifest.stack_reserve, arena_bytes=manifest.arena_bytes, arena_alignment=told.arena_alignment, code=code,
    )  # fmt: skip
    return network, manifest


def _read(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """The text of each file; links are not followed, since they may lead out of the folder."""
    left, texts = MAX_BYTES, {}
    for name in names:
        path = folder / name
        try:
            if path.is_symlink() or not path.is_file():
                raise InputError("is no file", place=str(path), remedy="compile the network again")
            left -= path.stat().st_size
            if left < 0:
                problem = f"its sources are larger than {MAX_BYTES} bytes"
                raise InputError(problem, place=str(folder), remedy="compile a smaller network")
            texts[name] = path.read_bytes().decode("ascii")
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", place=str(path), remedy="check the folder") from None
        except UnicodeDecodeError as error:
            raise InputError(f"byte {error.start} is not ASCII", place=str(path), remedy="compile again") from None
    return texts


def _check_paths(files: Mapping[str, object], ecosystem: str) -> None:
    """A writer must not reach out of its project, nor write two files that are one on some file systems."""
    seen: set[str] = {MARK}
    for path in files:
        parts = PurePosixPath(path).parts
        plain = parts and not path.startswith("/") and ".." not in parts and not re.search(r"[\\:\x00-\x1f]", path)
        if not plain or str(PurePosixPath(path)) != path or path.casefold() in seen:
            raise UnsupportedError(f"a project writer wrote a file it must not: {path!r}", place=ecosystem)
        seen.add(path.casefold())
