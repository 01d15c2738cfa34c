"""Computing: what a network computes from constants alone, by the reference executor, once, while it is read."""

from __future__ import annotations

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.tensor import DType
from tinyml_plugins.importers.onnx.converters import Converter
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.network import Node
from tinyml_plugins.importers.onnx.values import Constant, Value, Variable

LARGEST = 4096
"""Elements of any array that is computed with."""
MOST_OPERATIONS = 1 << 16
"""Operations of one node that is computed; a pool of a few elements may have a window of many thousands."""
PLAIN = frozenset(dtype.value for dtype in (DType.FLOAT32, DType.INT32, DType.INT64, DType.BOOL))


def computed(
    node: Node, opset: int, converter: Converter, inputs: tuple[Value | None, ...]
) -> tuple[Constant, ...]:  # fmt: skip
    """The constants that ``node`` makes of the constants ``inputs``.

    Raises:
        UnsupportedError: they are too large, or no numbers that stand for themselves.
    """
    emitter = Emitter("constants")
    operands: list[Value | None] = list(inputs)
    for index, value in enumerate(inputs):
        if value is None:
            continue
        if not isinstance(value, Constant):
            if not converter.alike:
                raise _refused(node)
            continue
        if value.quantization is not None or value.data.dtype.name not in PLAIN or not 0 < value.data.size <= LARGEST:
            raise _refused(node)
        if index < converter.operands:
            handle = emitter.constant(value.name or f"input{index}", value.data)
            operands[index] = Variable(handle, DType(value.data.dtype.name), tuple(range(value.data.ndim)))
    if not any(isinstance(value, Variable) for value in operands):
        raise _refused(node)
    found = converter.convert(Call(node, opset, tuple(operands), node.outputs[0], DType.FLOAT32), emitter)
    variables = [emitter.plain(value) for value in (found if isinstance(found, tuple) else (found,))]
    graph = emitter.builder.build([value.handle for value in variables])
    if graph.operations > MOST_OPERATIONS or any(tensor.elements > LARGEST for tensor in graph.tensors.values()):
        raise _refused(node)
    arrays = execute(graph, {})
    return tuple(
        Constant(name, arrays[value.handle].transpose(value.source_axes))
        for name, value in zip(node.outputs, variables, strict=False)
    )


def _refused(node: Node) -> UnsupportedError:
    return UnsupportedError("computes with constants only", place=node.place, remedy="simplify it with onnxsim")
