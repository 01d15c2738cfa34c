"""Recipe: how a network is trained; two trainings by one recipe and seed give the same bits on one machine."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Options of a training. Its length is counted in steps, never in time, so that it can be repeated."""

    steps: int = 200
    """Updates of the weights."""
    batch_size: int = 32
    """Samples in each."""
    learning_rate: float = 0.03
    """Greatest learning rate of AdamW; it rises linearly, then falls along half a cosine to 0."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = 0.05
    """Decoupled decay of weights (Loshchilov and Hutter, ICLR 2019); biases and normalisations do not decay."""
    label_smoothing: float = 0.1
    """Share of the target spread evenly over all classes."""
    shift: int = 0
    """Images move by up to this many pixels each way, at random; other samples stay. Worth it from about
    a thousand steps on."""

    def __post_init__(self) -> None:
        least = {"steps": 1, "batch_size": 2, "learning_rate": 0, "weight_decay": 0, "shift": 0}
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise InputError(f"{getattr(self, name)} is too small", place=name, remedy=f"give {bound} or more")
        for name in ("warmup", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{getattr(self, name)} is no share", place=name, remedy="give 0 or more, below 1")
