"""Checks of search spaces: what every strategy and evaluator takes for granted of candidates and their networks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tinyml_core.api.search_space import SearchSpace, StepwiseSpace
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.serialise import digest
from tinyml_core.graph.tensor import DType
from tinyml_core.graph.verify import verify
from tinyml_core.search.candidate import Candidate, Choice
from tinyml_core.testing.conformance.check import Check, NotApplicable, require
from tinyml_core.testing.conformance.subject import Subject

SAMPLES = 12
SHAPES = ((32, 32, 3), (49, 10, 1), (8, 8, 1), (16,))
"""Shapes of samples (image, spectrogram, digit, vector) of which a space need take one only."""
CLASSES = 5


def samples_are_candidates(subject: Subject) -> None:
    """Samples lie in the space, there are different ones, and the size is a number of candidates."""
    space = subject.make(SearchSpace)
    sampled = _sampled(space)
    outside = [dict(candidate.choices) for candidate in sampled if not space.contains(candidate)]
    require(not outside, f"it samples {outside[:1]}, which it does not contain")
    require(space.size >= 1, f"its size is {space.size}")
    require(len(set(sampled)) > 1 or space.size == 1, f"{SAMPLES} samples are one and the same")


def what_it_does_not_offer_is_no_candidate(subject: Subject) -> None:
    """A choice that is unknown, missing, or of another value is not contained."""
    space = subject.make(SearchSpace)
    choices = dict(_sampled(space)[0].choices)
    first = next(iter(choices))
    for what, odd in {
        "an unknown choice": {**choices, "enigma": 1},
        "a value it does not offer": {**choices, first: "enigma"},
        "nothing at all": {},
    }.items():
        require(not space.contains(Candidate.of(odd)), f"it contains {what}")


def neighbours_are_candidates(subject: Subject) -> None:
    """A mutation differs from its parent, a crossover takes each choice from a parent, and both lie in the space."""
    space, rng = subject.make(SearchSpace), np.random.default_rng(1)
    for left, right in pairwise(_sampled(space)):
        mutated, crossed = space.mutate(left, rng), space.crossover(left, right, rng)
        require(mutated != left or space.size == 1, f"a mutation of {dict(left.choices)} is the same")
        for name, child in (("mutation", mutated), ("crossover", crossed)):
            require(space.contains(child), f"a {name} is {dict(child.choices)}, which it does not contain")
        offered = {(name, repr(choice)) for parent in (left, right) for name, choice in parent.choices}
        foreign = [name for name, choice in crossed.choices if (name, repr(choice)) not in offered]
        require(not foreign, f"a crossover has {', '.join(foreign)} of neither parent")


def networks_suit_the_samples(subject: Subject) -> None:
    """A candidate's network is valid, takes float32 samples and gives one float32 logit for each class."""
    for graph in _built(subject):
        verify(graph)
        shapes = [graph.tensors[name].shape for name in (*graph.inputs, *graph.outputs)]
        types = {graph.tensors[name].dtype for name in (*graph.inputs, *graph.outputs)}
        require(types == {DType.FLOAT32}, f"its inputs and outputs are {', '.join(sorted(t.value for t in types))}")
        require(shapes[-1] == (1, CLASSES) and len(shapes) == 2, f"for {CLASSES} classes the output is {shapes[-1]}")
        require(shapes[0][0] == 1, f"the input is {shapes[0]}")


def choices_lead_to_candidates(subject: Subject) -> None:
    """Made choice by choice, as other libraries' samplers do, what comes out is a candidate."""
    space, rng = subject.make(SearchSpace), np.random.default_rng(3)
    if not isinstance(space, StepwiseSpace):
        raise NotApplicable("its choices cannot be made one by one")
    for _ in range(SAMPLES):
        made: dict[str, Choice] = {}
        while (following := space.next_choice(made)) is not None:
            name, options = following
            require(name not in made and options, f"it asks for {name!r} twice, or offers nothing")
            made[name] = options[int(rng.integers(len(options)))]
        require(space.contains(Candidate.of(made)), f"the choices {made} are no candidate")


def answer(subject: Subject) -> object:
    """Samples, neighbours and networks."""
    space, rng = subject.make(SearchSpace), np.random.default_rng(5)
    sampled = _sampled(space)
    return sampled, space.mutate(sampled[0], rng), [digest(graph) for graph in _built(subject)[:2]]


def _sampled(space: SearchSpace) -> list[Candidate]:
    rng = np.random.default_rng(0)
    return [space.sample(rng) for _ in range(SAMPLES)]


def _built(subject: Subject) -> list[Graph]:
    """Networks of some candidates, for the first shape of samples that the space takes."""
    space = subject.make(SearchSpace)
    refusals = []
    for shape in SHAPES:
        try:
            return [space.build(candidate, shape, CLASSES) for candidate in _sampled(space)[:4]]
        except InputError as error:
            refusals.append(str(error))
    raise NotApplicable(f"it takes samples of none of the shapes tried: {refusals[0]}")


CHECKS = (
    Check(samples_are_candidates),
    Check(what_it_does_not_offer_is_no_candidate),
    Check(neighbours_are_candidates),
    Check(networks_suit_the_samples),
    Check(choices_lead_to_candidates),
)
"""Those of a search space."""
