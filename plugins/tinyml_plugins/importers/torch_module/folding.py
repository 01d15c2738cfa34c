"""Folding: what a program computes from its parameters alone, by PyTorch, once, while it is converted."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, fx

from tinyml_plugins.importers.onnx.network import Array
from tinyml_plugins.importers.torch_module.operators.call import TYPES

LARGEST = 1 << 24
"""Elements of a constant that is computed."""


def is_constant(node: fx.Node, constants: Mapping[str, Array]) -> bool:
    """Whether a call reads constants only and always returns one tensor of the same numbers."""
    target, value = node.target, node.meta.get("val")
    return (
        isinstance(target, torch._ops.OpOverload)
        and torch.Tag.nondeterministic_seeded not in target.tags
        and isinstance(value, Tensor)
        and value.dtype in TYPES
        and math.prod(value.shape) <= LARGEST
        and all(source.name in constants for source in node.all_input_nodes)
    )


def computed(node: fx.Node, constants: Mapping[str, Array]) -> Array:
    """The result of a call of which :func:`is_constant` says that it is one."""

    def tensor(source: fx.Node) -> Tensor:
        return torch.from_numpy(np.array(constants[source.name]))

    assert isinstance(node.target, torch._ops.OpOverload)
    arguments = fx.node.map_arg((node.args, node.kwargs), tensor)
    with torch.no_grad():
        result = node.target(*arguments[0], **arguments[1])
    return np.ascontiguousarray(result.numpy())
