"""What a random sample of a known set of images says of the value on all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .intervals import Estimate


def draw_sample(images: int, classes: Sequence[int] | None, size: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Draw images without replacement: positions (n,), ascending.

    Args:
        images: how many there are.
        classes: of each image, to draw as many from every class: `size` rounded down to a multiple of the
            number of classes, but at least two each. None, or a `size` below two of each class, draws from
            all images alike.
        size: how many to draw.
        seed: of the draw.
    """
    drawn = np.random.Generator(np.random.PCG64(seed))
    count = len(set(classes)) if classes is not None else 0
    if classes is None or size < 2 * count:
        return np.sort(drawn.permutation(images)[:size])
    order, of_class = drawn.permutation(images), np.asarray(classes)
    chosen = [order[of_class[order] == one][: size // count] for one in sorted(set(classes))]
    return np.sort(np.concatenate(chosen))


def of_sample(found: Estimate, *, measured: int, images: int) -> Estimate:
    """Return a value on a sample with the 95 % interval of the value on all images.

    The interval of the value on any images that might be drawn, shrunk by what is known of the set: where all
    of it was measured, nothing is uncertain.

    Args:
        found: the value, with its interval over images.
        measured: images of the sample.
        images: of the whole set.

    Source: W. Cochran, Sampling Techniques, 1977, section 2.6: the finite population correction.
    """
    share = max(0.0, (images - measured) / max(images - 1, 1)) ** 0.5
    low, high = (found.value + share * (end - found.value) for end in (found.low, found.high))
    return Estimate(found.value, low, high)
