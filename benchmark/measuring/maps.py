"""From a method's raw map to the map that is scored: resized, smoothed, normalised by the protocol."""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ...attributions import CANCELLED, computing_in
from ...base import Size
from ..loading import Frame, send_joined
from ..metrics import sum_pixels
from ..results import STATUSES
from ..suite import Protocol


def status_of(maps: Tensor) -> Tensor:
    """Say what each raw map is.

    Args:
        maps: (N, h, w) float, as a method returned them.

    Returns:
        (N,) int64, indices into `STATUSES`: `cancelled` if all values are infinite, `nan` if any is not
        finite, `zero` if all are 0, `constant` if all are equal.
    """
    low, high = maps.amin(dim=(1, 2)), maps.amax(dim=(1, 2))  # a tenth of the time of aminmax
    code = torch.zeros(len(maps), dtype=torch.int64, device=maps.device)
    code = code.masked_fill(low == high, STATUSES.index("constant"))
    code = code.masked_fill((low == 0) & (high == 0), STATUSES.index("zero"))
    code = code.masked_fill(~(low.isfinite() & high.isfinite()), STATUSES.index("nan"))
    return code.masked_fill(low == CANCELLED, STATUSES.index("cancelled"))


def prepare_saliency(
    maps: Tensor,
    status: Tensor,
    size: Size,
    protocol: Protocol,
    *,
    smoothed: bool,
    frame: Frame | None = None,
) -> Tensor:
    """Bring the raw maps of a network to the size of the original image and make each sum to 1.

    Args:
        maps: (N, h, w) float, non-negative, at the method's native resolution.
        status: (N,) from `status_of`; maps that are not `ok` become uniform.
        size: height and width of the original image, in pixels.
        protocol: gives epsilon and smoothing.
        smoothed: whether the method's maps are smoothed under a protocol that smooths.
        frame: how the picture was shown; None, or one that shows all of it, for maps of the whole picture.

    Returns:
        (N, H, W) float32.
    """
    maps = torch.where((status == 0)[:, None, None], maps, 1.0).float()
    if protocol.epsilon:
        maps = maps / (maps.sum(dim=(1, 2), keepdim=True) + protocol.epsilon) + protocol.epsilon
    large = _placed(maps, size, frame) if frame is not None and frame.crop is not None else None
    if smoothed and protocol.smoothing:
        large = resize_bilinear(maps, size) if large is None else large
        return normalise(smooth(large, protocol.smoothing * max(size)), status)
    if large is not None:
        return normalise(large, status)
    # dividing the small map by the sum that the large one will have saves two passes over the large one
    return _uniform_unless_ok(resize_bilinear(maps / _resized_sum(maps, size), size), status)


def signed_saliency(maps: Tensor, size: Size, protocol: Protocol, *, smoothed: bool) -> Tensor:
    """Bring raw maps with a sign to a size as `prepare_saliency` does, without making them sum to anything.

    Returns:
        (N, H, W) float32; 1 everywhere where the map is degenerate, which adds up as a uniform map does.
    """
    resized = resize_bilinear(maps.float(), size)
    if smoothed and protocol.smoothing:
        resized = smooth(resized, protocol.smoothing * max(size))
    return torch.where((status_of(maps) == 0)[:, None, None], resized, 1.0)


def normalise(maps: Tensor, status: Tensor) -> Tensor:
    """Make each map sum to 1; maps that are not `ok` become uniform.

    Args:
        maps: (N, H, W) float, non-negative, at the size of the original image.
        status: (N,) from `status_of`.

    Returns:
        (N, H, W) float32.
    """
    return _uniform_unless_ok(maps.float() / sum_pixels(maps).float()[:, None, None], status)


def _uniform_unless_ok(saliency: Tensor, status: Tensor) -> Tensor:
    """Replace maps (N, H, W) that are not `ok` by a uniform one, exact to the last digit.

    Resizing and smoothing leave rounding noise on a uniform map, and its first pixel has to stay the peak.
    """
    if saliency.device.type == "cpu" and not status.any():
        return saliency  # a look at the status is free on a CPU; a GPU would have to be waited for
    return torch.where((status == 0)[:, None, None], saliency, 1.0 / math.prod(saliency.shape[1:]))


def _resized_sum(maps: Tensor, size: Size) -> Tensor:
    """Sum that maps (N, h, w) will have after `resize_bilinear`: (N, 1, 1) float32."""
    if tuple(maps.shape[1:]) == tuple(size):
        return sum_pixels(maps).float()[:, None, None]
    rows = _coverage(maps.shape[1], size.height, maps.device)
    columns = _coverage(maps.shape[2], size.width, maps.device)
    return torch.einsum("nhw,h,w->n", maps.double(), rows, columns).float()[:, None, None]


