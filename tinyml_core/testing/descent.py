"""The plainest way of learning: all layers, by steps against the gradient. For tests of what others build upon it."""

from __future__ import annotations

from tinyml_core.api.optimizer import Parameter, State
from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.graph import DType, Graph, GraphBuilder
from tinyml_core.graph.operators import (
    Binary,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    SaturatingSubtract,
    StochasticRound,
)


class Descent:
    """``p - rate * gradient``, rounded stochastically where p is an integer."""

    def state(self, parameter: Parameter) -> tuple[State, ...]:
        """None."""
        return ()

    def update(
        self,
        builder: GraphBuilder,
        parameter: Parameter,
        value: str,
        gradient: str,
        state: tuple[str, ...],
        rate: str,
        seed: str,
    ) -> tuple[str, ...]:
        """The new value alone."""
        change = builder.node(Binary("multiply"), [gradient, rate])
        if parameter.dtype is DType.FLOAT32:
            return (builder.node(Binary("subtract"), [value, change]),)
        whole = builder.node(StochasticRound(parameter.stream), [change, seed])
        kept = builder.tensor(value).quantization
        return (builder.node(SaturatingSubtract(), [value, whole], quantization=kept),)


def everything(graph: Graph) -> UpdateScheme:
    """A scheme in which all layers learn."""
    linear = (Conv2D, DepthwiseConv2D, FullyConnected)
    return UpdateScheme(
        tuple(LayerUpdate(node.name, True, None) for node in graph.nodes if isinstance(node.op, linear))
    )
