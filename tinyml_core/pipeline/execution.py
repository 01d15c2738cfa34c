"""Execution: a compiled folder on its emulated core, every output compared with the reference executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyml_core.api.runner import Device, Measurement, Runner, combined
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.errors import DeviceFault, InputError, ToolchainError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.serialise import load
from tinyml_core.graph.tensor import Tensor
from tinyml_core.npz import read_npz
from tinyml_core.pipeline import figures
from tinyml_core.pipeline.compilation import BINARY_FILE, GRAPH_FILE, STATE_FILE
from tinyml_core.pipeline.manifest import Manifest, read_manifest
from tinyml_core.pipeline.rounds import Rounds
from tinyml_core.pipeline.samples import Array, samples_for, to_source
from tinyml_core.pipeline.trained import read_trained

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


@dataclass(frozen=True, eq=False)
class Execution:
    """What the device computed and what it cost.

    ``outputs``: name -> [samples, ...] in the types of ``samples`` given: float where floats were given. ``state``:
    what the last sample left of what every sample replaces, by the names of the inputs. ``exact``: no output byte and
    no byte of the state after any sample differs from the reference executor. The measurement is that of the first
    sample, and where several make an update of the one that updates.
    """

    manifest: Manifest
    outputs: Mapping[str, Array]
    state: Mapping[str, Array]
    samples: int
    exact: bool
    differing_bytes: int
    measurement: Measurement

    def report(self) -> dict[str, Any]:
        """The stable object that ``--json`` prints."""
        measured, profile = self.measurement, self.manifest.profile.restore()
        rows = {row.symbol: row for row in measured.functions}
        layers = [
            {
                "name": layer.name, "operator": layer.operator, "kernel": layer.kernel, "shape": list(layer.shape),
                "macs": layer.macs,
                "instructions": rows[layer.function].instructions if layer.function in rows else 0,
                "cycles": rows[layer.function].cycles if layer.function in rows else 0,
            }
            for layer in self.manifest.layers
        ]  # fmt: skip
        return {
            "network": self.manifest.network,
            "target": profile.name,
            "samples": self.samples,
            "exact": self.exact,
            "differing_bytes": self.differing_bytes,
            "instructions": measured.instructions,
            "instructions_basis": measured.instructions_basis,
            "cycles": figures.cycles_object(measured.cycles),
            "milliseconds": figures.milliseconds(measured.cycles, profile),
            "macs": self.manifest.macs,
            "sram_bytes": figures.sram_bytes(self.manifest, measured.stack_bytes),
            "flash_bytes": figures.flash_bytes(self.manifest),
            "layers": layers,
        }


def run_folder(
    folder: Path,
    inputs: Mapping[str, Array] | None,
    platform: Platform,
    *,
    seed: int = 0,
    runner: str | None = None,
    trained: Path | None = None,
    advance: Callable[[int], None] = lambda done: None,
) -> Execution:
    """Run the network in ``folder``.

    State is written into the arena once, as it lies in the folder; every sample finds what the one before it left.

    Args:
        folder: written by :func:`~tinyml_core.pipeline.compilation.compile_graph`.
        inputs: one array per input but state, leading axis samples (``x`` will do when there is one input); a seeded
            random sample when None. Float arrays are quantised with the input's scale, and outputs are then floats
            too. Arrays have the source's layout (``graph.axes``), which outputs get back.
        platform: supplies the runner.
        seed: of the random sample.
        trained: blob of a board that takes the place of what lies in the folder, for training steps.
        runner: name of the machine that executes the binary; the one it was compiled for when None.
        advance: told after each sample how many more are done.

    Raises:
        InputError: the folder or an array does not suit.
        DeviceFault: the program faulted on the device.
    """
    manifest = read_manifest(folder)
    graph = load(folder / GRAPH_FILE)
    _check_agreement(manifest, graph, folder)
    samples, floats = _integer_samples(graph, inputs, seed)
    state = _first_state(folder, graph)
    if trained is not None:
        state |= read_trained(trained, manifest, graph)
    rounds = Rounds(graph, manifest)
    device = platform.create(Runner, runner or manifest.runner).load(folder / BINARY_FILE, manifest.profile.restore())
    _write_ports(device, manifest, state)
    collected: dict[str, list[Array]] = {name: [] for name in graph.outputs if name not in graph.state.values()}
    measurement, differing, count = None, 0, len(next(iter(samples.values())))
    for index in range(count):
        sample = {name: array[index] for name, array in samples.items()}
        profile = index == min(count, rounds.samples) - 1
        outputs, measured = _invoke(device, manifest, graph, sample, rounds.symbol(index), profile=profile)
        measurement = measurement or measured
        expected = rounds.expected(index, sample, state)
        differing += sum(differing_bytes(outputs[name], expected[name]) for name in graph.outputs)
        for name, arrays in collected.items():
            arrays.append(outputs[name])
        state = {name: expected[updated] for name, updated in graph.state.items()}
        advance(1)
    assert measurement is not None
    left = {name: outputs[updated] for name, updated in graph.state.items()}
    stacked = {name: np.concatenate(arrays) for name, arrays in collected.items()}
    if floats:
        stacked = {
            name: dequantise_array(array, graph.tensors[name]) if graph.tensors[name].quantization else array
            for name, array in stacked.items()
        }
    stacked = {name: to_source(array, graph, name) for name, array in stacked.items()}
    return Execution(manifest, stacked, left, count, differing == 0, differing, measurement)


def _invoke(
    device: Device, manifest: Manifest, graph: Graph, sample: Mapping[str, Array], invoke: str, *, profile: bool
) -> tuple[dict[str, Array], Measurement | None]:
    arena = device.address(manifest.arena_symbol)
    layers = list(filter(None, (layer.function for layer in manifest.layers)))
    measurements: list[Measurement] = []

    def call(symbol: str) -> None:
        status, measurement = device.call(symbol, [arena], profile=profile, layers=layers)
        if status != 0:
            raise DeviceFault(f"{symbol} returned {status}", place=manifest.network)
        if measurement is not None:
            measurements.append(measurement)

    if manifest.feed is None:
        _write_ports(device, manifest, sample)
        call(invoke)
    else:
        feed, (port,) = manifest.feed, manifest.inputs
        data = np.ascontiguousarray(sample[port.name]).tobytes()
        call(feed.begin)
        for row in range(feed.rows):
            at = arena + port.offset + row % feed.slots * feed.row_bytes
            device.write(at, data[row * feed.row_bytes : (row + 1) * feed.row_bytes])
            call(invoke)
    outputs = {}
    for port in manifest.outputs:
        tensor = graph.tensors[port.name]
        data = device.read(arena + port.offset, port.size)
        outputs[port.name] = np.frombuffer(data, tensor.dtype.numpy).reshape(tensor.shape)
    return outputs, combined(measurements) if measurements else None


def _write_ports(device: Device, manifest: Manifest, values: Mapping[str, Array]) -> None:
    arena = device.address(manifest.arena_symbol)
    for port in manifest.inputs:
        if port.name in values:
            device.write(arena + port.offset, np.ascontiguousarray(values[port.name]).tobytes())


def differing_bytes(got: Array, expected: Array) -> int:
    """Bytes that differ; one NaN is like another, since IEEE 754 leaves sign and payload to the machine."""
    if expected.dtype.kind == "f":
        unlike = ~(np.isnan(got) & np.isnan(expected))
        got, expected = got[unlike], expected[unlike]
    return int(np.count_nonzero(np.frombuffer(got.tobytes(), np.uint8) != np.frombuffer(expected.tobytes(), np.uint8)))


def _check_agreement(manifest: Manifest, graph: Graph, folder: Path) -> None:
    """A folder whose files were mixed by hand must not give figures that look right."""
    ports = [(port.name, port.size) for port in (*manifest.inputs, *manifest.outputs)]
    tensors = [(name, graph.tensors[name].bytes) for name in (*graph.inputs, *graph.outputs)]
    learning = manifest.learning
    told = learning is None or (
        graph.state.keys() >= {*learning.trained, *learning.sums} and set(graph.outputs) >= {*learning.accumulation}
    )
    if ports != tensors or manifest.state != graph.state or not told:
        raise InputError("manifest and graph do not belong together", place=str(folder), remedy="run tinyml compile")
    if not (folder / BINARY_FILE).is_file():
        raise ToolchainError(f"has no {BINARY_FILE}", place=str(folder), remedy="run tinyml compile")


def _first_state(folder: Path, graph: Graph) -> dict[str, Array]:
    if not graph.state:
        return {}
    found = read_npz(folder / STATE_FILE)
    types = {name: (array.shape, array.dtype) for name, array in found.items()}
    needed = {name: (graph.tensors[name].shape, graph.tensors[name].dtype.numpy) for name in graph.state}
    if types != needed:
        raise InputError("state and graph do not belong together", place=str(folder), remedy="run tinyml compile")
    return found


def _integer_samples(graph: Graph, inputs: Mapping[str, Array] | None, seed: int) -> tuple[dict[str, Array], bool]:
    """Arrays [samples, *tensor shape] in the graph's types, and whether floats were given for integers."""
    graph = replace(graph, inputs=tuple(name for name in graph.inputs if name not in graph.state))
    if inputs is None:
        rng = np.random.default_rng(seed)
        return {name: _random(graph.tensors[name], rng)[np.newaxis] for name in graph.inputs}, False
    converted, floats = samples_for(graph, inputs), False
    for name, array in converted.items():
        tensor = graph.tensors[name]
        if array.dtype.kind == "f" and tensor.quantization is not None:
            floats = True
            array = quantise_array(array.astype(np.float32), tensor)
        if array.dtype != tensor.dtype.numpy:
            raise InputError(
                f"has type {array.dtype}, {tensor.dtype.value} or float is needed", place=f"input array {name!r}"
            )
        converted[name] = array
    return converted, floats


def _random(tensor: Tensor, rng: np.random.Generator) -> Array:
    if tensor.dtype.is_integer:
        low, high = tensor.dtype.limits
        return rng.integers(low, high, tensor.shape, endpoint=True).astype(tensor.dtype.numpy)
    return rng.standard_normal(tensor.shape).astype(np.float32)
