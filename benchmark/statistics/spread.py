"""How much means over queries or classes would vary if other images had been drawn, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_RAISED = 0.5
"""Standard errors by which a variance is raised at most, found by `python -m perf.calibration`."""

_FEW = 8
"""Classes of several images that tell the variance of those of one; fewer do not, by simulation."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Spread(NamedTuple):
    """What intervals and tests of values need to know.

    Attributes:
        variance: of each value; NaN for fewer than two images.
        freedom: degrees of freedom of that variance.
        units: how many images of equal weight would tell as much.
    """

    variance: Floats
    freedom: Floats
    units: float


@dataclass(frozen=True, eq=False)
class Deviations:
    """What each image adds, in each of its classes, to the errors of the means of R rows.

    The mean over classes of class means is linear in the values. An image in a class ("cell") deviates from
    the mean of its class, of which it is itself a part: with a share h of the class, the square of its
    deviation is smaller by the factor 1 - h, by which it is divided. Since queries of one image fare alike,
    products of its deviations in two classes are added; these are smaller by (1 - h) (1 - h'), if the classes
    share no other image. A class with one image has no spread of its own: it is taken to have the mean
    variance of the others. Where these are too few to tell, classes of one image deviate from the mean over
    all classes, and are one stratum together.

    Attributes:
        means: (R,), the value of each row.
        cells: (R, K), the weighted deviations divided by sqrt(1 - h), sorted by class.
        missing: (K,), that factor, sqrt(1 - h).
        weights: (K,), what each cell counts in the value, summing to 1.
        images: (K,), index of the image of each cell.
        starts: (C,), the first cell of each class.

    Source: squares as in CR2 of R. Bell and D. McCaffrey, Bias reduction in standard errors for linear
        regression with multi-stage samples, Survey Methodology 28 (2002); degrees of freedom by B. L. Welch,
        The generalization of "Student's" problem when several different population variances are involved,
        Biometrika 34 (1947), with one variance per class.
    """

    means: Floats
    cells: Floats
    missing: Floats
    weights: Floats
    images: Integers
    starts: Integers

    @cached_property
    def sizes(self) -> Integers:
        """Images of each class: (C,)."""
        return np.diff(np.append(self.starts, len(self.images)))

    def by_image(self, cells: Floats) -> Floats:
        """Add up cells (R, K) of each image: (R, images)."""
        return np.array([np.bincount(self.images, weights=row) for row in cells])

    @cached_property
    def pooled(self) -> bool:
        """Whether classes of one image are one stratum, since fewer than `_FEW` others have several."""
        return bool((self.sizes == 1).any() and (self.sizes > 1).sum() < _FEW)

    @cached_property
    def factors(self) -> Floats:
        """What the squares of each class (C,) are multiplied by: they stand for classes of one image too."""
        several = self.sizes > 1
        if self.pooled:
            return np.ones(len(several))
        return np.where(several, 1 + self.sizes * (~several).sum() / several.sum(), 0.0)

    def own(self) -> Spread:
        """Return the spread of each row's value: arrays (R,), without a bias."""
        parts = np.add.reduceat(self.cells**2, self.starts, axis=1) * self.factors
        whole = self.cells / self.missing
        products = (self.by_image(whole) ** 2).sum(axis=1) - (whole**2).sum(axis=1)
        squares, alone = parts**2 / (self.sizes + 1), self.pooled & (self.sizes == 1)
        stratum = parts[:, alone].sum(axis=1) ** 2 / (alone.sum() + 1)
        return self._spread(parts.sum(axis=1), products, squares[:, ~alone].sum(axis=1) + stratum)

    def within_bounds(self) -> Spread:
        """Return the spread of each row's value, raised where few classes tell it: arrays (R,).

        Where nearly all values lie at a bound, the few that do not decide the variance, and the classes that
        weigh most, those with few images, often have none. Their share of the variance is therefore raised
        towards what the mean variance of all classes makes expect, by at most half of the standard error
        that it has; never lowered, since rare classes may well be the harder ones.
        """
        found, several = self.own(), self.sizes > 1
        if self.pooled:
            return found
        parts = np.add.reduceat(self.cells**2, self.starts, axis=1)[:, several]
        lacking = (parts * self.sizes[several]).mean(axis=1, keepdims=True) / self.sizes[several] - parts
        raised = lacking.sum(axis=1).clip(0, _RAISED * np.sqrt((lacking**2).sum(axis=1)))
        return found._replace(variance=found.variance + raised)

    def of_pairs(self) -> Spread:
        """Return the spread of row i's value less row j's: arrays (R, R)."""
        cells = self.cells - self.cells.mean(axis=0)  # what rows share would only cost digits
        whole = cells / self.missing
        products = _of_differences(self.by_image(whole)) - _of_differences(whole)
        own, squares, stratum = (np.zeros_like(products) for _ in range(3))
        for start, size, factor in zip(self.starts, self.sizes, self.factors, strict=True):
            part = factor * _of_differences(cells[:, start : start + size])
            own = own + part
            if self.pooled and size == 1:
                stratum = stratum + part
            else:
                squares = squares + part**2 / (size + 1)
        return self._spread(own, products, squares + stratum**2 / ((self.sizes == 1).sum() + 1))

    def _spread(self, own: Floats, products: Floats, squares: Floats) -> Spread:
        """Finish with the sums of squares and products, and over strata of (its squares)² / (images + 1)."""
        variance = np.maximum(own + products, own / 2)  # products below that are chance
        shares = self.by_image(self.weights[None])[0]
        images = np.count_nonzero(shares)
        if images < 2:
            return Spread(np.full_like(variance, np.nan), np.ones_like(variance), float(images))
        most = np.full_like(variance, images + 1.0)
        told = squares if (self.sizes > 1).any() else np.zeros_like(squares)  # one spread over all classes
        freedom = np.divide(own**2, told, out=most, where=told > 0) - 2
        return Spread(variance, freedom.clip(1, images - 1), float(1 / (shares**2).sum()))


