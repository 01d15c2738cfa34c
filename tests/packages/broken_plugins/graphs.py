"""Sound readers and rewriters of graphs, and what violates a check of importers, passes and quantizers."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from broken_plugins.mutant import mutants
from tinyml_core.errors import InputError
from tinyml_core.graph import DType, Tensor
from tinyml_core.graph.serialise import load, save
from tinyml_core.testing.conformance.samples.networks import residual
from tinyml_plugins.quantize.post_training import PostTraining


def example() -> Path:
    path = Path(tempfile.mkdtemp(), "network.kit")
    save(residual(), path)
    return path


@dataclass(frozen=True)
class Reader:
    """Sound: saved graphs under another suffix."""

    suffixes = (".kit",)

    def read(self, path):
        return load(path)


class Loud(Reader):
    suffixes = (".kit", ".KIT")


class Greedy(Reader):
    suffixes = (".kit", ".onnx")


class Naive(Reader):
    def read(self, path):
        if path.exists() and path.stat().st_size == 0:
            raise EOFError("nothing to read")
        return load(path)


class Hasty(Reader):
    def read(self, path):
        try:
            return load(path)
        except InputError:
            if path.exists() and path.read_bytes()[:2] == b"PK":
                raise EOFError("the file ends early") from None
            raise


class Renaming(Reader):
    read_so_far: list[Path] = []  # noqa: RUF012 - what all of them share

    def read(self, path):
        graph = load(path)
        self.read_so_far.append(path)
        return replace(graph, name=f"network{len(self.read_so_far)}")


@dataclass(frozen=True)
class Nothing:
    """Sound: leaves every graph as it is."""

    after = ()

    def apply(self, graph):
        return graph


class Follower(Nothing):
    after = ("enigma",)


class Forgetful(Nothing):
    """Takes weights for zeros, once."""

    def apply(self, graph):
        weights = [tensor for tensor in graph.tensors.values() if tensor.data is not None and np.any(tensor.data)]
        zeros = {tensor.name: replace(tensor, data=np.zeros_like(tensor.data)) for tensor in weights}
        return replace(graph, tensors={**graph.tensors, **zeros}) if zeros else graph


class Littering(Nothing):
    def apply(self, graph):
        graph.tensors["litter"] = Tensor("litter", (1,), DType.FLOAT32, None, np.zeros(1, np.float32))
        return graph


class Endless(Nothing):
    def apply(self, graph):
        return replace(graph)


@dataclass(frozen=True, kw_only=True)
class Postponing(PostTraining):
    def quantize(self, graph, data, seed):
        return graph if data is None else super().quantize(graph, data, seed)


@dataclass(frozen=True, kw_only=True)
class Squinting(PostTraining):
    """Chooses scales by samples a hundred times too dark."""

    def quantize(self, graph, data, seed):
        dark = data and replace(data, train=replace(data.train, x=data.train.x / 100))
        return super().quantize(graph, dark, seed)


ASKED: list[int] = []


@dataclass(frozen=True, kw_only=True)
class Drifting(PostTraining):
    def quantize(self, graph, data, seed):
        ASKED.append(seed)
        return replace(super().quantize(graph, data, seed), name=f"network{len(ASKED)}")


MUTANTS = (
    *mutants(
        "importer",
        {
            "suffixes-are-lower-case": Loud,
            "suffixes-are-its-own": Greedy,
            "nonsense-is-refused": Naive,
            "damage-is-refused": Hasty,
            "example-is-read": Renaming,
        },
        example=example,
    ),
    *mutants(
        "pass",
        {
            "neighbours-exist": Follower,
            "results-are-the-same": Forgetful,
            "graphs-given-are-left-alone": Littering,
            "comes-to-an-end": Endless,
        },
        graphs=6,
    ),
    *mutants(
        "quantizer",
        {
            "gives-an-integer-network": Postponing,
            "keeps-what-the-network-knows": Squinting,
            "equal-arguments-give-equal-networks": Drifting,
        },
    ),
)
