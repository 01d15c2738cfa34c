"""Reductions over axes."""

from __future__ import annotations

import math

import torch

from tinyml_plugins.importers.torch_module.operators.call import Call, Operand, Rule, Step, integers, number, shape_of


def _axes(call: Call) -> tuple[int, ...]:
    rank, given = len(shape_of(call["self"])), call.arguments.get("dim")
    axes = given if isinstance(given, list | tuple) else [] if given is None else [given]
    return tuple(int(axis) % rank for axis in axes) or tuple(range(rank))


def _reduced(op_type: str, value: Operand, axes: tuple[int, ...], keep: bool) -> Step:
    if op_type == "ReduceSum":  # the only one whose axes are an input in this opset
        return Step(op_type, (value, integers(*axes)), {"keepdims": int(keep)})
    return Step(op_type, (value,), {"axes": axes, "keepdims": int(keep)})


def reduce(op_type: str) -> Rule:
    """A reduction over some axes, or all, in the type of its result."""

    def rule(call: Call) -> Step:
        value = call.as_type(call["self"], call.node.meta["val"].dtype)
        return _reduced(op_type, value, _axes(call), bool(call.arguments.get("keepdim")))

    return rule


def norm(call: Call) -> Step:
    """linalg_vector_norm of order 1 or 2."""
    call.demand("ord", 1, 2)
    call.demand("dtype", None)
    return _reduced("ReduceL1" if call["ord"] == 1 else "ReduceL2", call["self"], _axes(call), bool(call["keepdim"]))


def place(op_type: str) -> Rule:
    """Argmax and argmin, over one axis or the flattened tensor."""

    def rule(call: Call) -> Step:
        if call["dim"] is not None:
            return Step(op_type, (call["self"],), {"axis": int(call["dim"]), "keepdims": int(call["keepdim"])})
        if call["keepdim"]:
            raise call.unsupported("keeps the axes of the whole tensor")
        return Step(op_type, (Step("Reshape", (call["self"], integers(-1))),), {"axis": 0, "keepdims": 0})

    return rule


def extremum(reduction: str, position: str) -> Rule:
    """Max and min over one axis: values and places."""

    def rule(call: Call) -> tuple[Step, ...]:
        keep = bool(call["keepdim"])
        (axis,) = _axes(call)
        places = Step(position, (call["self"],), {"axis": axis, "keepdims": int(keep)})
        return _reduced(reduction, call["self"], (axis,), keep), places

    return rule


def variance(root: bool) -> Rule:
    """Var and std, with a correction of the count."""

    def rule(call: Call) -> Step:
        axes, shape = _axes(call), shape_of(call["self"])
        count = math.prod(shape[axis] for axis in axes)
        left = count - float(1 if call["correction"] is None else call["correction"])
        if left <= 0:
            raise call.unsupported(f"divides by {left:g}")
        centred = Step("Sub", (call["self"], _reduced("ReduceMean", call["self"], axes, keep=True)))
        total = _reduced("ReduceSum", Step("Mul", (centred, centred)), axes, bool(call["keepdim"]))
        found = Step("Div", (total, number(left)))
        return Step("Sqrt", (found,)) if root else found

    return rule


def softmax(op_type: str) -> Rule:
    """Softmax and its logarithm."""

    def rule(call: Call) -> Step:
        if call.node.meta["val"].dtype is not torch.float32:
            raise call.unsupported(f"computes in {call.node.meta['val'].dtype}")
        return Step(op_type, (call["self"],), {"axis": int(call["dim"])})

    return rule


REDUCTION: dict[str, Rule] = {
    "_log_softmax.default": softmax("LogSoftmax"),
    "_softmax.default": softmax("Softmax"),
    **{f"all.{kind}": reduce("ReduceMin") for kind in ("default", "dim", "dims")},
    **{f"any.{kind}": reduce("ReduceMax") for kind in ("default", "dim", "dims")},
    "amax.default": reduce("ReduceMax"),
    "amin.default": reduce("ReduceMin"),
    "argmax.default": place("ArgMax"),
    "argmin.default": place("ArgMin"),
    "linalg_vector_norm.default": norm,
    "log_softmax.int": softmax("LogSoftmax"),
    "logsumexp.default": reduce("ReduceLogSumExp"),
    "max.default": reduce("ReduceMax"),
    "max.dim": extremum("ReduceMax", "ArgMax"),
    "mean.default": reduce("ReduceMean"),
    "mean.dim": reduce("ReduceMean"),
    "min.default": reduce("ReduceMin"),
    "min.dim": extremum("ReduceMin", "ArgMin"),
    "prod.default": reduce("ReduceProd"),
    "prod.dim_int": reduce("ReduceProd"),
    "softmax.int": softmax("Softmax"),
    "std.correction": variance(root=True),
    "sum.default": reduce("ReduceSum"),
    "sum.dim_IntList": reduce("ReduceSum"),
    "var.correction": variance(root=False),
}
