"""The formats the platform reads, each with its mutants and the way that a command takes into it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from benchmarks.hostile_files import documents, onnx, onnx_networks, tflite
from benchmarks.hostile_files.family import Family
from tinyml_core.config import read_project
from tinyml_core.errors import GraphError, TinyMLError
from tinyml_core.graph import Graph
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected
from tinyml_core.graph.serialise import digest, save
from tinyml_core.npz import read_npz
from tinyml_core.pipeline.inspection import inspect_graph
from tinyml_core.platform import Platform
from tinyml_core.testing.isolation import Limits
from tinyml_core.testing.random_graphs import choose_from, random_graph
from tinyml_core.testing.random_nodes import MAKERS

TARGET = "stm32f746"
PUBLIC = Path(__file__).resolve().parents[3] / "shared" / "models"
"""Public networks, beside the checkout; the benchmark works without."""
PLAIN: tuple[type[Operator], ...] = (Conv2D, DepthwiseConv2D, Add, AveragePool2D, FullyConnected)
"""Operators that every code generator has."""


def families(platform: Platform) -> list[Family]:
    """TensorFlow Lite and ONNX first, then the formats of the platform itself."""
    graphs = [*_graphs(6, PLAIN), *_graphs(8, tuple(MAKERS))]
    small, public = tflite.small_networks(12), tflite.public_networks(PUBLIC)
    own, others = onnx_networks.small_networks(), onnx.public_networks(PUBLIC)
    return [
        Family("tflite", "model.tflite", (*small, *public), tflite.STRUCTURED, _inspect,
               _weights(small, public), is_network=True),
        Family("onnx", "model.onnx", (*own, *others), onnx.STRUCTURED, _inspect,
               _weights(own, others), is_network=True),
        Family("saved graph", "model.tinyml", tuple(map(_saved, graphs)), documents.GRAPH, _inspect, is_network=True),
        Family("project", "project.yaml", (documents.PROJECT,), documents.YAML, _project),
        Family("profile", "part.yaml", tuple(_profiles()), documents.YAML, _profile),
        Family("arrays", "x.npz", (documents.arrays(),), documents.NPZ, _arrays),
        _manifests(graphs[0], platform),
    ]  # fmt: skip


def _graphs(count: int, operators: Sequence[type[Operator]]) -> list[Graph]:
    drawn = (random_graph(choose_from(np.random.default_rng(seed)), operators=operators) for seed in range(20 * count))
    return [graph for graph in drawn if graph.parameters][:count]


def _weights(small: Sequence[bytes], public: Sequence[bytes]) -> tuple[int, ...]:
    """Small files are quick to read and compile, and damage to them hits something that counts: 15 in 16 are small."""
    return (*(15 * max(len(public), 1),) * len(small), *(max(len(small), 1),) * len(public))


def _saved(graph: Graph) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tinyml"
        save(graph, path)
        return path.read_bytes()


def _profiles() -> list[bytes]:
    found = sorted((each for each in files("tinyml_hw_profiles").iterdir() if each.name.endswith(".yaml")), key=str)
    stems = [each.name.removesuffix(".yaml").encode() for each in found]
    return [each.read_bytes().replace(b"name: " + stem, b"name: part") for each, stem in zip(found, stems, strict=True)]


def _manifests(graph: Graph, platform: Platform) -> Family:
    """A compiled folder whose manifest is damaged; what is accepted runs, on an emulator that reserves much."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        platform.compile(graph, TARGET, out)
        beside = {path.name: path.read_bytes() for path in out.iterdir()}
    source = beside.pop("manifest.json")
    return Family("manifest", "manifest.json", (source,), documents.JSON, _run, beside=beside,
                  limits=Limits(address_space=8 << 30))  # fmt: skip


def _inspect(path: Path, platform: Platform) -> str:
    """What ``tinyml inspect`` does; a broken rule after the passes is their mistake and no refusal."""
    graph = platform.load(path)
    try:
        refused = [each.reason for each in inspect_graph(graph, platform.target(TARGET), platform).refused]
    except GraphError as error:
        raise AssertionError(f"a pass broke the graph: {error}") from error
    except TinyMLError as error:
        refused = [str(error)]
    return json.dumps({"digest": digest(graph), "macs": graph.macs, "refused": refused[:1]})


def _project(path: Path, platform: Platform) -> str:
    return read_project(path).name


def _profile(path: Path, platform: Platform) -> str:
    return platform.target(str(path)).name


def _arrays(path: Path, platform: Platform) -> str:
    return " ".join(read_npz(path))


def _run(path: Path, platform: Platform) -> str:
    return json.dumps(platform.run(path.parent).report())
