"""The fake-quantised twin of a training step in torch, and random networks to compare the two on."""

from fake_quantised.networks import Descent, everything, random_network, residual_network
from fake_quantised.twin import gradients_by_autograd

__all__ = ["Descent", "everything", "gradients_by_autograd", "random_network", "residual_network"]
