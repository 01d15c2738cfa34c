"""Quantisation error: how far each tensor of an integer network lies from the float network it was made from.

Both are executed by the reference on the same samples, so a figure is of the whole network up to that tensor, not of
one layer alone. It is computed while both networks are at hand and kept in the output folder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import Tensor
from tinyml_core.pipeline.samples import Array
from tinyml_core.validation import explain

FILE = "quantisation.json"
MOST_SAMPLES = 16
MOST_OPERATIONS = 1 << 31
"""Of all samples together: some ten seconds of the reference executor."""
LARGEST_FILE = 4_000_000


class TensorError(BaseModel):
    """The error of one tensor over all samples."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sqnr_db: Annotated[float, Field(allow_inf_nan=False)] | None
    """Energy of the float values over that of the differences, in decibels; None where nothing differs."""
    cosine: Annotated[float, Field(ge=-1.001, le=1.001, allow_inf_nan=False)] | None
    """Cosine of the angle between both; None where one of them is zero throughout."""


class QuantisationErrors(BaseModel):
    """The tensors that both networks compute, by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: PositiveInt
    tensors: dict[str, TensorError]

    def write(self, folder: Path) -> None:
        """Write the errors into ``folder``."""
        (folder / FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_quantisation_errors(folder: Path) -> QuantisationErrors | None:
    """The errors that an output folder keeps; None where there was no float network.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"is larger than {LARGEST_FILE} bytes", place=str(path), remedy="compile again")
        return QuantisationErrors.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path), remedy="compile again") from None
    except ValidationError as error:
        raise InputError(explain(error, QuantisationErrors), place=str(path), remedy="compile again") from None


def quantisation_errors(floats: Graph, integers: Graph, samples: Mapping[str, Array]) -> QuantisationErrors:
    """Execute both networks on samples spread over those given and compare every quantised tensor that both compute.

    ``samples``: one array [n, *shape of the network's input] for each input, in the layout of the graph; converted to
    the type that the float network takes.
    """
    names = [
        name for name in integers.producers
        if name in floats.producers and integers.tensors[name].quantization is not None
        and floats.tensors[name].quantization is None and integers.tensors[name].shape == floats.tensors[name].shape
    ]  # fmt: skip
    given = len(next(iter(samples.values())))
    count = max(1, min(given, MOST_SAMPLES, MOST_OPERATIONS // max(floats.operations + integers.operations, 1)))
    executors = ReferenceExecutor(floats), ReferenceExecutor(integers)
    sums = {name: np.zeros(4) for name in names}
    for index in np.linspace(0, given - 1, count).astype(int):
        taken = {name: _of(floats.tensors[name], array[index]) for name, array in samples.items()}
        wanted = executors[0].run(taken, keep=names)
        got = executors[1].run({name: _for_integers(taken[name], integers, name) for name in taken}, keep=names)
        for name in names:
            sums[name] += _products(wanted[name], dequantise_array(got[name], integers.tensors[name]))
    found = {name: _error(*each.tolist()) for name, each in sums.items() if np.isfinite(each).all()}
    return QuantisationErrors(samples=count, tensors={name: error for name, error in found.items() if error})


def _of(tensor: Tensor, array: Array) -> Array:
    return array.reshape(tensor.shape).astype(tensor.dtype.numpy)


def _for_integers(array: Array, integers: Graph, name: str) -> Array:
    tensor = integers.tensors[name]
    floats = tensor.quantization is not None and array.dtype.kind == "f"
    return quantise_array(array, tensor) if floats else array


def _products(wanted: Array, got: Array) -> npt.NDArray[Any]:
    """Energies of both, of their difference, and their inner product."""
    a, b = wanted.astype(np.float64).ravel(), got.astype(np.float64).ravel()
    with np.errstate(all="ignore"):
        return np.array([a @ a, b @ b, (a - b) @ (a - b), a @ b])


def _error(wanted: float, got: float, difference: float, product: float) -> TensorError | None:
    """None where the float network computes nothing but zeros, of which no share can be told."""
    if wanted == 0:
        return None
    return TensorError(
        sqnr_db=10 * math.log10(wanted / difference) if difference > 0 else None,
        cosine=product / math.sqrt(wanted * got) if got > 0 else None,
    )
