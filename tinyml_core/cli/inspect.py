"""``tinyml inspect``: the layers of a network, what they cost, and what a target would refuse."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.tensor import Tensor
from tinyml_core.pipeline.inspection import Inspection, inspect_graph
from tinyml_core.pipeline.passes import Size


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--target", default="stm32f746", show_default=True, help="A microcontroller of `tinyml targets`.")
@shared_options()
def command(session: Session, model: Path, target: str) -> None:
    """Show the layers of MODEL, its totals, the SRAM it needs and what the target would refuse."""
    platform = session.platform()
    profile = platform.target(target)
    found = inspect_graph(platform.load(model), profile, platform)
    report = _report(found)
    session.print(report, *_layers(report), "", *_ports(report), "", *_summary(found), *_refusals(found))


def _report(found: Inspection) -> dict[str, Any]:
    graph = found.graph
    return {
        "network": graph.name, "target": found.profile.name, "rounding": graph.rounding.value,
        "inputs": [_tensor(graph.tensors[name]) for name in graph.inputs],
        "outputs": [_tensor(graph.tensors[name]) for name in graph.outputs],
        "layers": [_layer(node, graph) for node in graph.nodes],
        "macs": graph.macs, "parameters": graph.parameters, "constant_bytes": graph.constant_bytes,
        "after_passes": asdict(found.compiled),
        "sram_bytes": asdict(found.memory) if found.memory else None,
        "refused": [asdict(each) for each in found.refused],
    }  # fmt: skip


def _layer(node: Node, graph: Graph) -> dict[str, Any]:
    inputs, outputs = graph.inputs_of(node), graph.outputs_of(node)
    return {
        "name": node.name, "operator": node.op.kind,
        "inputs": [_tensor(tensor) for tensor in inputs if tensor.data is None],
        "outputs": [_tensor(tensor) for tensor in outputs],
        "macs": node.op.macs(inputs, outputs),
        "parameters": sum(tensor.elements for tensor in inputs if tensor.data is not None),
    }  # fmt: skip


def _tensor(tensor: Tensor) -> dict[str, Any]:
    quantization = tensor.quantization
    return {
        "name": tensor.name, "shape": list(tensor.shape), "type": tensor.dtype.value,
        "scale": list(quantization.scale) if quantization else None,
        "zero_point": list(quantization.zero_point) if quantization else None,
    }  # fmt: skip


def _shown(tensors: list[dict[str, Any]]) -> str:
    return ", ".join(f"{tensor['type']} {'x'.join(map(str, tensor['shape'])) or 'scalar'}" for tensor in tensors)


def _layers(report: dict[str, Any]) -> list[Table | str]:
    rows = [
        (layer["name"], layer["operator"], _shown(layer["inputs"]), _shown(layer["outputs"]),
         f"{layer['macs']:,}", f"{layer['parameters']:,}")
        for layer in report["layers"]
    ]  # fmt: skip
    head = ("layer", "operator", "reads", "writes", "MACs", "parameters")
    total = (
        f"total: {len(rows)} layers, {report['macs']:,} MACs, {report['parameters']:,} parameters "
        f"in {report['constant_bytes']:,} bytes"
    )
    return [Table(head, rows, title=report["network"]), total]


def _ports(report: dict[str, Any]) -> list[Table | str]:
    rows = [
        (f"{role} {tensor['name']}", _shown([tensor]), *_quantisation(tensor))
        for role in ("input", "output")
        for tensor in report[f"{role}s"]
    ]
    return [Table(("input or output", "type and shape", "scale", "zero point"), rows)]


def _quantisation(tensor: dict[str, Any]) -> tuple[str, str]:
    if tensor["scale"] is None:
        return "", ""
    if len(tensor["scale"]) > 1:
        return f"{len(tensor['scale'])}, one per channel", ""
    return f"{tensor['scale'][0]:g}", str(tensor["zero_point"][0])


def _summary(found: Inspection) -> list[Table | str]:
    size: Size = found.compiled
    rows = [
        ("nodes", f"{size.nodes:,}"),
        ("MACs", f"{size.macs:,}"),
        ("bytes of constants", f"{size.constant_bytes:,}"),
    ]
    if found.memory:
        rows.append(("arena", f"{found.memory.arena:,} B of SRAM"))
        rows.append(("its lower bound", f"{found.memory.lower_bound:,} B, set by {found.memory.binding}"))
    else:
        rows.append(("arena", "not planned, since something is refused"))
    return [Table(("after the passes", "value"), rows, title=f"on {found.profile.name}")]


def _refusals(found: Inspection) -> list[Table | str]:
    if not found.refused:
        return ["nothing is refused"]
    return ["", Table(("refused", "why"), [(each.name, each.reason) for each in found.refused])]
