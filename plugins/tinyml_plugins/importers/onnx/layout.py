"""Layout of the inputs: images lie NHWC on the device, as the first node that slides over them wants it."""

from __future__ import annotations

from collections import deque

from tinyml_plugins.importers.onnx.network import Network
from tinyml_plugins.importers.onnx.values import NHWC

IMAGE_READERS = frozenset({
    "AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "GlobalAveragePool", "GlobalMaxPool", "MaxPool",
    "ReduceMean", "Resize",
})  # fmt: skip
KEEPERS = frozenset({
    "Add", "Clip", "DequantizeLinear", "Div", "Dropout", "Elu", "Gelu", "HardSigmoid", "HardSwish", "Identity",
    "LeakyRelu", "Mul", "PRelu", "Pad", "QuantizeLinear", "Relu", "Sigmoid", "Softplus", "Sub", "Swish", "Tanh",
    "Transpose",
})  # fmt: skip
"""Operators whose output has the layout of their first input."""


def wanted_axes(network: Network, name: str, rank: int) -> tuple[int, ...]:
    """The layout in which an input should lie on the device: the source's axes in the order of the device."""
    own = tuple(range(rank))
    if rank != 4:
        return own
    waiting = deque([(name, own)])
    seen = {name}
    while waiting:
        name, order = waiting.popleft()
        for node in network.consumers.get(name, ()):
            if node.op_type in IMAGE_READERS:
                return tuple(order[axis] for axis in NHWC)
            if node.op_type not in KEEPERS or not node.outputs or node.outputs[0] in seen:
                continue
            after = order
            if node.op_type == "Transpose":
                permutation = node.integers("perm", (3, 2, 1, 0))
                if sorted(permutation) != [0, 1, 2, 3]:
                    continue
                after = tuple(order[axis] for axis in permutation)
            seen.add(node.outputs[0])
            waiting.append((node.outputs[0], after))
    return own
