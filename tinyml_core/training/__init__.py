"""Learning on the device: a training step is one graph, made from a quantised network and executed like any other.

:func:`build_step` writes it (forward, backward, update), :class:`Simulation` carries it out on the reference executor.
"""

from tinyml_core.training.head import FloatHead
from tinyml_core.training.simulation import Simulation
from tinyml_core.training.step import TrainingStep, build_step
from tinyml_core.training.variables import Variable

__all__ = ["FloatHead", "Simulation", "TrainingStep", "Variable", "build_step"]
