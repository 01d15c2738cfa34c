"""Quantisation: from a float graph to an int8 one, in two steps that every quantiser shares.

:func:`observe_ranges` watches a float graph work on samples; :func:`quantise_graph` turns the graph and those ranges
into integers. What a quantiser adds is how it comes to the ranges and whether it tunes the weights, for instance by
:func:`equalised`.
"""

from tinyml_core.quantization.calibration import observe_ranges
from tinyml_core.quantization.equalisation import equalised
from tinyml_core.quantization.graph import quantise_graph
from tinyml_core.quantization.ranges import RangeMethod, watching
from tinyml_core.quantization.scales import Range

__all__ = ["Range", "RangeMethod", "equalised", "observe_ranges", "quantise_graph", "watching"]
