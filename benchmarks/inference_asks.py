"""What the inference benchmark is judged by: figures asked, and peers' figures recorded on the same emulated cores.

Instructions of one inference on the Cortex-M7; SRAM in bytes. The peers' SRAM is their arena without stack.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ask:
    """A network with its asked figures; None where nothing is asked or a peer does not run it."""

    network: str
    file: str
    instructions: int
    """At most, rounding ``single``, objective ``latency``."""
    sram_resident: int | None
    """At most, objective ``sram``, whole input in memory."""
    sram_rows: int | None
    """At most, objective ``sram``, input pushed row by row."""
    flash: int | None
    """Weights and code, at most, objective ``latency``."""
    tflm: tuple[int | None, int | None]
    """TensorFlow Lite Micro with CMSIS-NN: instructions, arena."""
    tinyengine: tuple[int | None, int | None]
    """TinyEngine: instructions, memory."""


ASKS = (
    Ask(
        "vww_96_int8", "vww_96_int8.tflite", 5_800_000, 46_000, 20_000, 90_000,
        (24_000_000, 100_708), (19_700_000, 60_728),
    ),
    Ask(
        "mcunet_vww1", "mcunet_vww1.tflite", 16_500_000, 40_000, 22_000, 500_000,
        (47_800_000, 219_808), (34_500_000, 93_992),
    ),
    Ask("kws_ref_model", "kws_ref_model.tflite", 3_600_000, 8_500, 8_000, None, (7_650_000, 22_820), (None, None)),
    Ask("ad01_int8", "ad01_int8.tflite", 420_000, 2_600, None, None, (583_000, 2_580), (772_000, 3_328)),
    Ask("mcunet_5fps", "mcunet_5fps.qdq.onnx", 30_000_000, 86_000, 44_000, None, (None, None), (65_000_000, 189_800)),
    Ask("mbv2_w0.35", "mbv2_w0.35.qdq.onnx", 24_000_000, 82_000, 32_000, None, (None, None), (None, None)),
)  # fmt: skip
TFLITE_FACTOR = 1.3
"""Rounding ``tflite`` may cost this many times the instructions asked for ``single``."""
SRAM_FACTOR = 1.25
"""The ``sram`` build may cost this many times the instructions of the ``latency`` build."""
M4_FACTOR = 1.1
"""Instructions on the Cortex-M4 lie within this factor of the Cortex-M7's."""


@dataclass(frozen=True)
class LayerAsk:
    """One layer alone: at most ``limit`` instructions for each ``unit``."""

    layer: str
    unit: str
    limit: float | None


LAYERS = (
    LayerAsk("pointwise 64 -> 64, 12x12", "MAC", 1.10),
    LayerAsk("pointwise 16 -> 48, 20x20", "MAC", 1.45),
    LayerAsk("pointwise 8 -> 48, 20x20", "MAC", 1.9),
    LayerAsk("depthwise 3x3 stride 1, 20x20x48", "MAC", 1.7),
    LayerAsk("depthwise 3x3 stride 2, 20x20x48", "MAC", None),
    LayerAsk("depthwise 5x5 stride 1, 20x20x48", "MAC", None),
    LayerAsk("depthwise 7x7 stride 1, 20x20x48", "MAC", 1.3),
    LayerAsk("convolution 3x3 16 -> 16, 32x32", "MAC", 1.10),
    LayerAsk("RGB stem 3x3 stride 2 3 -> 16, 96x96", "MAC", 1.6),
    LayerAsk("residual add, 20x20x24", "element", 7.0),
    LayerAsk("mean, 12x12x64", "element", 2.0),
)
