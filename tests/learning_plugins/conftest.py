"""What the tests of the learning plugin share: one parameter and its rule as a graph that is stepped."""

from __future__ import annotations

import runpy
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tinyml_core.api.optimizer import Parameter, TrainingOptimizer
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.graph import GraphBuilder, Quantization
from tinyml_core.graph.tensor import DType
from tinyml_core.graph.verify import verify
from tinyml_core.platform import Platform


@dataclass
class Rule:
    """An update rule on one parameter; ``state`` holds what it keeps."""

    optimizer: TrainingOptimizer
    parameter: Parameter
    state: dict[str, np.ndarray] = field(init=False)

    def __post_init__(self):
        parameter = self.parameter
        builder = GraphBuilder("rule")
        quantization = None
        if parameter.scale is not None:
            unit = parameter.input_scale if parameter.role == "bias" else 1.0
            scales = np.array(parameter.scale) * unit
            many = Quantization.per_channel(scales, parameter.axis)
            quantization = many if len(scales) > 1 else Quantization.per_tensor(scales[0])
        value = builder.input("p", parameter.shape, parameter.dtype, quantization)
        gradient = builder.input("g", parameter.shape, DType.FLOAT32)
        rate, seed = builder.input("rate", (1,), DType.FLOAT32), builder.input("seed", (1,), DType.INT32)
        kept = self.optimizer.state(parameter)
        names = tuple(builder.input(each.name, each.shape, each.dtype) for each in kept)
        self.state = {each.name: np.full(each.shape, each.initial, each.dtype.numpy) for each in kept}
        self._outputs = self.optimizer.update(builder, parameter, value, gradient, names, rate, seed)
        assert len(self._outputs) == 1 + len(kept)
        graph = verify(builder.build(self._outputs))
        new = graph.tensors[self._outputs[0]]
        assert (new.shape, new.dtype, new.quantization) == (parameter.shape, parameter.dtype, quantization)
        self._executor = ReferenceExecutor(graph)

    def step(self, value, gradient, rate, seed=0):
        """One step: the new value, and the real step that was rounded."""
        inputs = {
            "p": value,
            "g": np.asarray(gradient, np.float32),
            "rate": np.array([rate], np.float32),
            "seed": np.array([seed], np.int32),
        }
        step = f"{self.parameter.name}.step"
        result = self._executor.run({**inputs, **self.state}, keep=[step])
        self.state = dict(zip(self.state, (result[name] for name in self._outputs[1:]), strict=True))
        return result[self._outputs[0]], result[step]


@pytest.fixture(scope="session")
def platform():
    """The installed plugins."""
    return Platform()


@pytest.fixture(scope="session")
def rule(platform):
    """``rule(name, parameter, **options)``: an optimizer of the plugin on one parameter."""
    return lambda name, parameter, **options: Rule(platform.create(TrainingOptimizer, name, options), parameter)


@pytest.fixture(scope="session")
def network():
    """``network(...)``: a small int8 network with a residual, three layers and a classifier."""
    path = Path(__file__).with_name("small_network.py")  # tests are no package, so it cannot be imported by name
    return runpy.run_path(str(path))["network"]


@pytest.fixture(scope="session")
def small(network):
    """The small network as it usually is."""
    return network()
