"""Tracing: a module and an example become an exported program, functional and in evaluation mode."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram, default_decompositions, export
from torch.export.decomp_utils import CustomDecompTable

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_plugins.importers.torch_module.operators import OPERATORS


def trace(module: object, example: object) -> ExportedProgram:
    """The program of a copy of ``module`` for one sample; no operator works in place.

    Raises:
        InputError: ``example`` is no float32 tensor or array, or a tuple of such.
        UnsupportedError: ``module`` is none of PyTorch's, or torch.export cannot trace it.
    """
    if not isinstance(module, nn.Module):
        raise UnsupportedError("is no torch.nn.Module")
    if example is None:
        raise InputError("needs an example of its input", remedy="call Platform().load(module, example)")
    parts = example if isinstance(example, tuple | list) else (example,)
    inputs = tuple(_first_sample(part, index) for index, part in enumerate(parts))
    try:
        evaluated = copy.deepcopy(module).cpu().eval()
        program: ExportedProgram = export(evaluated, inputs, strict=False).run_decompositions(_decompositions())
    except Exception as error:  # what tracing raises depends on the module, whose own code runs
        reason = str(error).strip().splitlines() or [""]
        raise UnsupportedError(
            f"cannot be traced by torch.export: {type(error).__name__}: {reason[0][:200]}",
            remedy="give an example of the right shape, and avoid control flow that depends on values",
        ) from error
    return program


def _decompositions() -> CustomDecompTable:
    """PyTorch's decompositions of everything that is not converted as it is."""
    table = default_decompositions()
    for operator in list(table.keys()):  # type: ignore[no-untyped-call]
        if str(operator).removeprefix("aten.") in OPERATORS:
            table.pop(operator)  # type: ignore[no-untyped-call]
    return table


def _first_sample(part: object, index: int) -> Tensor:
    place = f"example input {index}"
    try:
        tensor = torch.as_tensor(part)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"is a {type(part).__name__}, no tensor or array", place=place) from None
    if tensor.dtype is not torch.float32:
        raise InputError(f"has type {tensor.dtype}, only torch.float32 is known", place=place)
    if tensor.ndim and not len(tensor):
        raise InputError(f"has shape {list(tensor.shape)}, at least one sample is needed", place=place)
    return (tensor[:1] if tensor.ndim > 1 else tensor).detach().cpu()
