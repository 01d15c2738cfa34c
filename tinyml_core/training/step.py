"""The training step: forward pass, loss, backward pass and update of one sample as one graph.

Inputs are the sample, as the network takes it, ``target`` float32 [1, classes], ``rate`` float32 [1], ``seed`` int32
[1] (the number of the step, for stochastic rounding) and the variables; outputs ``loss`` float32 [1], ``logits``
float32 [1, classes] and one new value for each variable, in the same order. With several samples to a step the graph
adds up gradients instead, without ``rate`` and ``seed``, and a second graph, which takes these and the variables,
applies their mean and starts them anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tinyml_core.api.optimizer import Parameter, TrainingOptimizer
from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.errors import InputError
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.operators import Add, Binary, Expand
from tinyml_core.graph.tensor import Array, DType, Tensor
from tinyml_core.graph.verify import verify
from tinyml_core.training.autodiff import Backward
from tinyml_core.training.coarsening import with_biases_in_reach
from tinyml_core.training.dividing import divided
from tinyml_core.training.head import LOGITS, FloatHead, classifier, new_head, own_head
from tinyml_core.training.joining import joined
from tinyml_core.training.layers_in_parts import layers_in_parts
from tinyml_core.training.losses import LOSSES
from tinyml_core.training.rewriting import pruned, renamed, saved_early
from tinyml_core.training.rules import RULES
from tinyml_core.training.scheme import resolved
from tinyml_core.training.variables import Learnt, Variable, with_variables

LOSS, TARGET, RATE, SEED = "loss", "target", "rate", "seed"


@dataclass(frozen=True, eq=False)
class TrainingStep:
    """What :func:`build_step` makes."""

    graph: Graph
    """One sample: the whole step, or with several samples to a step the part that adds up gradients."""
    apply: Graph | None
    """With several samples to a step: the update."""
    evaluation: Graph
    """Sample and parameters to ``logits``."""
    variables: tuple[Variable, ...]
    """What the graphs replace; ``updated`` is an output of ``graph`` or of ``apply``, or of both."""
    learnt: tuple[Learnt, ...]
    """The parameters among the variables, in the order of the network."""
    gradients: Mapping[str, str]
    """Name of a parameter -> the tensor of ``graph`` that is its gradient for one sample; those in parts are absent."""
    samples: int
    """Samples to a step."""

    @property
    def sums(self) -> tuple[str, ...]:
        """The variables that add gradients up, which are 0 where a step begins."""
        return tuple(_sum(each.parameter) for each in self.learnt) if self.samples > 1 else ()

    @cached_property
    def whole(self) -> Graph:
        """What the last sample of a step takes, update included: the graph that a device is given."""
        return joined(self.graph, self.apply, self.sums) if self.apply else self.graph


def build_step(
    graph: Graph,
    scheme: UpdateScheme,
    optimizer: TrainingOptimizer,
    loss: str = "cross-entropy",
    head: FloatHead | None = None,
    samples: int = 1,
    widest: int | None = None,
) -> TrainingStep:
    """The training step of an int8 network with batch size 1.

    Args:
        graph: the network; its first output counts.
        scheme: which of its layers learn; one that ``head`` replaces is left out.
        optimizer: the update rule.
        loss: ``cross-entropy``, ``mse`` or ``binary``.
        head: a new last layer, which learns; None keeps the network's own, which learns if the scheme says so.
        samples: whose gradients are averaged before each update.
        widest: bytes above which a gradient is computed some channels at a time, which saves memory; sums of the parts
            are then added up, see :mod:`~tinyml_core.training.dividing`. So are the outputs of layers whose weights are
            merged from more bytes, see :mod:`~tinyml_core.training.layers_in_parts`. None: always at once.

    Raises:
        InputError: the scheme does not suit the network, nothing would learn, or the loss is unknown.
        UnsupportedError: an operator between the learning layers and the loss has no gradient; names the node.
    """
    if loss not in LOSSES:
        raise InputError("is unknown", place=f"loss {loss!r}", remedy=f"known: {', '.join(LOSSES)}")
    if samples < 1:
        raise InputError(f"is {samples}; one is the least", place="the number of samples to a step")
    forward, learnt = _forward(graph, scheme, head)
    return _Writer(forward, learnt, optimizer, samples, widest).written(loss)


def _forward(graph: Graph, scheme: UpdateScheme, head: FloatHead | None) -> tuple[Graph, tuple[Learnt, ...]]:
    """The network with variables, up to its logits."""
    layers = dict(resolved(scheme, graph))
    graph = renamed(graph, {}, (LOSS, LOGITS, TARGET, RATE, SEED))
    if head is None:
        forward = own_head(graph)
    else:
        layers.pop(classifier(graph).name, None)
        forward, new = new_head(graph, head)
        layers[new] = LayerUpdate(new, bias=True, channels=None)
    opened, learnt = with_variables(with_biases_in_reach(forward, layers), layers)
    left_out = layers.keys() - {each.node for each in learnt}
    if left_out:
        raise InputError("lies behind the logits", place=f"layer {min(left_out)!r} of the update scheme")
    if not learnt:
        raise InputError("lets nothing learn", place="the update scheme", remedy="name a layer, or give a new head")
    return pruned(opened), learnt


class _Writer:
    """Writes the graphs of a step over one forward graph."""

    def __init__(
        self,
        forward: Graph,
        learnt: tuple[Learnt, ...],
        optimizer: TrainingOptimizer,
        samples: int,
        widest: int | None,
    ) -> None:
        self._forward, self._learnt, self._optimizer, self._samples = forward, learnt, optimizer, samples
        self._widest = widest
        self._states = {each.parameter.name: optimizer.state(each.parameter) for each in learnt}
        self._slots = [slot for each in learnt for slot in self._slots_of(each)]

    def written(self, loss: str) -> TrainingStep:
        """The finished step."""
        gradients: dict[str, str] = {}
        graph, updated = self._step(loss, gradients)
        apply = None
        if self._samples > 1:
            apply, more = self._apply()
            updated |= more
        variables = (Variable(slot.name, updated[slot.name], _data(slot)) for slot in self._slots)
        whole = {name: gradient for name, gradient in gradients.items() if gradient in graph.tensors}
        return TrainingStep(graph, apply, verify(self._forward), tuple(variables), self._learnt, whole, self._samples)

    def _slots_of(self, each: Learnt) -> Iterator[Tensor]:
        """The variables that a parameter needs, with their first values as data."""
        yield replace(self._forward.tensors[each.parameter.name], data=each.initial)
        for state in self._states[each.parameter.name]:
            initial = np.full(state.shape, state.initial, state.dtype.numpy)
            yield Tensor(state.name, state.shape, state.dtype, state.quantization, initial)
        if self._samples > 1:
            shape = each.parameter.shape
            yield Tensor(_sum(each.parameter), shape, DType.FLOAT32, None, np.zeros(shape, np.float32))

    def _step(self, loss: str, gradients: dict[str, str]) -> tuple[Graph, dict[str, str]]:
        """The graph of one sample; fills in ``gradients`` and returns also what is updated, and by which output."""
        builder, updated = GraphBuilder.extending(self._forward), dict[str, str]()
        (logits,) = self._forward.outputs
        parameters = {each.parameter.name: each.parameter for each in self._learnt}
        inputs = [name for name in self._forward.inputs if name not in parameters]
        inputs.append(builder.input(TARGET, self._forward.tensors[logits].shape, DType.FLOAT32))
        if self._samples == 1:
            inputs += _settings(builder)
        self._declare(builder)
        value, slope = LOSSES[loss](builder, logits, TARGET)
        for name, gradient in Backward(builder, self._forward, list(parameters)).run(logits, slope, RULES):
            gradients[name] = gradient
            if self._samples == 1:
                updated |= self._update(builder, parameters[name], gradient)
            else:
                total = _sum(parameters[name])
                updated[total] = builder.node(Add(), [total, gradient], name=f"{total}.updated")
        if unreached := parameters.keys() - gradients.keys():
            raise InputError("does not lead to the loss", place=f"parameter {min(unreached)!r}")
        graph = self._finished(builder, inputs, [value, logits], updated)
        graph = saved_early(renamed(graph, {value: LOSS}))
        if self._widest is not None:
            graph = layers_in_parts(divided(graph, self._widest), self._widest)
        return verify(graph), updated

    def _apply(self) -> tuple[Graph, dict[str, str]]:
        """The graph that updates by the mean of the gradients and starts their sums anew."""
        builder, updated = GraphBuilder(f"{self._forward.name}.apply", self._forward.rounding), dict[str, str]()
        inputs = _settings(builder)
        self._declare(builder)
        share = builder.constant("share", np.full(1, 1 / self._samples, np.float32))
        zero = builder.constant("zero", np.zeros(1, np.float32))
        for each in reversed(self._learnt):
            total = _sum(each.parameter)
            mean = builder.node(Binary("multiply"), [total, share], name=f"{total}.mean")
            updated |= self._update(builder, each.parameter, mean)
            updated[total] = builder.node(Expand(each.parameter.shape), [zero], name=f"{total}.updated")
        return verify(self._finished(builder, inputs, [], updated)), updated

    def _declare(self, builder: GraphBuilder) -> None:
        """Add the variables as inputs, but those that the forward graph has put there."""
        present = builder.build([]).tensors
        for slot in self._slots:
            if slot.name not in present:
                builder.input(slot.name, slot.shape, slot.dtype, slot.quantization)

    def _update(self, builder: GraphBuilder, parameter: Parameter, gradient: str) -> dict[str, str]:
        """Write the update of a parameter; what it replaces, and by what."""
        states = tuple(state.name for state in self._states[parameter.name])
        new = self._optimizer.update(builder, parameter, parameter.name, gradient, states, RATE, SEED)
        return dict(zip((parameter.name, *states), new, strict=True))

    def _finished(
        self, builder: GraphBuilder, inputs: list[str], outputs: list[str], updated: Mapping[str, str]
    ) -> Graph:
        """The graph with its inputs in order; variables that it neither reads nor replaces are none of them."""
        state = {slot.name: updated[slot.name] for slot in self._slots if slot.name in updated}
        graph = builder.build([*outputs, *state.values()], state=state)
        used = [slot.name for slot in self._slots if slot.name in updated or slot.name in graph.consumers]
        return pruned(replace(graph, inputs=(*inputs, *used)))


def _settings(builder: GraphBuilder) -> list[str]:
    return [builder.input(RATE, (1,), DType.FLOAT32), builder.input(SEED, (1,), DType.INT32)]


def _sum(parameter: Parameter) -> str:
    return f"{parameter.name}.gradient"


def _data(slot: Tensor) -> Array:
    assert slot.data is not None
    return slot.data
