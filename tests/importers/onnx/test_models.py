"""The seed's own networks as ONNX, over CIFAR-10 images, against onnxruntime."""

from pathlib import Path

import numpy as np
import pytest

from tests.importers.onnx.oracle import session  # noqa: TID251
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_plugins.importers.onnx.importer import OnnxImporter

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the models and data beside the checkout")
NODES = {"mcunet_5fps": 52, "mbv2_w0.35": 64}


def images(count):
    """CIFAR-10 test images [count, 128, 128, 3] as the networks take them: int8, 32 pixels repeated to 128."""
    with np.load(SHARED / "data" / "cifar10_subset.npz") as data:
        pixels = data["x_test"][:count]
    real = pixels.repeat(4, axis=1).repeat(4, axis=2).astype(np.float32)
    return np.clip(np.rint((real / 255 - 0.5) * 255), -128, 127).astype(np.int8)


def compare(name, count):
    """For each image: the margin of onnxruntime's first class over its second, and whether both agree on it."""
    path = SHARED / "models" / f"{name}.qdq.onnx"
    graph = OnnxImporter().read(path)
    assert len(graph.nodes) == NODES[name]
    assert graph.axes == {"input_q": (0, 2, 3, 1), "fc_y": (0, 2, 3, 1)}
    executor, oracle = ReferenceExecutor(graph), session(str(path))
    rows = []
    for image in images(count)[:, np.newaxis]:
        got = executor.run({"input_q": image})
        scores = oracle.run(["fc_y"], {"input_q": image.transpose(0, 3, 1, 2)})[0].ravel().astype(int)
        assert np.array_equal(got["logits"].ravel(), got["fc_y"].ravel())
        second, first = np.sort(scores)[-2:]
        rows.append((first - second, int(got["logits"].argmax()) == int(scores.argmax()),
                     int(np.abs(got["fc_y"].ravel() - scores).max())))  # fmt: skip
    return np.array(rows)


@pytest.mark.parametrize("name", list(NODES))
def test_same_class_where_the_margin_is_clear(name):
    rows = compare(name, 24)
    clear = rows[:, 0] >= 7
    assert clear.any()
    assert rows[clear, 1].all()
    assert rows[:, 2].max() <= 6


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NODES))
def test_same_class_over_many_images(name):
    rows = compare(name, 200)
    for margin in (1, 3, 7):
        clear = rows[:, 0] >= margin
        print(f"{name}: margin >= {margin}: {rows[clear, 1].sum()} of {clear.sum()}")
    assert rows[rows[:, 0] >= 7, 1].all()
    assert rows[rows[:, 0] >= 3, 1].mean() >= 0.97
