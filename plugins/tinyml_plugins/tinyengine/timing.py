"""Cycle estimates: instructions of a kernel by what it processes, times the cycles an instruction takes on a core.

The rates were fitted to instructions counted on the emulated cores, with layers of 3 to 128 channels compiled by zig at
``-O3``; cycles per instruction are the averages of the simulator's timing tables over the same layers, at zero wait
states. Layers with few channels or pixels deviate by up to a factor of two: the estimates are there to rank schedules.
"""

from __future__ import annotations

from typing import NamedTuple

from tinyml_core.hardware.profile import HardwareProfile


class Rate(NamedTuple):
    """Instructions of a kernel."""

    per_mac: float
    """For each multiply-accumulate, or each element read by kernels that have none."""
    per_output: float
    """For each element written: requantisation and store."""
    per_gather: float = 0.0
    """For each element copied to scratch."""


RATES: dict[str, Rate] = {
    "columns_single": Rate(0.84, 5.0, 1.2),  # by what follows the sums; see kernels/columns.py
    "columns_tflite": Rate(0.84, 8.6, 1.2),
    "columns_sums": Rate(0.84, 20.0, 1.2),
    "conv2d_direct": Rate(4.6, 15.0),
    "dense_direct": Rate(3.3, 14.0),
    "depthwise_rings": Rate(0.95, 4.1, 1.65),
    "depthwise_3x3": Rate(0.92, 3.5, 1.6),
    "depthwise_row_pairs": Rate(1.0, 9.5, 5.0),
    "depthwise_plane": Rate(3.3, 6.0, 4.0),
    "pool_fours": Rate(3.5, 5.0),
    "pool": Rate(3.5, 9.0),
    "mean_fours": Rate(1.25, 7.5),
    "mean": Rate(2.7, 15.0),
    "add_fours": Rate(0.0, 6.5),
    "add": Rate(0.0, 10.1),
    "binary": Rate(0.0, 10.0),
    "select_int8": Rate(0.0, 8.0),
    "arg_reduce": Rate(4.0, 6.0),
    "l2_norm": Rate(0.0, 20.0),
    "log_softmax": Rate(0.0, 40.0),
    "rescale": Rate(0.0, 16.0),
    "lookup": Rate(0.0, 3.5),
    "softmax": Rate(0.0, 45.0),
    "pad": Rate(0.0, 1.5),
    "copy": Rate(0.0, 2.5),
    "join": Rate(0.0, 2.0),
    "gather": Rate(0.0, 2.5),
    "bilinear": Rate(0.0, 25.0),
    "matmul": Rate(4.4, 7.0),
    "transpose_conv2d": Rate(5.3, 16.0),
    "float_conv2d": Rate(4.2, 6.0),
    "float_depthwise": Rate(6.7, 4.0),
    "float_dense": Rate(4.3, 6.0),
    "float_pool": Rate(2.8, 6.0),
    "float_batch_norm": Rate(0.0, 5.5),
    "float_batch_norm_computed": Rate(0.0, 7.0),
    "pointwise": Rate(0.0, 8.0),
    "pointwise_function": Rate(0.0, 75.0),
    "reduce": Rate(4.5, 10.0),
    "row_norm": Rate(0.0, 58.0),
    "variable_records": Rate(0.0, 6.0),  # for each word and each channel
    "variable_filters": Rate(0.0, 6.5),
    "variable_pairs": Rate(0.0, 3.8),
    "variable_sums": Rate(0.0, 0.9),
    "lstm": Rate(3.4, 420.0),
    "float_lstm": Rate(4.5, 240.0),
    "float_gru": Rate(4.8, 158.0),
    "float_rnn": Rate(4.6, 56.0),
    "quantize": Rate(0.0, 29.0),
    "dequantize": Rate(0.0, 8.0),
    "saturation_mask": Rate(0.0, 6.3),
    "masked_scale": Rate(0.0, 8.0),
    "bias_gradient": Rate(2.5, 5.0),
    "pointwise_input_gradient": Rate(3.3, 2.0),
    "conv2d_input_gradient": Rate(4.8, 10.0),
    "depthwise_input_gradient": Rate(3.0, 4.0),
    "conv2d_weight_gradient": Rate(3.4, 4.0),
    "depthwise_weight_gradient": Rate(6.3, 10.0),
    "max_pool_gradient": Rate(7.0, 1.5),
    "merge_channels": Rate(0.0, 1.5, 2.5),
    "stochastic_round": Rate(0.0, 40.0),
    "saturating_subtract": Rate(0.0, 12.0),
}

CYCLES_PER_INSTRUCTION = {
    "cortex-m0plus": 2.4,  # counts the instructions that Armv6-M needs beyond those of Thumb-2
    "cortex-m3": 1.3,
    "cortex-m4": 1.27,
    "cortex-m7": 0.8,
    "cortex-m33": 1.1,
}
"""Averages, for kernels that :data:`OF_KERNEL` does not tell."""
OF_KERNEL: dict[str, dict[str, float]] = {
    "cortex-m4": {
        "columns_single": 1.43, "columns_tflite": 1.43, "columns_sums": 1.43, "conv2d_direct": 1.33,
        "dense_direct": 1.33, "depthwise_rings": 1.56, "depthwise_3x3": 1.56, "depthwise_row_pairs": 1.31,
        "depthwise_plane": 1.29, "pool": 1.35, "pool_fours": 1.17,
        "pointwise_input_gradient": 1.25, "conv2d_weight_gradient": 1.15, "depthwise_input_gradient": 1.15,
    },
    "cortex-m7": {
        "columns_single": 1.03, "columns_tflite": 1.03, "columns_sums": 1.03, "conv2d_direct": 0.72,
        "dense_direct": 0.72, "depthwise_rings": 1.06, "depthwise_3x3": 1.06, "depthwise_row_pairs": 0.88,
        "pool": 0.65, "pool_fours": 0.82, "add": 1.19, "add_fours": 0.70,
        "pointwise_input_gradient": 0.58, "conv2d_weight_gradient": 0.58, "depthwise_input_gradient": 0.68,
        "saturation_mask": 0.52, "masked_scale": 0.65, "bias_gradient": 0.55, "merge_channels": 0.6,
        "saturating_subtract": 0.65,
    },
}  # fmt: skip
"""Cycles per instruction of those kernels whose loops differ from the average, measured by ``tinyml tune`` on layers of
MobileNet, MCUNet and keyword spotting: multiply-accumulates of pairs do not issue together on the M7, and its loads and
plain arithmetic do. Those of training steps come from layers of 8x8x96, by both compilers."""
UNKNOWN_CORE = 1.5
"""Cycles per instruction assumed for a core that is not in the table."""


def cycles(kernel: str, profile: HardwareProfile, *, macs: float = 0, outputs: float = 0, gathered: float = 0) -> float:
    """Estimated cycles of one execution."""
    rate = RATES[kernel]
    instructions = rate.per_mac * macs + rate.per_output * outputs + rate.per_gather * gathered
    average = CYCLES_PER_INSTRUCTION.get(profile.core, UNKNOWN_CORE)
    return instructions * OF_KERNEL.get(profile.core, {}).get(kernel, average)
