"""What a converted module computes is what PyTorch computes, for images NCHW outside and NHWC inside."""

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.platform import Platform

torch = pytest.importorskip("torch", reason="torch is not installed")
nn, functional = torch.nn, torch.nn.functional


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def trained(module):
    """Statistics and scales as training would leave them, not the identity."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d):
            for values in (part.running_mean, part.running_var, part.weight, part.bias):
                if values is not None:
                    values.data.uniform_(0.3, 1.5)
    return module


def assert_equal(module, *shapes):
    """Outputs in evaluation mode; the graph is returned."""
    samples = tuple(torch.randn(1, *shape) for shape in shapes)
    graph = Platform().load(trained(module), samples)
    with torch.no_grad():
        expected = module.eval()(*samples)
    feeds = {
        name: np.ascontiguousarray(sample.numpy().transpose(graph.axes.get(name, range(sample.ndim))))
        for name, sample in zip(graph.inputs, samples, strict=True)
    }
    got = execute(graph, feeds)
    for name, want in zip(graph.outputs, expected if isinstance(expected, tuple) else (expected,), strict=True):
        back = np.argsort(graph.axes.get(name, range(want.ndim)))
        np.testing.assert_allclose(got[name].transpose(back), want.numpy(), atol=1e-5)
    return graph


def kinds(graph):
    return [node.op.kind for node in graph.nodes]


class Residual(nn.Module):
    """Two convolutions with batch normalisation, in-place ReLU6 and a sum, as in MobileNetV2."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(inplace=True))
        self.deep = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.Hardtanh(-0.5, 2),
            nn.Conv2d(8, 8, 1),
        )  # fmt: skip

    def forward(self, x):
        x = self.first(x)
        return self.deep(x) + x


class Classifier(nn.Module):
    """Pooling, dropout, linear and softmax behind :class:`Residual`."""

    def __init__(self):
        super().__init__()
        self.features = Residual()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(8, 5), nn.Softmax(dim=1))

    def forward(self, image):
        return self.head(torch.flatten(self.pool(self.features(image)), 1))


