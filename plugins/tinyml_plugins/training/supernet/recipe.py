"""SupernetRecipe: how a super-network is trained, and where it is kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from tinyml_core.errors import InputError
from tinyml_plugins.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class SupernetRecipe(Recipe):
    """Options of a super-network's training, in steps as all trainings."""

    steps: int = 1000
    """Updates of the weights by the sandwich rule."""
    batch_size: int = 64
    """Samples in each."""
    learning_rate: float = 0.01
    """Greatest learning rate of AdamW; it rises linearly, then falls along half a cosine to 0."""
    label_smoothing: float = 0.0
    """Share of the target spread evenly over all classes."""
    networks: int = 1
    """Random networks in each step, beside the largest and the smallest."""
    largest_steps: int = 0
    """Updates of the largest network alone, before; its channels are then sorted."""
    shrinking: tuple[tuple[str, ...], ...] = ()
    """Progressive shrinking: words of which a choice's name holds one, phase by phase; choices of phases to come are as
    in the largest network. An example: ((resolution, kernel), (depth,), (width, expansion)). None: all are free."""
    calibration: int = 512
    """Training samples by which a network's normalisations get statistics of their own before it is judged."""
    checkpoint: str = "supernet.npz"
    """The file that keeps the super-network, also between steps; every worker reads it."""
    checkpoint_steps: int = 200
    """Steps from one checkpoint to the next."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it is trained: ``auto`` is CUDA when there is some. Networks are judged on the CPU."""

    def __post_init__(self) -> None:
        super().__post_init__()
        least = {"networks": 0, "largest_steps": 0, "calibration": 2, "checkpoint_steps": 1}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise InputError(f"{getattr(self, name)} is too small", place=name, remedy=f"give {bound} or more")
        if not self.checkpoint:
            raise InputError("is empty", place="checkpoint", remedy="name a file")

    @property
    def shaping(self) -> dict[str, Any]:
        """The options that the trained weights depend on."""
        kept = asdict(self)
        for name in ("calibration", "checkpoint", "checkpoint_steps"):
            del kept[name]
        return kept
