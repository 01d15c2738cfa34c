"""Hostile TensorFlow Lite files: sound schema, wrong content.

Sources are networks that the project makes itself, and the public ones in ``../shared/models`` where they are there.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from tflite_models.writer import NotExpressible, schema, to_tflite
from tinyml_core.graph import Rounding
from tinyml_core.testing.mutations import Mutation
from tinyml_core.testing.random_graphs import choose_from, random_graph

EXTREMES = (-(2**31), -65536, -2, -1, 0, 1, 2, 3, 7, 64, 127, 1000, 65536, 2**24, 2**31 - 1)
NAMES = (b"", b"*/", b"\xff\xfe", b"a" * 100_000, b"\x1b[31m", b"int", b"../../evil", b"%s%n", b"\0")


def small_networks(count: int) -> list[bytes]:
    """Random int8 networks of a few layers."""
    files: list[bytes] = []
    for seed in range(20 * count):
        graph = random_graph(choose_from(np.random.default_rng(seed)), roundings=[Rounding.TFLITE])
        try:
            files.append(to_tflite(graph))
        except NotExpressible:
            continue
        if len(files) == count:
            break
    return files


def public_networks(folder: Path) -> list[bytes]:
    """The public networks, where they are there."""
    return [path.read_bytes() for path in sorted(folder.glob("*.tflite"))]


class _Shared:
    """A record written once, however often it is referred to."""

    def __init__(self, record: Any) -> None:
        self.record, self.offset = record, None

    def Pack(self, builder: Any) -> Any:
        if self.offset is None:
            self.offset = self.record.Pack(builder)
        return self.offset


def structured(change: Callable[[Any, random.Random], None]) -> Mutation:
    """A mutation of bytes out of one of the parsed model; a model it does not apply to stays as it is."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        model = schema.ModelT.InitFromPackedBuf(data, 0)
        change(model, rng)
        builder = flatbuffers.Builder(len(data) + 4096)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    return mutate


def _tensor(model: Any, rng: random.Random) -> Any:
    return rng.choice(model.subgraphs[0].tensors)


def _quantised(model: Any, rng: random.Random) -> Any:
    found = [each.quantization for each in model.subgraphs[0].tensors if each.quantization is not None]
    found = [each for each in found if each.scale is not None and len(each.scale)]
    return rng.choice(found) if found else schema.QuantizationParametersT()


def _operator(model: Any, rng: random.Random) -> Any:
    return rng.choice(model.subgraphs[0].operators)


def _index(model: Any, rng: random.Random, record: Any, name: str) -> None:
    values = [] if getattr(record, name) is None else [int(each) for each in getattr(record, name)]
    count = len(model.subgraphs[0].tensors)
    new = rng.choice((*EXTREMES, count, count - 1, rng.randrange(count), rng.randrange(count)))
    if values and rng.random() < 0.8:
        values[rng.randrange(len(values))] = new
    elif values and rng.random() < 0.5:
        values.pop()
    else:
        values.append(new)
    setattr(record, name, values)


def _operator_index(model: Any, rng: random.Random) -> None:
    _index(model, rng, _operator(model, rng), rng.choice(("inputs", "outputs")))


def _border_index(model: Any, rng: random.Random) -> None:
    _index(model, rng, model.subgraphs[0], rng.choice(("inputs", "outputs")))


def _buffer_index(model: Any, rng: random.Random) -> None:
    _tensor(model, rng).buffer = rng.choice((0, 1, 2, len(model.buffers) - 1, len(model.buffers), 2**32 - 1))


def _shape(model: Any, rng: random.Random) -> None:
    tensor = _tensor(model, rng)
    shape = [] if tensor.shape is None else [int(size) for size in tensor.shape]
    match rng.randrange(4):
        case 0 if shape:
            rng.shuffle(shape)
        case 1:
            shape = shape * rng.choice((0, 2, 3))
        case 2:
            shape.insert(0, rng.choice(EXTREMES))
        case _ if shape:
            shape[rng.randrange(len(shape))] = rng.choice(EXTREMES)
    setattr(tensor, rng.choice(("shape", "shape", "shape", "shapeSignature")), shape)


def _opcode(model: Any, rng: random.Random) -> None:
    record = rng.choice(model.operatorCodes)
    if rng.random() < 0.7:
        record.builtinCode = rng.choice((rng.randrange(160), *EXTREMES))
        record.deprecatedBuiltinCode = max(min(record.builtinCode, 127), -128)
    else:
        record.version = rng.choice(EXTREMES)


def _opcode_index(model: Any, rng: random.Random) -> None:
    _operator(model, rng).opcodeIndex = rng.choice((0, 1, len(model.operatorCodes), 2**32 - 1))


def _type(model: Any, rng: random.Random) -> None:
    _tensor(model, rng).type = rng.choice((*range(-1, 24), 127, -128))


def _quantisation_missing(model: Any, rng: random.Random) -> None:
    _tensor(model, rng).quantization = None