class Plain(nn.Module):
    """A module around a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_residual():
    graph = assert_equal(Residual(), (3, 12, 10))
    assert graph.axes == {"x": (0, 2, 3, 1), graph.outputs[0]: (0, 2, 3, 1)}
    assert "transpose" not in kinds(graph)


def test_classifier():
    graph = assert_equal(Classifier(), (3, 12, 10))
    assert graph.name == "Classifier"
    assert graph.inputs == ("image",)
    assert kinds(graph)[-4:] == ["mean", "reshape", "fully_connected", "softmax"]


def test_flattened_image_moves_the_columns_of_the_linear_layer():
    graph = assert_equal(nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 12, 6)), (2, 6, 5))
    assert "transpose" not in kinds(graph)


@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(0, 1)),
        nn.Conv2d(4, 6, 3, dilation=2, padding=2, bias=False),
        nn.Conv2d(4, 6, (4, 3), padding="same"),
        nn.Conv2d(4, 6, 3, padding="valid"),
        nn.Conv2d(4, 8, 3, groups=4),
    ],
    ids=["rectangular", "dilated", "same", "valid", "two per channel"],
)
def test_convolutions(convolution):
    assert_equal(convolution, (4, 9, 8))


FUNCTIONS = {
    "max_pool2d": lambda x: functional.max_pool2d(x, 3, 2, 1),
    "max_pool2d ceil": lambda x: functional.max_pool2d(x, 2, ceil_mode=True),
    "avg_pool2d counts padding": lambda x: functional.avg_pool2d(x, 3, 2, 1),
    "avg_pool2d": lambda x: functional.avg_pool2d(x, (2, 3), 1, (1, 0), count_include_pad=False),
    "adaptive_avg_pool2d": lambda x: functional.adaptive_avg_pool2d(x, (3, 1)),
    "mean": lambda x: x.mean((-1, -2), keepdim=True),
    "mean of the whole": lambda x: x.mean(dim=(1, 2, 3)),
    "clamp": lambda x: torch.clamp(x, -0.25, 0.5),
    "clamp from below": lambda x: x.clamp(min=0.1),
    "clamp from above": lambda x: x.clamp(max=0.1),
    "relu6": functional.relu6,
    "add a number": lambda x: x + 1.5,
    "add in place": lambda x: torch.relu(x).add_(1.0) + x,
    "softmax over channels": lambda x: functional.softmax(x, 1),
    "pad": lambda x: functional.pad(x, (1, 2, 0, 3)),
    "permute": lambda x: functional.avg_pool2d(x, 2).permute(0, 2, 3, 1),
    "view": lambda x: functional.avg_pool2d(x, 3).view(1, -1),
    "reshape": lambda x: functional.avg_pool2d(x, 3).reshape(1, 3, -1),
    "squeeze": lambda x: functional.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1),
    "nothing but relu": lambda x: (torch.erfinv(x), torch.relu(x.float()).contiguous().detach().clone())[1],
    "a tensor of its own": lambda x: x + torch.tensor(0.5),
    "clamp_min and clamp_max": lambda x: x.clamp_min(-0.5).clamp_max(0.5),
    "squeeze of several": lambda x: functional.max_pool2d(x, (9, 6), return_indices=True)[0].squeeze((2, 3)),
    "squeeze of all": lambda x: torch.constant_pad_nd(x, (0, 1), 0.0).mean((2, 3)).squeeze(),
    "transpose": lambda x: functional.avg_pool2d(x, 2).transpose(1, -1),
    "flatten": lambda x: functional.avg_pool2d(x, 3).flatten(2),
    "unsqueeze": lambda x: x.mean((2, 3)).unsqueeze(-1).unsqueeze(-1) + x.mean((2, 3), keepdim=True),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    assert_equal(Plain(FUNCTIONS[name]), (3, 9, 6))


def test_addmm_and_a_batch_norm_of_rows():
    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.randn(6, 4)), nn.Parameter(torch.randn(4))
            self.norm = nn.BatchNorm1d(4, affine=False)
            self.register_buffer("matrix", torch.randn(4, 3), persistent=False)

        def forward(self, x):
            x = self.norm(torch.addmm(self.bias, x, self.weight, beta=0.5, alpha=2)) @ self.matrix
            return torch.mm(x, self.matrix.t())

    assert_equal(Dense(), (6,))


def test_several_inputs_and_outputs():
    class Two(nn.Module):
        def forward(self, left, right):
            both = functional.avg_pool2d(left, 2) + right
            return both, both.mean((2, 3))

    graph = assert_equal(Two(), (2, 8, 6), (2, 4, 3))
    assert graph.inputs == ("left", "right")
    assert len(graph.outputs) == 2


def test_only_the_first_sample_of_an_example_counts_and_the_module_stays_as_it_is():
    module = Classifier().train()
    graph = Platform().load(module, np.zeros((7, 3, 12, 10), np.float32))
    assert graph.tensors["image"].shape == (1, 12, 10, 3)
    assert all(part.training for part in module.modules())


def test_from_a_module_to_the_device(tmp_path):
    """Quantised by the platform's own quantiser, NCHW floats in: exact on the emulated core and close to PyTorch."""
    module = nn.Sequential(*trained(Residual()).first, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)).eval()
    samples = torch.rand(64, 3, 8, 8)
    platform = Platform()
    graph = platform.load(module, samples)
    platform.compile(graph, "stm32f746", tmp_path / "out", CompileOptions(calibration={"x": samples.numpy()}))
    execution = platform.run(tmp_path / "out", {"x": samples[:8].numpy()})
    with torch.no_grad():
        expected = module(samples[:8]).numpy()
    assert execution.exact
    assert np.abs(execution.outputs[graph.outputs[0]] - expected).max() < 0.05 * np.ptp(expected)