@functools.lru_cache(maxsize=4096)
def _coverage(old: int, new: int, device: torch.device) -> Tensor:
    """How much each of `old` samples contributes to the sum of the `new` ones: (old,) float64."""
    lower, upper, taps = _taps(old, new, torch.device("cpu"))  # a GPU adds up in any order
    covered, weight = torch.zeros(old, dtype=torch.float64), taps.double()
    covered.index_add_(0, lower, 1 - weight).index_add_(0, upper, weight)
    return send_joined([covered.numpy()], device)


def resize_bilinear(maps: Tensor, size: Size) -> Tensor:
    """Resize bilinearly with half-pixel centres and no antialiasing.

    The same sampling as `F.interpolate(mode="bilinear", align_corners=False)` and `cv2.resize`, but exact on
    plateaus: equal neighbours give exactly their value. Beyond the last sample centre all pixels of a row are
    equal in theory; interpolation with two rounded weights makes them differ in the last digit, and then the
    most salient pixel of a map that peaks at the right or lower border is decided by rounding.

    Args:
        maps: (N, h, w) float32.
        size: the new height and width.

    Returns:
        (N, height, width) float32.
    """
    if tuple(maps.shape[1:]) == tuple(size):
        return maps
    return _stretch(_stretch(maps, size.width, dim=2), size.height, dim=1)


def _placed(maps: Tensor, size: Size, frame: Frame) -> Tensor:
    """Bring maps (N, h, w) of a crop to where it lies in a picture of a size; 0 outside: (N, H, W)."""
    assert frame.crop is not None, "there is a crop"
    resized, corner = frame.resized(size), frame.corner(size)
    for dim in (2, 1):
        length, whole, shown, start = (one[dim - 1] for one in (size, resized, frame.crop, corner))
        # pixel centres of the picture, in pixels of the crop
        place = (torch.arange(length, dtype=torch.float64, device=maps.device) + 0.5) * (
            whole / length
        ) - start
        inside = ((place >= 0) & (place <= shown)).float()
        lower, upper, weight = _neighbours(place * (maps.shape[dim] / shown) - 0.5, maps.shape[dim])
        maps = _between(maps, lower, upper, weight, dim) * _along(inside, dim)
    return maps


def smooth(maps: Tensor, sigma: float) -> Tensor:
    """Convolve with a Gaussian of standard deviation `sigma` pixels, cut at 4 sigma, edges replicated.

    Args:
        maps: (N, H, W) float32.
        sigma: in pixels, above 0.

    Returns:
        (N, H, W) float32.
    """
    radius = math.ceil(4 * sigma)
    offsets = torch.arange(-radius, radius + 1, device=maps.device, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(maps.dtype)
    with computing_in("float32"):  # whatever the network computes in
        rows = F.conv2d(_pad(maps[:, None], (radius, radius, 0, 0)), kernel.view(1, 1, 1, -1))
        return F.conv2d(_pad(rows, (0, 0, radius, radius)), kernel.view(1, 1, -1, 1))[:, 0]


def _pad(maps: Tensor, widths: tuple[int, int, int, int]) -> Tensor:
    return F.pad(maps, widths, mode="replicate")


def _stretch(maps: Tensor, length: int, dim: int) -> Tensor:
    """Resize one dimension linearly."""
    return _between(maps, *_taps(maps.shape[dim], length, maps.device), dim)


def _between(maps: Tensor, lower: Tensor, upper: Tensor, weight: Tensor, dim: int) -> Tensor:
    """Read one dimension between samples."""
    first, second = maps.index_select(dim, lower), maps.index_select(dim, upper)
    return torch.lerp(first, second, _along(weight, dim))


def _along(values: Tensor, dim: int) -> Tensor:
    """Shape values (n,) such that they go with one dimension of maps."""
    return values.view([-1 if place == dim else 1 for place in range(3)])


@functools.lru_cache(maxsize=4096)
def _taps(old: int, new: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of the two samples on either side of each new pixel, and the weight of the upper one."""
    # made where they are used: a copy would be waited for
    position = (torch.arange(new, dtype=torch.float64, device=device) + 0.5) * (old / new) - 0.5
    return _neighbours(position, old)


def _neighbours(position: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of the two of `count` samples on either side of positions, and the weight of the upper one."""
    position = position.clamp(0, count - 1)
    lower = position.floor().long()
    upper = (lower + 1).clamp(max=count - 1)
    weight = (position - lower).float()
    return lower, upper, weight
