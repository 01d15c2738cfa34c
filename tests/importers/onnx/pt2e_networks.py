"""Random convolutional networks, quantised by PyTorch 2 export (torchao's PT2E) and written as ONNX by PyTorch."""

import contextlib
import io
import logging
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("torchao", reason="torchao is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")
nn = torch.nn


def _activation(rng):
    return (nn.Identity, nn.ReLU, nn.ReLU6, nn.Hardswish)[int(rng.integers(4))]()


class Block(nn.Module):
    """A convolution, a depthwise one, a projection, and a sum around them where sizes allow."""

    def __init__(self, rng, channels, out):
        super().__init__()
        wide, kernel, stride = int(rng.integers(2, 9)), int(rng.choice([1, 3, 5])), int(rng.integers(1, 3))
        parts = [nn.Conv2d(channels, wide, 1, bias=bool(rng.integers(2))), nn.BatchNorm2d(wide), _activation(rng)]
        parts += [nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide), _activation(rng)]
        self.deep = nn.Sequential(*parts, nn.Conv2d(wide, out, 1))
        self.adds = stride == 1 and channels == out
        self.last = _activation(rng)

    def forward(self, x):
        y = self.deep(x)
        return self.last(x + y if self.adds else y)


class Network(nn.Module):
    """Blocks, maybe a pooling, a global mean in one of the ways it is written, a linear layer, maybe a softmax."""

    def __init__(self, seed):
        super().__init__()
        rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        channels, self.size = int(rng.integers(1, 5)), int(rng.integers(7, 13))
        self.channels = channels
        width = int(rng.integers(2, 7))
        blocks = [nn.Conv2d(channels, width, 3, int(rng.integers(1, 3)), 1), _activation(rng)]
        blocks += [Block(rng, width, width) for _ in range(int(rng.integers(1, 4)))]
        blocks += [[], [nn.MaxPool2d(2)], [nn.AvgPool2d(2)]][int(rng.integers(3)) if self.size > 9 else 0]
        self.features = nn.Sequential(*blocks)
        self.head, self.linear = int(rng.integers(4)), nn.Linear(width, int(rng.integers(2, 9)))
        self.last = nn.Softmax(1) if rng.random() < 0.3 else nn.Identity()
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                for values in (part.running_mean, part.running_var, part.weight, part.bias):
                    values.data.uniform_(0.3, 1.5)

    def forward(self, x):
        x = self.features(x)
        if self.head == 0:
            x = x.mean((2, 3))
        elif self.head == 1:
            x = x.mean((-1, -2), keepdim=True).flatten(1)
        elif self.head == 2:
            x = nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
        else:
            x = x.mean(3, keepdim=True).mean(2, keepdim=True).squeeze((2, 3))
        return self.last(self.linear(x))

    def sample(self):
        """A random image."""
        return torch.randn(1, self.channels, self.size, self.size)


def exported(seed, *, per_channel):
    """The quantised network as ONNX, and samples of its input."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
        from torchao.testing.pt2e._xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config

        module = Network(seed).eval()
        samples = [module.sample() for _ in range(6)]
        quantiser = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=per_channel))
        observed = prepare_pt2e(torch.export.export(module, (samples[0],)).module(), quantiser)
        for sample in samples:
            observed(sample)
        program = torch.export.export(convert_pt2e(observed), (samples[0],))
        model = torch.onnx.export(program, (), dynamo=True, verbose=False).model_proto
    return model, [sample.numpy() for sample in samples]
