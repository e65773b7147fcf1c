"""Errors inside a network, a method or a metric become one sentence that names it and the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ...attributions import forward_pass
from ...base import RaybenchError, worded
from ...checkpoints import Network, UnusableScoresError, reader_of

__all__ = ["failures_told", "named", "refuse_doubtful"]

_MOST_NAMED = 3


@contextmanager
def failures_told(
    thing: str,
    image_ids: Sequence[str] = (),
    *,
    network: Network | None = None,
    images: Tensor | None = None,
) -> Iterator[None]:
    """While open, an error of others' code becomes a sentence; the first one stays its cause.

    Args:
        thing: what runs, such as `attribution 'mine'`.
        image_ids: of the pictures that it runs on.
        network: the checkpoint, where its own forward pass may be to blame.
        images: (B, 3, H, W), what it is shown.

    Raises:
        RaybenchError: what runs has failed.
    """
    version = None if images is None else images._version
    try:
        yield
        if network is not None and images is not None and images._version != version:
            raise RaybenchError(
                f"checkpoint {network.name!r}, or {thing}, changes its input in place, so that whoever runs "
                "next sees another picture; let it compute with a copy: x = x - 0.5 and not x -= 0.5"
            )
    except UnusableScoresError as error:
        raise RaybenchError(f"{error}{_on(image_ids)}") from error
    except (RaybenchError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        failed = _failure(network, images[:1]) if network is not None and images is not None else None
        if failed is None or network is None or images is None:
            raise RaybenchError(f"{thing} has failed{_on(image_ids)}: {worded(error)}") from error
        height, width = images.shape[2:]
        raise RaybenchError(
            f"checkpoint {network.name!r} fails on a picture of {height} x {width}{_on(image_ids)}: "
            f"{worded(failed)}; if it takes one size alone, name it in its card (input_size: [HEIGHT, "
            "WIDTH]) and use protocol native"
        ) from failed


def refuse_doubtful(network: Network) -> None:
    """Raise `RaybenchError` if scores since the last look were not finite; waits for the device."""
    reader = reader_of(network.module)
    doubt = reader.doubt() if reader else None
    if reader and doubt is not None and doubt:
        raise reader.refuse()


def named(image_ids: Sequence[str]) -> str:
    """List a few ids of images."""
    few = ", ".join(map(repr, image_ids[:_MOST_NAMED]))
    more = f" and {len(image_ids) - _MOST_NAMED} more" if len(image_ids) > _MOST_NAMED else ""
    return f"image{'s' if len(image_ids) > 1 else ''} {few}{more}"


def _on(image_ids: Sequence[str]) -> str:
    return f" ({named(image_ids)})" if image_ids else ""


def _failure(network: Network, image: Tensor) -> Exception | None:
    """Return what the network itself raises on an image (1, 3, H, W); None if it works."""
    try:
        with torch.no_grad(), forward_pass(network.device):
            network.module(image)
    except torch.OutOfMemoryError:
        return None
    except Exception as error:
        return error
    return None
