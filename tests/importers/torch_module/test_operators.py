"""Every operator of PyTorch that is converted, and what its decompositions make of others, against PyTorch."""

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
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


class Plain(nn.Module):
    """A module around a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def assert_equal(module, *samples):
    """Shapes, types and numbers of every output; the graph is returned."""
    graph = Platform().load(module, samples)
    with torch.no_grad():
        expected = module.eval()(*samples)
    feeds = {
        name: np.ascontiguousarray(sample.numpy().transpose(graph.axes.get(name, range(sample.ndim))))
        for name, sample in zip(graph.inputs, samples, strict=True)
    }
    got = execute(graph, feeds)
    for name, want in zip(graph.outputs, expected if isinstance(expected, tuple) else (expected,), strict=True):
        back = got[name].transpose(np.argsort(graph.axes.get(name, range(want.ndim))))
        assert (back.shape, back.dtype) == (tuple(want.shape), want.numpy().dtype)
        np.testing.assert_allclose(back, want.numpy(), rtol=1e-5, atol=1e-5)
    return graph


ACTIVATIONS = [
    nn.CELU(0.7), nn.ELU(0.5), nn.GELU(), nn.GELU("tanh"), nn.GLU(1), nn.Hardshrink(0.3), nn.Hardsigmoid(),
    nn.Hardswish(), nn.Hardtanh(-0.3, 0.4), nn.LeakyReLU(0.1), nn.LogSigmoid(), nn.LogSoftmax(1), nn.Mish(),
    nn.PReLU(), nn.PReLU(4, 0.3), nn.ReLU6(), nn.SELU(), nn.SiLU(), nn.Sigmoid(), nn.Softmax(2), nn.Softmin(1),
    nn.Softplus(), nn.Softplus(2.0), nn.Softshrink(0.4), nn.Softsign(), nn.Tanh(), nn.Tanhshrink(),
    nn.Threshold(0.1, -2.0),
]  # fmt: skip


@pytest.mark.parametrize("module", ACTIVATIONS, ids=str)
def test_activations(module):
    assert_equal(module, 2 * torch.randn(1, 4, 6, 5))


FUNCTIONS = {
    "abs, neg, sign": lambda x: torch.abs(x) - torch.neg(x) * torch.sign(x),
    "acos, asin, atan": lambda x: torch.acos(x.tanh()) + torch.asin(x.tanh()) + torch.atan(x),
    "addcmul": lambda x: torch.addcmul(x, x, x, value=0.5),
    "amax, amin": lambda x: x.amax((2, 3)) - x.amin((2, 3)),
    "argmax": lambda x: x.argmax(1),
    "argmax of the whole": lambda x: x.argmax(),
    "argmin": lambda x: x.argmin(-1, keepdim=True),
    "bmm": lambda x: torch.bmm(x[0], x[0].transpose(1, 2)),
    "cat": lambda x: torch.cat([x, x.relu(), torch.ones(1, 1, 6, 5)], 1),
    "ceil, floor, round": lambda x: torch.ceil(x) + torch.floor(x) * torch.round(3 * x),
    "chunk": lambda x: x.chunk(2, 1)[1] * x.chunk(2, 1)[0],
    "clamp by a tensor": lambda x: torch.clamp(x, x.mean(), torch.ones(5)),
    "comparisons": lambda x: ((x > 0.1) & (x <= 0.8)) | (x < -1) | (x >= 1.5) | (x == 0) | ~(x != 2),
    "comparisons of two": lambda x: (x > x.mean(1, keepdim=True)) ^ (x.mean() >= x),
    "constants of its own": lambda x: x * torch.arange(5) + torch.zeros_like(x) + torch.full((6, 1), 0.3),
    "cos, sin, tan": lambda x: torch.cos(x) + torch.sin(x) + torch.tan(x / 2),
    "cosh, sinh": lambda x: torch.cosh(x) + torch.sinh(x),
    "div": lambda x: x / (x.abs() + 1) + 3 / (x.abs() + 1) + x / 4,
    "div by mode": lambda x: torch.div(x, 0.3, rounding_mode="floor"),
    "einsum": lambda x: torch.einsum("nchw,ncjw->nchj", x, x),
    "erf": lambda x: torch.erf(x),
    "exp, log, sqrt": lambda x: torch.exp(x).log() + torch.sqrt(x.abs()) + torch.log2(x.abs() + 1).exp2(),
    "expand": lambda x: x.mean(1, keepdim=True).expand(-1, 3, -1, -1),
    "flip": lambda x: x.flip(1, 3),
    "group_norm": lambda x: functional.group_norm(x, 2, torch.arange(4.0), torch.ones(4)),
    "index by a list": lambda x: x[:, [2, 0, -1]],
    "instance_norm": lambda x: functional.instance_norm(x),
    "integers": lambda x: (10 * x).int() * 3 - 4 + (x > 0).long().sum(1, keepdim=True).int(),
    "layer_norm": lambda x: functional.layer_norm(x, (6, 5), torch.arange(30.0).view(6, 5), torch.ones(6, 5)),
    "logical": lambda x: torch.logical_and(x, x > 1).logical_not().logical_or(x.relu()).logical_xor(x > 0),
    "logsumexp": lambda x: x.logsumexp((1, 2)),
    "masked_fill": lambda x: x.masked_fill(x > 0.5, -1.0),
    "matmul": lambda x: x @ x.mT,
    "max, min": lambda x: x.max() + x.min() * x.prod(2),
    "max of an axis": lambda x: torch.max(x, 1),
    "maximum, minimum": lambda x: torch.maximum(x, x.mT.mT * 0.5) + torch.minimum(x, torch.tensor(0.2)),
    "mean of a row": lambda x: x.mean(-1) + x.mean(),
    "min of an axis, values only": lambda x: torch.min(x, 2, keepdim=True).values,
    "mul": lambda x: x * x.mean((2, 3), keepdim=True) * 1.5,
    "norms": lambda x: functional.normalize(x, dim=1) + x.norm(p=1, dim=2, keepdim=True),
    "any, all": lambda x: (x > 2).any(1, keepdim=True) | (x < 1).all((2, 3), keepdim=True) | (x > 5).any(),
    "pad by less than nothing": lambda x: functional.pad(x, (-1, 2, 0, -2)),
    "pad by edges": lambda x: functional.pad(x, (1, 2, 2, 1), mode="replicate"),
    "pad by reflection": lambda x: functional.pad(x, (1, 2, 2, 1), mode="reflect"),
    "pad circularly": lambda x: functional.pad(x, (1, 2, 2, 1), mode="circular"),
    "pixel_shuffle": lambda x: functional.pixel_unshuffle(functional.pixel_shuffle(x, 2), 2),
    "pow": lambda x: x**2 + x.abs() ** 1.5 + 2**x + x.square(),
    "remainder": lambda x: torch.remainder(x, 0.7),
    "repeat": lambda x: x.repeat(1, 2, 1, 3),
    "rms_norm": lambda x: functional.rms_norm(x, (5,), torch.arange(5.0)),
    "roll": lambda x: torch.roll(x, 2, 3),
    "rsqrt, reciprocal": lambda x: torch.rsqrt(x.abs() + 1) + torch.reciprocal(x.abs() + 1),
    "rsub": lambda x: 1 - x,
    "select": lambda x: x[:, 2] + x.select(1, -1),
    "slice": lambda x: x[:, 1:3, ::2, -4:-1],
    "split": lambda x: torch.cat(x.split([1, 3], 1)[::-1], 1),
    "split to outputs": lambda x: tuple(x.split(3, 2)),
    "squeeze and unsqueeze": lambda x: x.sum(1, keepdim=True).squeeze(1).unsqueeze(-1),
    "stack and unbind": lambda x: torch.stack(x.unbind(1)[::-1], 1),
    "std, var": lambda x: x.std((2, 3)) + x.var(2).mean(-1) + x.var((1, 2), correction=0).mean(-1, keepdim=True),
    "sub": lambda x: torch.sub(x, x.relu(), alpha=0.5) + torch.add(x, x.relu(), alpha=2),
    "sum": lambda x: x.sum((1, 3)) + x.sum(),
    "to": lambda x: x.to(torch.int64).float() + (x > 0).float() + x.bool().int(),
    "triangle": lambda x: x.tril(),
    "where": lambda x: torch.where(x > 0, x, 0.1 * x) + torch.where(x < 0, 1.0, 2.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    assert_equal(Plain(FUNCTIONS[name]), torch.randn(1, 4, 6, 5))


WINDOWS = {
    "adaptive_max_pool2d": lambda x: functional.adaptive_max_pool2d(x, (3, 1)),
    "convolution in groups": nn.Conv2d(4, 6, 3, groups=2, padding=1),
    "convolution of a signal": nn.Sequential(nn.Flatten(2), nn.Conv1d(4, 5, 3, 2, padding=1), nn.ReLU()),
    "convolution of a signal, dilated": nn.Sequential(nn.Flatten(2), nn.Conv1d(4, 4, 3, dilation=2, groups=4)),
    "nearest": lambda x: functional.interpolate(x, scale_factor=2),
    "nearest to a size": lambda x: functional.interpolate(x, size=(5, 11)),
    "nearest, exact": lambda x: functional.interpolate(x, size=(5, 11), mode="nearest-exact"),
    "bilinear": lambda x: functional.interpolate(x, scale_factor=(2, 3), mode="bilinear"),
    "bilinear, corners aligned": lambda x: functional.interpolate(x, (11, 4), mode="bilinear", align_corners=True),
    "poolings of a signal": nn.Sequential(
        nn.Flatten(2), nn.MaxPool1d(3, 2, 1), nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(5)
    ),
    "transposed convolution": nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1),
    "transposed convolution in groups": nn.ConvTranspose2d(4, 4, (2, 3), stride=(2, 1), groups=2, dilation=(1, 2)),
    "transposed convolution of a signal": nn.Sequential(nn.Flatten(2), nn.ConvTranspose1d(4, 3, 4, stride=2)),
}  # fmt: skip


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name):
    module = WINDOWS[name]
    assert_equal(module if isinstance(module, nn.Module) else Plain(module), torch.randn(1, 4, 6, 7))


def test_attention_and_layer_norm():
    """An encoder layer of a transformer."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
    assert_equal(layer, torch.randn(1, 5, 8))