def deviations(
    values: NDArray[np.floating[Any]], images: Integers, classes: Integers | None = None
) -> Deviations:
    """Compute means over classes of class means, or over queries, and what they owe to each image.

    Args:
        values: (R, Q), one per row and query; none is NaN, and Q is not 0.
        images: (Q,), index of the query's image, from 0.
        classes: (Q,), class of the query for a mean over classes; None for a mean over queries.
    """
    _, of_class = np.unique(np.zeros_like(images) if classes is None else classes, return_inverse=True)
    width = int(images.max()) + 1
    keys, place, counts = np.unique(of_class * width + images, return_inverse=True, return_counts=True)
    group, image = np.divmod(keys, width)
    _, starts, sizes = np.unique(group, return_index=True, return_counts=True)
    queries, alone = np.bincount(group, weights=counts), sizes == 1
    share = np.where(alone, 1 / len(sizes), 1)[group] * np.where(alone[group], 1, counts / queries[group])
    missing = np.sqrt((1 - share).clip(min=1e-9))  # one image alone has no spread, and no deviation
    weights = counts / (queries[group] * len(sizes))
    scale = weights / counts / missing
    means, cells = np.empty(len(values)), np.empty((len(values), len(keys)))
    for row, own in enumerate(values):
        totals = np.bincount(place, weights=own)
        middles = np.bincount(group, weights=totals) / queries
        means[row] = middles.cumsum()[-1] / len(middles)  # in this order since the first version
        cells[row] = (totals - counts * np.where(alone, means[row], middles)[group]) * scale
    return Deviations(means, cells, missing, weights, image, starts)


def _of_differences(rows: Floats) -> Floats:
    """Sum of squares of row i less row j, from rows (R, K): (R, R)."""
    products = rows @ rows.T
    own = np.diag(products)
    both = own[:, None] + own[None, :]
    differences = both - 2 * products
    found: Floats = np.where(differences > 1e-14 * both, differences, 0.0)  # the rest is rounding
    return found
