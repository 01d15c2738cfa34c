"""Fitting: from measured layers to what each feature costs, by least squares without negative rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinyml_plugins.costs.features import Features
from tinyml_plugins.costs.table import Rate

FOLDS = 5
"""Parts of the samples, each kept out of a fit once to see how far it is off."""
PERCENTILE = 95
"""Of the errors of the parts kept out."""
FEWEST = 6
"""Samples from which a family is fitted."""
NEGLIGIBLE = 1000
"""Instructions or cycles added to those of a layer before its error counts as relative: a network does not notice."""

Vector = npt.NDArray[np.float64]


def fit(samples: Sequence[tuple[Features, float]]) -> Rate:
    """Rates of a family, from at least :data:`FEWEST` layers with their measured costs, which are positive.

    A rate is never negative, so that no layer can come out below 0. Relative errors count, so that middling layers are
    told as well as large ones.
    """
    names = sorted({name for features, _ in samples for name in features})
    matrix = np.array([[features.get(name, 0.0) for name in names] for features, _ in samples])
    costs = np.array([cost for _, cost in samples])
    errors = np.empty(len(costs))
    for fold in range(FOLDS):
        out = np.arange(len(costs)) % FOLDS == fold
        errors[out] = (matrix[out] @ _rates(matrix[~out], costs[~out]) - costs[out]) / (costs[out] + NEGLIGIBLE)
    rates = _rates(matrix, costs)
    return Rate(
        per={name: float(rate) for name, rate in zip(names, rates, strict=True) if rate > 0},
        error=float(np.percentile(np.abs(errors), PERCENTILE)),
    )


def _rates(matrix: Vector, costs: Vector) -> Vector:
    from scipy.optimize import nnls

    weights = costs + NEGLIGIBLE
    relative = matrix / weights[:, None]
    sizes = np.linalg.norm(relative, axis=0)
    sizes[sizes == 0] = 1
    found, _ = nnls(relative / sizes, costs / weights)
    return np.asarray(found / sizes, np.float64)
