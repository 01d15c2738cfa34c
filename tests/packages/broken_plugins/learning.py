"""Sound ways to learn, and what violates a check of optimizers, selectors and fine-tuners."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from broken_plugins.mutant import mutants
from tinyml_core.api.optimizer import State
from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.graph.operators import Binary, Expand, FullyConnected, Unary
from tinyml_core.graph.operators.convolution import Conv2D
from tinyml_core.graph.tensor import DType
from tinyml_plugins.learning.sgd import Sgd


@dataclass(frozen=True, kw_only=True)
class Descent(Sgd):
    """Sound."""

    rounding: str = field(default="nearest", init=False)  # type: ignore[assignment]


class Anonymous(Descent):
    def state(self, parameter):
        return (State(f"{parameter.name}_steps", (1,), DType.FLOAT32, 0.0),)

    def update(self, builder, parameter, value, gradient, state, rate, seed):
        new = super().update(builder, parameter, value, gradient, (), rate, seed)
        return (*new, builder.node(Unary("abs"), state, name=f"{state[0]}.new"))


class Widening(Descent):
    def state(self, parameter):
        return () if parameter.scale else (State(f"{parameter.name}.steps", (1,), DType.FLOAT32, 0.0),)

    def update(self, builder, parameter, value, gradient, state, rate, seed):
        new = super().update(builder, parameter, value, gradient, state, rate, seed)
        return (*new, *(builder.node(Expand((2,)), [each]) for each in state))


class Reviving(Descent):
    def update(self, builder, parameter, value, gradient, state, rate, seed):
        alive = parameter.scale and tuple(max(scale, 0.01) for scale in parameter.scale)
        return super().update(builder, replace(parameter, scale=alive), value, gradient, state, rate, seed)


class Restless(Descent):
    def update(self, builder, parameter, value, gradient, state, rate, seed):
        own = builder.constant(f"{parameter.name}.own", np.ones(1, np.float32))
        return super().update(builder, parameter, value, gradient, state, own, seed)


class Reeling(Descent):
    """Turns around where a gradient is huge: g * (20 - |g|)."""

    def update(self, builder, parameter, value, gradient, state, rate, seed):
        twenty = builder.constant(f"{parameter.name}.twenty", np.full(1, 20, np.float32))
        size = builder.node(Unary("abs"), [gradient])
        rest = builder.node(Binary("subtract"), [twenty, size])
        turned = builder.node(Binary("multiply"), [gradient, rest])
        return super().update(builder, parameter, value, turned, state, rate, seed)


class Lazy(Descent):
    def update(self, builder, parameter, value, gradient, state, rate, seed):
        little = builder.constant(f"{parameter.name}.little", np.full(1, 1e-12, np.float32))
        faint = builder.node(Binary("multiply"), [gradient, little])
        return super().update(builder, parameter, value, faint, state, rate, seed)


@dataclass(frozen=True)
class Everything:
    """Sound: all layers, whatever there is to fit into."""

    def select(self, graph, task=None):
        linear = [node.name for node in graph.nodes if isinstance(node.op, Conv2D | FullyConnected)]
        return UpdateScheme(tuple(LayerUpdate(name) for name in self.chosen(linear, task)))

    def chosen(self, names, task):
        return names


class Backwards(Everything):
    def chosen(self, names, task):
        return names[::-1]


class Cheating(Everything):
    def chosen(self, names, task):
        return names[: min(2, task.sram.bytes)]


class Fickle(Everything):
    asked: list[int] = []  # noqa: RUF012 - what all of them share

    def chosen(self, names, task):
        self.asked.append(1)
        return names[: 1 + len(self.asked) % 2] if task.sram.bytes > 1 else self.refused()

    def refused(self):
        from tinyml_core.errors import CapacityError

        raise CapacityError("does not fit")


@dataclass(frozen=True)
class Constant:
    """Sound, as far as it is looked at: logits that the recipe and the seed decide."""

    def logits(self, step, loss, lessons, recipe, seed, cache=None):
        shape = (len(lessons.held), lessons.targets.shape[1])
        return np.full(shape, self.value(recipe, seed), np.float32)

    def value(self, recipe, seed):
        return recipe.rate * recipe.epochs + seed


class Uncertain(Constant):
    def value(self, recipe, seed):
        return np.nan if recipe.epochs == 1 and recipe.rate else super().value(recipe, seed)

    def logits(self, step, loss, lessons, recipe, seed, cache=None):
        return super().logits(step, loss, lessons, recipe, seed).astype(np.float32)


class Ignorant(Constant):
    def value(self, recipe, seed):
        return seed


class Moody(Constant):
    asked: list[int] = []  # noqa: RUF012 - what all of them share

    def value(self, recipe, seed):
        self.asked.append(1)
        return super().value(recipe, seed) + len(self.asked)


MUTANTS = (
    *mutants(
        "training-optimizer",
        {
            "reports-its-memory": Anonymous,
            "keeps-types-and-shapes": Widening,
            "leaves-dead-channels-alone": Reviving,
            "leaves-frozen-layers-alone": Restless,
            "integers-saturate": Reeling,
            "moves-against-the-gradient": Lazy,
        },
    ),
    *mutants(
        "update-selector",
        {
            "schemes-suit-the-network": Backwards,
            "budgets-are-kept-or-not-looked-at": Cheating,
            "equal-tasks-give-equal-schemes": Fickle,
        },
    ),
    *mutants(
        "fine-tuner",
        {
            "logits-answer-the-questions": Uncertain,
            "learning-changes-the-answers": Ignorant,
            "equal-arguments-give-equal-logits": Moody,
        },
    ),
)
