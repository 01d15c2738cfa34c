"""Networks compiled for this machine and run in child processes: how benchmarks execute many small graphs at once.

The binary for the device is proved on the emulator; this is for breadth, where thousands of tiny networks are tried.
A child that dies takes nobody with it.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyml_core.api.generator import CodeGenerator, GeneratedCode
from tinyml_core.graph import Graph
from tinyml_core.hardware import HardwareProfile, MemoryRegion
from tinyml_core.platform import Platform
from tinyml_core.program import Program
from tinyml_core.program.planner import plan

HOST = HardwareProfile(
    name="host", title="This machine, as a core without extensions", vendor="none", core="cortex-m0plus",
    features=frozenset(), clock_hz=1_000_000_000, sources={},
    regions=(MemoryRegion("flash", "flash", 0, 1 << 30), MemoryRegion("sram", "sram", 1 << 30, 1 << 30)),
)  # fmt: skip
FLAGS = ("-std=c99", "-O1", "-shared", "-fPIC", "-ffp-contract=off", "-Werror", "-Wall", "-Wextra")


@dataclass(frozen=True)
class HostNetwork:
    """A graph with its plan and its C."""

    graph: Graph
    program: Program
    code: GeneratedCode


def prepare(graph: Graph, prefix: str, platform: Platform) -> HostNetwork:
    """Plan and generate; raises the platform's errors for what cannot be done."""
    generator = platform.create(CodeGenerator, "tinyengine")
    program = plan(graph, HOST, lambda node: generator.candidates(node, graph, HOST))
    return HostNetwork(graph, program, generator.generate(program, prefix))


def run_all(
    networks: Sequence[HostNetwork], inputs: Sequence[Mapping[str, np.ndarray]]
) -> list[dict[str, np.ndarray] | None]:
    """Outputs of each network for its inputs; None where the child died."""
    with tempfile.TemporaryDirectory() as folder:
        library = _compile(networks, Path(folder))
        found = _in_child(library, networks, inputs)
        if found is not None:
            return list(found)
        single = (_in_child(library, [one], [given]) for one, given in zip(networks, inputs, strict=True))
        return [each[0] if each else None for each in single]


def _compile(networks: Sequence[HostNetwork], folder: Path) -> Path:
    sources = []
    for network in networks:
        for name, text in network.code.files.items():
            (folder / name).write_text(text, encoding="ascii")
        sources += [str(folder / name) for name in network.code.library]
    library = folder / "networks.so"
    subprocess.run(["cc", *FLAGS, *sources, "-o", str(library), "-lm"], check=True)
    return library


def _in_child(library: Path, networks: Sequence[HostNetwork], inputs: Sequence[Mapping[str, np.ndarray]]):
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(library, networks, inputs, sender))
    child.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        return None
    finally:
        child.join()


def _run(library: Path, networks: Sequence[HostNetwork], inputs: Sequence[Mapping[str, np.ndarray]], sender) -> None:
    loaded = ctypes.CDLL(str(library))
    sender.send([_invoke(loaded, one, given) for one, given in zip(networks, inputs, strict=True)])


def _invoke(loaded: ctypes.CDLL, network: HostNetwork, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    program, alignment = network.program, max(network.program.arena_alignment, 16)
    memory = np.zeros(program.arena_bytes + alignment, np.uint8)
    start = -memory.ctypes.data % alignment
    arena = memory[start : start + program.arena_bytes]
    for name, array in inputs.items():
        offset = program.buffer_of(name).offset
        arena[offset : offset + array.nbytes] = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
    invoke = getattr(loaded, network.code.invoke)
    invoke.argtypes = [ctypes.c_void_p]
    if invoke(memory.ctypes.data + start):
        raise SystemExit(f"{network.code.invoke} refused its arena")
    outputs = {}
    for name in network.graph.outputs:
        tensor, offset = network.graph.tensors[name], program.buffer_of(name).offset
        data = arena[offset : offset + tensor.bytes].tobytes()
        outputs[name] = np.frombuffer(data, tensor.dtype.numpy).reshape(tensor.shape)
    return outputs
