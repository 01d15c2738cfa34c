"""Converter: what the walk over the network must know of an operator before it has it converted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinyml_core.graph.tensor import Quantization
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.values import Variable

Results = Variable | tuple[Variable, ...]
ANY = 1 << 10
"""The most inputs of an operator that takes any number."""


@dataclass(frozen=True)
class Converter:
    """How one operator is read.

    The first ``operands`` inputs are computed with, the others only tell how; ``least`` and ``most`` bound the number
    of inputs. ``moves``: elements are only moved, so they stay in the quantisation they have. ``integers`` says for
    which quantisations of the result an integer form exists, ``clamps`` whether that form may limit its result too.
    ``alike``: the inputs behind the operands tell nothing but their type. ``raw``: integers without a scale are
    taken as they are. Attributes not named here are refused.
    """

    convert: Callable[[Call, Emitter], Results]
    least: int
    most: int
    attributes: frozenset[str] = frozenset()
    operands: int = 1
    moves: bool = False
    integers: Callable[[Quantization], bool] = lambda quantization: True
    clamps: bool = True
    alike: bool = False
    raw: bool = False


def names(text: str) -> frozenset[str]:
    """Names with spaces between them."""
    return frozenset(text.split())


def real(_: Quantization) -> bool:
    """For operators without an integer form: they compute in float32."""
    return False
