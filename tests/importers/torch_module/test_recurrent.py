"""Stacks of recurrent layers compute what PyTorch computes; what has no counterpart is refused by name."""

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import UnsupportedError
from tinyml_core.platform import Platform

torch = pytest.importorskip("torch", reason="torch is not installed")
nn = torch.nn
pytestmark = pytest.mark.filterwarnings("ignore")


class Stack(nn.Module):
    """A stack of layers and a classifier of its last step; ``turned`` feeds it with the time axis first."""

    def __init__(self, kind, *, turned=False, **options):
        super().__init__()
        self.layers = kind(5, 4, batch_first=not turned, **options)
        self.head = nn.Linear(8 if options.get("bidirectional") else 4, 3)
        self.turned = turned

    def forward(self, x):
        sequence, states = self.layers(x.transpose(0, 1) if self.turned else x)
        last = sequence[-1] if self.turned else sequence[:, -1]
        return self.head(last), sequence, *(states if isinstance(states, tuple) else [states])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"turned": True},
        {"num_layers": 2, "bias": False},
        {"num_layers": 2, "turned": True, "bidirectional": True},
    ],
    ids=str,
)
def test_stacks_agree(kind, options):
    torch.manual_seed(1)
    module, x = Stack(kind, **options).eval(), torch.randn(1, 6, 5)
    graph = Platform().load(module, x)
    with torch.no_grad():
        expected = module(x)
    axes = graph.axes.get(graph.inputs[0], range(3))
    found = execute(graph, {graph.inputs[0]: np.ascontiguousarray(x.numpy().transpose(axes))})
    for name, want in zip(graph.outputs, expected, strict=True):
        back = np.argsort(graph.axes.get(name, range(want.ndim)))
        np.testing.assert_allclose(found[name].transpose(back), want.numpy(), atol=1e-5)
    layers = [node for node in graph.nodes if node.op.kind == kind.__name__.lower()]
    assert len(layers) == options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)


def test_rectifiers_agree():
    torch.manual_seed(2)
    module, x = Stack(nn.RNN, nonlinearity="relu").eval(), torch.randn(1, 6, 5)
    graph = Platform().load(module, x)
    with torch.no_grad():
        expected = module(x)[0]
    np.testing.assert_allclose(execute(graph, {graph.inputs[0]: x.numpy()})[graph.outputs[0]], expected, atol=1e-5)


class Given(nn.Module):
    """A step with a state that the caller keeps."""

    def __init__(self):
        super().__init__()
        self.layer = nn.GRU(5, 4)

    def forward(self, x, state):
        return self.layer(x, state)[1]


def test_a_single_step_from_a_given_state_agrees():
    module, x, state = Given().eval(), torch.randn(1, 1, 5), torch.randn(1, 1, 4)
    graph = Platform().load(module, (x, state))
    with torch.no_grad():
        expected = module(x, state)
    found = execute(graph, dict(zip(graph.inputs, (x.numpy(), state.numpy()), strict=True)))
    np.testing.assert_allclose(found[graph.outputs[0]].reshape(expected.shape), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("module", "shape", "reason"),
    [
        (nn.LSTM(5, 4, proj_size=2, batch_first=True), (1, 6, 5), "proj_size"),
        (nn.GRU(5, 4), (6, 1, 5), "sees one step"),
    ],
)
def test_what_is_refused(module, shape, reason):
    with pytest.raises(UnsupportedError, match=reason):
        Platform().load(module, torch.randn(shape))
