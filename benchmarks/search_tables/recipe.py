"""How the exhaustive tables are made: a small super-network is trained, then each of its 5832 networks is judged.

    python benchmarks/search_tables/recipe.py digits|cifar16 [--cifar PATH/cifar10_subset.npz]

Three stages of inverted bottlenecks, each with 18 choices of kernel, expansion and depth; all networks share one set of
weights (the first channels, the inner taps, the first blocks). Training is sandwich sampling with in-place distillation
(Yu et al., ECCV 2020); a network is judged with batch statistics of calibration images of its own (Yu and Huang, ICCV
2019). One thread, budgets in steps, everything seeded: a table is reproduced on one machine with one torch version.

The accuracies are those of shared weights on a fixed set of images: a landscape to search, no estimate of what a
network trained alone would reach.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

KERNELS, EXPANSIONS, DEPTHS = (3, 5), (2, 3, 4), (1, 2, 3)
STAGE = tuple(itertools.product(KERNELS, EXPANSIONS, DEPTHS))
"""The 18 choices of a stage, in the order of the table's axes."""
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Job:
    """One table."""

    side: int
    channels: int
    stem: int
    stem_stride: int
    widths: tuple[int, int, int]
    strides: tuple[int, int, int]
    train: int
    steps: int
    batch: int
    calibration: int = 256


JOBS = {
    "digits": Job(8, 1, 8, 1, (12, 16, 24), (1, 2, 2), train=1100, steps=700, batch=64),
    "cifar16": Job(16, 3, 12, 2, (16, 24, 32), (1, 2, 2), train=9000, steps=800, batch=96),
}