def _scale(model: Any, rng: random.Random) -> None:
    record = _quantised(model, rng)
    scales = np.array([0.1] if record.scale is None else record.scale, np.float32)
    scales[rng.randrange(len(scales))] = rng.choice((0, -1, np.nan, np.inf, -np.inf, 1e-45, 1e-30, 3e38, 1e10, 1.0))
    record.scale = rng.choice((scales, scales, scales, scales[:-1], np.repeat(scales, 2)))


def _zero_point(model: Any, rng: random.Random) -> None:
    record = _quantised(model, rng)
    points = np.array([0] if record.zeroPoint is None else record.zeroPoint, np.int64)
    if len(points):
        points[rng.randrange(len(points))] = rng.choice((-(2**63), 2**63 - 1, -129, -128, 127, 128, 1, 0))
    record.zeroPoint = rng.choice((points, points, points, points[:0], np.repeat(points, 2)))


def _axis(model: Any, rng: random.Random) -> None:
    _quantised(model, rng).quantizedDimension = rng.choice(EXTREMES)


def _options(model: Any, rng: random.Random) -> None:
    operator = _operator(model, rng)
    values = vars(operator.builtinOptions) if operator.builtinOptions is not None else {}
    plain = sorted(name for name, value in values.items() if isinstance(value, int | float))
    match rng.randrange(8):
        case 0:
            operator.builtinOptions, operator.builtinOptionsType = None, 0
        case 1:
            operator.builtinOptions = schema.Conv2DOptionsT()
            operator.builtinOptionsType = rng.randrange(128)
        case _ if plain:
            name = rng.choice(plain)
            wide = name.startswith(("stride", "dilation", "filter", "axis", "depth", "num", "begin", "end", "block"))
            new = rng.choice(EXTREMES if wide else range(-1, 128))
            setattr(operator.builtinOptions, name, not values[name] if isinstance(values[name], bool) else new)


def _short_buffer(model: Any, rng: random.Random) -> None:
    filled = [each for each in model.buffers if each.data is not None and len(each.data)]
    if filled:
        buffer = rng.choice(filled)
        data = np.asarray(buffer.data, np.uint8)
        buffer.data = data[: rng.randrange(len(data))] if rng.random() < 0.7 else np.tile(data, 2)


def _constants(model: Any, rng: random.Random) -> None:
    """Other values where the file says axes, sizes and padding: constants of up to 64 bytes."""
    small = [each for each in model.buffers if each.data is not None and 0 < len(each.data) <= 64]
    if small:
        buffer = rng.choice(small)
        data = np.array(buffer.data, np.uint8)
        words = data[: len(data) // 4 * 4].view(np.int32)
        if len(words):
            words[rng.randrange(len(words))] = rng.choice(EXTREMES)
        buffer.data = data


def _shared_offsets(model: Any, rng: random.Random) -> None:
    owner, name = rng.choice(
        ((model.subgraphs[0], "tensors"), (model.subgraphs[0], "operators"), (model, "buffers"), (model, "subgraphs"),
         (model, "operatorCodes"))
    )  # fmt: skip
    records = [_Shared(each) for each in getattr(owner, name)]
    if records:
        times = rng.choice((2, 50, 5000))
        setattr(owner, name, records + [rng.choice(records)] * times)


def _order(model: Any, rng: random.Random) -> None:
    rng.shuffle(rng.choice((model.subgraphs[0].operators, model.subgraphs[0].tensors, model.buffers)))


def _repeated_operator(model: Any, rng: random.Random) -> None:
    operators = model.subgraphs[0].operators
    if operators:
        operators.insert(rng.randrange(len(operators) + 1), rng.choice(operators))


def _names(model: Any, rng: random.Random) -> None:
    name = rng.choice(NAMES)
    match rng.randrange(3):
        case 0:
            model.description = name
        case 1:
            for tensor in model.subgraphs[0].tensors:
                tensor.name = name
        case _:
            _tensor(model, rng).name = name


def _kinds(model: Any, rng: random.Random) -> None:
    match rng.randrange(5):
        case 0:
            _tensor(model, rng).isVariable = True
        case 1:
            _tensor(model, rng).sparsity = schema.SparsityParametersT()
        case 2:
            model.version = rng.choice(EXTREMES[4:])
        case 3:
            model.subgraphs = model.subgraphs * rng.choice((0, 2))
        case _:
            rng.choice(model.buffers).offset = rng.choice((2, 2**63, 2**64 - 1))


STRUCTURED: dict[str, Mutation] = {
    change.__name__.strip("_").replace("_", " "): structured(change)
    for change in (
        _operator_index, _border_index, _buffer_index, _shape, _opcode, _opcode_index, _type, _quantisation_missing,
        _scale, _zero_point, _axis, _options, _short_buffer, _constants, _shared_offsets, _order, _repeated_operator,
        _names, _kinds,
    )
}  # fmt: skip
"""Name of each kind of damage."""