def test_attention_by_its_own_operator():
    assert_equal(Plain(functional.scaled_dot_product_attention), *(torch.randn(1, 2, 5, 4) for _ in range(3)))


def test_weights_that_are_computed():
    """Weight normalisation: PyTorch computes the weights from others, which are constants too."""
    assert_equal(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), torch.randn(1, 3, 6, 6))


def test_squeeze_and_excitation():
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.up = nn.Conv2d(6, 2, 1), nn.Conv2d(2, 6, 1)

        def forward(self, x):
            return x * functional.hardsigmoid(self.up(functional.silu(self.down(x.mean((2, 3), keepdim=True)))))

    graph = assert_equal(Gate(), torch.randn(1, 6, 7, 5))
    assert "transpose" not in [node.op.kind for node in graph.nodes]


STEPS = (
    lambda rng, c: nn.Conv2d(c, c, 3, padding=1, groups=int(rng.choice([1, 2, c]))),
    lambda rng, c: nn.Sequential(nn.BatchNorm2d(c), ACTIVATIONS[int(rng.choice([0, 2, 7, 9, 17, 18, 25]))]),
    lambda rng, c: Plain(lambda x: torch.cat([x[:, : c // 2], functional.silu(x[:, c // 2 :])], 1)),
    lambda rng, c: Plain(lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True))),
    lambda rng, c: nn.Sequential(nn.Upsample(scale_factor=2), nn.AvgPool2d(2)),
    lambda rng, c: Plain(lambda x: functional.layer_norm(x.permute(0, 2, 3, 1), (c,)).permute(0, 3, 1, 2)),
    lambda rng, c: Plain(lambda x: functional.softmax(x.flatten(2), -1).reshape(x.shape) + x),
    lambda rng, c: Plain(lambda x: torch.maximum(*x.chunk(2, 1)).repeat(1, 2, 1, 1) - x),
    lambda rng, c: nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3)),
    lambda rng, c: nn.GroupNorm(2, c),
)


@pytest.mark.parametrize("seed", range(12))
def test_random_modules(seed):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    channels = int(rng.choice([4, 6]))
    steps = [STEPS[int(rng.integers(len(STEPS)))](rng, channels) for _ in range(5)]
    module = nn.Sequential(nn.Conv2d(3, channels, 3, 2), *steps, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert_equal(module, torch.randn(1, 3, 9, 11))
