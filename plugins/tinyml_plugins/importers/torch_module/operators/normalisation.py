"""Normalisations."""

from __future__ import annotations

import numpy as np

from tinyml_plugins.importers.torch_module.operators.call import Call, Operand, Rule, Step, integers, shape_of


def batch_norm(call: Call) -> Step:
    """Batch normalisation by the statistics of training."""
    channels = shape_of(call["input"])[1]
    weight = np.ones(channels, np.float32) if call["weight"] is None else call["weight"]
    bias = np.zeros(channels, np.float32) if call["bias"] is None else call["bias"]
    inputs = (call["input"], weight, bias, call["running_mean"], call["running_var"])
    return Step("BatchNormalization", inputs, {"epsilon": float(call["eps"])})


def layer_norm(call: Call) -> Step:
    """layer_norm over the last axes."""
    shape = tuple(int(size) for size in call["normalized_shape"])
    weight = np.ones(shape, np.float32) if call["weight"] is None else call["weight"]
    attributes = {"axis": -len(shape), "epsilon": float(call["eps"])}
    return Step("LayerNormalization", (call["input"], weight, call["bias"]), attributes)


def rms_norm(call: Call) -> Step:
    """rms_norm over the last axes."""
    shape = tuple(int(size) for size in call["normalized_shape"])
    weight = np.ones(shape, np.float32) if call["weight"] is None else call["weight"]
    epsilon = float(np.finfo(np.float32).eps if call["eps"] is None else call["eps"])
    return Step("RMSNormalization", (call["input"], weight), {"axis": -len(shape), "epsilon": epsilon})


def instance_norm(call: Call) -> Step:
    """instance_norm by the statistics of the sample."""
    call.demand("use_input_stats", True)
    channels = shape_of(call["input"])[1]
    weight = np.ones(channels, np.float32) if call["weight"] is None else call["weight"]
    bias = np.zeros(channels, np.float32) if call["bias"] is None else call["bias"]
    return Step("InstanceNormalization", (call["input"], weight, bias), {"epsilon": float(call["eps"])})


def group_norm(call: Call) -> Step:
    """group_norm: each group of channels as if it were one channel."""
    shape, groups = call.shape, int(call["num_groups"])
    flat = Step("Reshape", (call["input"], integers(shape[0], groups, -1)))
    ones, zeros = np.ones(groups, np.float32), np.zeros(groups, np.float32)
    normal = Step("InstanceNormalization", (flat, ones, zeros), {"epsilon": float(call["eps"])})
    result = Step("Reshape", (normal, integers(*shape)))
    for name, op_type in (("weight", "Mul"), ("bias", "Add")):
        if call[name] is not None:
            column: Operand = Step("Reshape", (call[name], integers(-1, *[1] * (len(shape) - 2))))
            result = Step(op_type, (result, column))
    return result


NORMALISATION: dict[str, Rule] = {
    "_native_batch_norm_legit_no_training.default": batch_norm,
    "group_norm.default": group_norm,
    "instance_norm.default": instance_norm,
    "layer_norm.default": layer_norm,
    "rms_norm.default": rms_norm,
}