class Normalised(nn.Module):
    """A convolution with batch normalisation by the statistics of the batch's first ``statistics`` samples."""

    statistics: int | None = None

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, depthwise: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, 1 if depthwise else inputs, kernel, kernel))
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")
        self.scale, self.shift = nn.Parameter(torch.ones(outputs)), nn.Parameter(torch.zeros(outputs))
        self.stride, self.depthwise = stride, depthwise

    def forward(self, x: Tensor, outputs: int, kernel: int, *, linear: bool = False) -> Tensor:
        """The first ``outputs`` channels by the inner ``kernel`` taps, clipped to 0..6 unless ``linear``."""
        inner = (self.weight.shape[2] - kernel) // 2
        taps = slice(inner, inner + kernel)
        inputs = 1 if self.depthwise else x.shape[1]
        weight = self.weight[:outputs, :inputs, taps, taps]
        x = F.conv2d(x, weight, None, self.stride, kernel // 2, groups=outputs if self.depthwise else 1)
        seen = x[: Normalised.statistics]
        mean, variance = seen.mean((0, 2, 3)), seen.var((0, 2, 3), unbiased=False)
        factor = self.scale[:outputs] * torch.rsqrt(variance + 1e-5)
        x = x * factor[:, None, None] + (self.shift[:outputs] - mean * factor)[:, None, None]
        return x if linear else x.clamp(0, 6)


class Bottleneck(nn.Module):
    """Expand, depthwise, project; a residual where the shapes allow."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        most = inputs * max(EXPANSIONS)
        self.expand = Normalised(inputs, most, 1)
        self.depthwise = Normalised(most, most, max(KERNELS), stride, depthwise=True)
        self.project = Normalised(most, width, 1)
        self.residual = stride == 1 and inputs == width

    def forward(self, x: Tensor, kernel: int, expansion: int) -> Tensor:
        """The block with this choice of kernel and expansion."""
        hidden = x.shape[1] * expansion
        y = self.depthwise(self.expand(x, hidden, 1), hidden, kernel)
        y = self.project(y, self.project.weight.shape[0], 1, linear=True)
        return x + y if self.residual else y


class SuperNetwork(nn.Module):
    """All 5832 networks in one set of weights."""

    def __init__(self, job: Job, classes: int = 10) -> None:
        super().__init__()
        self.stem = Normalised(job.channels, job.stem, 3, job.stem_stride)
        inputs = (job.stem, *job.widths[:2])
        self.stages = nn.ModuleList(
            nn.ModuleList(
                Bottleneck(before if block == 0 else width, width, stride if block == 0 else 1)
                for block in range(max(DEPTHS))
            )
            for before, width, stride in zip(inputs, job.widths, job.strides, strict=True)
        )
        self.head = nn.Linear(job.widths[-1], classes)

    def forward(self, x: Tensor, choices: tuple[tuple[int, int, int], ...]) -> Tensor:
        """Logits of one network: (kernel, expansion, depth) of each stage."""
        x = self.stem(x, self.stem.weight.shape[0], 3)
        for blocks, (kernel, expansion, depth) in zip(self.stages, choices, strict=True):
            for block in list(blocks)[:depth]:
                x = block(x, kernel, expansion)
        return self.head(x.mean((2, 3)))

    def stage_outputs(self, stage: int, x: Tensor) -> Iterator[tuple[int, Tensor]]:
        """The output of a stage for each of its choices: a deeper one continues a shallower one."""
        for kernel, expansion in itertools.product(KERNELS, EXPANSIONS):
            y = x
            for depth in DEPTHS:
                y = self.stages[stage][depth - 1](y, kernel, expansion)
                yield STAGE.index((kernel, expansion, depth)), y


def load(name: str, cifar: Path) -> tuple[Tensor, Tensor]:
    """Images [n, channels, side, side], standardised, and labels, in an order fixed by seed 0."""
    if name == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        images = x.reshape(-1, 1, 8, 8)
    else:
        with np.load(cifar) as arrays:
            x, y = arrays["x_train"].astype(np.float32), arrays["y_train"].ravel()
        images = x.reshape(-1, 16, 2, 16, 2, 3).mean((2, 4)).transpose(0, 3, 1, 2)
    order = np.random.default_rng(0).permutation(len(y))
    images = np.asarray(images, np.float32)[order]
    images = (images - images.mean((0, 2, 3), keepdims=True)) / images.std((0, 2, 3), keepdims=True).mean()
    tensor = torch.from_numpy(np.ascontiguousarray(images)).to(memory_format=torch.channels_last)
    return tensor, torch.from_numpy(np.asarray(y, np.int64)[order])


def train(job: Job, x: Tensor, y: Tensor) -> SuperNetwork:
    """Sandwich: the largest network learns the labels, the smallest and a random one learn from the largest."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = SuperNetwork(job).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=job.steps, pct_start=0.1)
    for _ in range(job.steps):
        batch = torch.from_numpy(rng.integers(job.train, size=job.batch))
        images, labels = x[batch], y[batch]
        if job.channels == 3 and rng.random() < 0.5:
            images = images.flip(3)
        taught = network(images, (STAGE[-1],) * 3)
        F.cross_entropy(taught, labels).backward()
        target = taught.detach().softmax(1)
        for choices in ((STAGE[0],) * 3, tuple(STAGE[int(index)] for index in rng.integers(len(STAGE), size=3))):
            F.cross_entropy(network(images, choices), target).backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    return network


@torch.no_grad()
def judge(network: SuperNetwork, job: Job, x: Tensor, y: Tensor) -> np.ndarray:
    """Accuracy [18, 18, 18] of every network; what networks have in common is computed once."""
    Normalised.statistics = job.calibration
    images = torch.cat([x[: job.calibration], x[job.train :]])
    labels = y[job.train :]
    table = np.zeros((len(STAGE),) * 3, np.float32)
    stem = network.stem(images, job.stem, 3)
    for first, a in network.stage_outputs(0, stem):
        for second, b in network.stage_outputs(1, a):
            for third, c in network.stage_outputs(2, b):
                called = network.head(c[job.calibration :].mean((2, 3))).argmax(1)
                table[first, second, third] = (called == labels).float().mean()
    return table


def costs(job: Job) -> dict[str, np.ndarray]:
    """Multiply-accumulates and parameters (batch normalisation folded) of every network, shape [18, 18, 18]."""
    per_stage: list[list[tuple[int, int]]] = []
    side = job.side // job.stem_stride
    before = job.stem
    for width, stride in zip(job.widths, job.strides, strict=True):
        out = side // stride
        rows = []
        for kernel, expansion, depth in STAGE:
            macs = parameters = 0
            for block in range(depth):
                inputs, rows_in = (before, side) if block == 0 else (width, out)
                hidden = inputs * expansion
                macs += rows_in**2 * inputs * hidden + out**2 * hidden * (kernel**2 + width)
                parameters += hidden * (inputs + 1) + hidden * (kernel**2 + 1) + width * (hidden + 1)
            rows.append((macs, parameters))
        per_stage.append(rows)
        side, before = out, width
    stem = (job.side // job.stem_stride) ** 2 * 9 * job.channels * job.stem, job.stem * (9 * job.channels + 1)
    head = job.widths[-1] * 10, job.widths[-1] * 10 + 10
    totals = np.array([[[np.add(np.add(a, b), c) for c in per_stage[2]] for b in per_stage[1]] for a in per_stage[0]])
    totals = totals + np.add(stem, head)
    return {"macs": totals[..., 0], "parameters": totals[..., 1]}


def main() -> None:
    """Make one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=JOBS)
    parser.add_argument("--cifar", type=Path, default=FOLDER.parents[2] / "shared" / "data" / "cifar10_subset.npz")
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(1)
    job = JOBS[options.table]
    x, y = load(options.table, options.cifar)
    began = time.process_time()
    network = train(job, x, y)
    trained = time.process_time()
    table = judge(network, job, x, y)
    about = {
        "table": options.table, "torch": torch.__version__, "steps": job.steps, "images": len(y) - job.train,
        "training_cpu_seconds": round(trained - began), "judging_cpu_seconds": round(time.process_time() - trained),
    }  # fmt: skip
    np.savez_compressed(
        options.out / f"{options.table}.npz", accuracy=table, **costs(job), about=np.array(json.dumps(about))
    )
    print(json.dumps(about), f"accuracy {table.min():.3f} to {table.max():.3f}, s.d. {table.std():.4f}")


if __name__ == "__main__":
    main()
