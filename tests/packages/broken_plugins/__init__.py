"""Plugins made to violate one check of the conformance kit each: the kit must find it, and nothing else."""

from broken_plugins import costs, data, generators, generic, graphs, learning, machines, output, profiles, spaces
from broken_plugins import strategies as _strategies
from broken_plugins.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *generic.MUTANTS,
    *profiles.MUTANTS,
    *_strategies.MUTANTS,
    *costs.MUTANTS,
    *generators.MUTANTS,
    *learning.MUTANTS,
    *spaces.MUTANTS,
    *data.MUTANTS,
    *graphs.MUTANTS,
    *output.MUTANTS,
    *machines.MUTANTS,
)

__all__ = ["MUTANTS", "Mutant"]
