"""What cannot be converted is refused by name, in one sentence."""

import subprocess
import sys

import numpy as np
import pytest

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.platform import Platform

torch = pytest.importorskip("torch", reason="torch is not installed")
nn, functional = torch.nn, torch.nn.functional


class Plain(nn.Module):
    """A module around a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


IMAGE = torch.ones(1, 4, 6, 6)

REFUSED = {
    "operator": (Plain(torch.erfinv), "module Plain, node 'erfinv': operator aten.erfinv.default is not known"),
    "three dimensions": (Plain(lambda x: functional.avg_pool3d(x, 2)), "aten.avg_pool3d.default is not known"),
    "uneven windows": (nn.AdaptiveAvgPool2d(4), r"pools \[6, 6\] to \[4, 4\]"),
    "uneven scale": (nn.Upsample(scale_factor=1.3), "scales 6 by 1.3, which is no whole number of pixels"),
    "bits": (Plain(lambda x: x.int() & 3), "aten.bitwise_and.Scalar.*combines the bits of integers"),
    "whole division": (Plain(lambda x: torch.div(x, 2, rounding_mode="trunc")), "divides by mode trunc"),
    "several indices": (Plain(lambda x: x[:, [0, 1], [1, 2]]), "is indexed by several tensors"),
    "order of a norm": (Plain(lambda x: torch.linalg.vector_norm(x, 3)), "has ord=3"),
    "threshold": (nn.Softplus(threshold=5), "has beta=1, threshold=5"),
    "random": (Plain(lambda x: x + torch.rand(6)), "aten.rand"),
    "a sum of no type known": (Plain(lambda x: x.sum(dtype=torch.float64)), "computes in torch.float64"),
    "running sums": (Plain(lambda x: x.cumsum(1)), "aten.cumsum.default is not known"),
    "divisor": (nn.AvgPool2d(2, divisor_override=3), "has divisor_override=3"),
    "dropout that stays": (Plain(lambda x: functional.dropout(x)), "drops at random"),
    "statistics of the batch": (nn.BatchNorm2d(4, track_running_stats=False), "batch_norm"),
    "control flow": (Plain(lambda x: x if x.sum() > 0 else -x), "cannot be traced by torch.export"),
    "no tensor": (Plain(lambda x: (x.relu(), 3)), "returns something that is no tensor"),
    "returned twice": (Plain(lambda x: (y := x.relu(), y)), "is returned twice"),
    "an input returned": (Plain(lambda x: (x, x.relu())), "is an input too"),
    "another type": (Plain(lambda x: x.double()), "aten._to_copy.default.: computes in torch.float64"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    module, message = REFUSED[name]
    with pytest.raises(UnsupportedError, match=message) as caught:
        Platform().load(module, IMAGE)
    assert "\n" not in str(caught.value)


def test_a_module_that_counts_is_refused():
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.zeros(1))

        def forward(self, x):
            self.count += 1
            return x.relu()

    with pytest.raises(UnsupportedError, match="changes 'count'"):
        Platform().load(Counter(), IMAGE)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (None, "needs an example"),
        ("image.png", "example input 0: is a str"),
        ((IMAGE, object()), "example input 1: is a object"),
        (np.ones((1, 4, 6, 6)), "float64"),
        (torch.ones(1, 4, dtype=torch.int64), "int64"),
        (torch.ones(0, 4), "at least one sample"),
    ],
)
def test_wrong_examples_are_named(example, message):
    with pytest.raises(InputError, match=message):
        Platform().load(nn.ReLU(), example)


def test_other_objects_are_refused():
    with pytest.raises(UnsupportedError, match=r"no importer takes objects of type builtins\.int; give the path"):
        Platform().load(42)


def test_files_of_pytorch_are_never_opened(tmp_path):
    path = tmp_path / "module.pt"
    torch.save(nn.ReLU(), path)
    with pytest.raises(UnsupportedError, match=r"no importer reads \.pt files"):
        Platform().load(path)


def test_torch_is_not_imported_to_look_at_another_object():
    code = (
        "import sys; from tinyml_core.platform import Platform\n"
        "try: Platform().load(42)\n"
        "except Exception as error: print(type(error).__name__, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["UnsupportedError", "False"], done.stderr
