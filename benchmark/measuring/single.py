"""One image outside any dataset: the maps that a run would score, and the network's answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...attributions import (
    BoundAttribution,
    bind,
    bound,
    computing_in,
    denormals_flushed,
    in_eval_mode,
    method_of,
)
from ...base import CodeFiles, RaybenchError, Size, seed_for
from ...checkpoints import Network
from ..datasets import picture_in_memory, read_picture, to_rgb
from ..loading import Prepared, View, decoded, frame_of, network_input, to_pixels, too_narrow, worker_view
from ..results import STATUSES
from ..suite import Protocol, protocol_from
from .maps import prepare_saliency, status_of
from .refusals import (
    below_zero,
    check_input_size,
    check_shape,
    failures_told,
    refuse_doubtful,
    refuse_negative,
    told_logits,
)
from .rehearsal import kind_of_scores, words_on_scores


@dataclass(frozen=True)
class Explanation:
    """What a network says about an image, and where it looks for each class asked about.

    Attributes:
        saliency: (K, H, W) float32 at the size of the image, each map sums to 1.
        status: K words, `ok` or what is degenerate about the map.
        class_index: the K classes.
        top5: (label, probability) of the five most probable classes, from the centre crop, descending.
        remarks: what else is to be known of the network, in sentences.
    """

    saliency: Tensor
    status: tuple[str, ...]
    class_index: tuple[int, ...]
    top5: tuple[tuple[str, float], ...]
    remarks: tuple[str, ...] = ()


def attribute(
    network: Network,
    image: PIL.Image.Image | NDArray[np.uint8] | str | Path,
    classes: int | str | Sequence[int | str] | None = None,
    *,
    attribution: str = "grad_cam",
    method: Callable[..., Any] | None = None,
    protocol: str | Protocol | None = None,
    seed: int = 0,
    trust_code: bool = False,
    **options: Any,
) -> Tensor:
    """Compute saliency maps of one image, as `raybench run` would score them.

    Args:
        network: from `raybench.load_checkpoint`.
        image: a PIL image, an array (H, W, 3) of uint8 in RGB, or a path.
        classes: what to look for, by index or name; None for the most probable class.
        attribution: a registered method that works on a network, or a function in a file, such as
            `mine.py:my_method`.
        method: a function in its place, registered or not; see `raybench.attributions.method_of`.
        protocol: gives input size and map treatment; Pillow decodes the picture, whatever its `decode` says.
            None for what suits the network; see `usual_protocol`.
        seed: of methods that draw random numbers; what they draw depends on it and on the picture alone.
        trust_code: let `attribution` name a file, whose code is run.
        **options: of the method, such as `layer="layer3"`.

    Returns:
        (K, H, W) float32 on the network's device, at the size of the image, each map non-negative and
        summing to 1; K is the number of classes.

    Raises:
        UnknownNameError: no such class, method, protocol or layer.
        RaybenchError: the picture cannot be read, or the method needs ground truth.
    """
    return explain_image(
        network,
        image,
        classes,
        attribution=attribution,
        method=method,
        protocol=protocol,
        seed=seed,
        trust_code=trust_code,
        **options,
    ).saliency


def explain_image(
    network: Network,
    image: PIL.Image.Image | NDArray[np.uint8] | str | Path,
    classes: int | str | Sequence[int | str] | None = None,
    *,
    attribution: str | BoundAttribution = "grad_cam",
    method: Callable[..., Any] | None = None,
    protocol: str | Protocol | None = None,
    seed: int = 0,
    trust_code: bool = False,
    image_id: str = "",
    **options: Any,
) -> Explanation:
    """Compute maps and the network's answer; see `attribute`.

    With `image_id` methods draw what a run over a dataset draws for the image of that name.
    """
    network = checked_network(network)
    if isinstance(attribution, BoundAttribution):
        asked = attribution
    elif method is None:
        asked = bind(attribution, options, code=CodeFiles(trusted=trust_code))
    else:
        asked = bound(method_of(getattr(method, "__qualname__", type(method).__name__), method), options)
    if asked.attribution.kind != "network":
        raise RaybenchError(
            f"attribution {asked.label!r} does not look at the picture; choose one that reads a network"
        )
    rules = protocol if isinstance(protocol, Protocol) else protocol_from(protocol or usual_protocol(network))
    if isinstance(image, (str, Path)):
        picture = read_picture(Path(image))
    else:
        picture = picture_in_memory(image, "the picture")
    check_input_size(network, rules, ("whole", "crop"))
    asked.check(network)
    quiet = in_eval_mode(network.module)
    with torch.no_grad(), denormals_flushed(), computing_in(rules.precision), quiet:
        logits = _logits(network, picture, "crop", rules)
        odd = kind_of_scores(logits[None]) != ""
        remarks = (
            *network.remarks,
            *(words_on_scores(network, pictured(network, picture, "crop", rules)) if odd else ()),
        )
        best = logits.softmax(0).topk(min(5, len(logits)))
        indices = _class_indices(network, classes, default=int(best.indices[0]))
        image_seed = seed_for(seed, image_id or _digest(picture))
        maps = _maps(asked, network, pictured(network, picture, "whole", rules), indices, image_seed)
        status = status_of(maps)
        size = Size(picture.height, picture.width)
        frame = frame_of("whole", rules, network.card)
        smoothed = asked.attribution.smoothed
        saliency = prepare_saliency(maps, status, size, rules, smoothed=smoothed, frame=frame)
    labels = [network.classes.labels[index] for index in best.indices.tolist()]
    return Explanation(
        saliency=saliency,
        status=tuple(STATUSES[code] for code in status.tolist()),
        class_index=indices,
        top5=tuple(zip(labels, best.values.tolist(), strict=True)),
        remarks=remarks,
    )


def checked_network(given: object) -> Network:
    """Return a network; raise `RaybenchError` for anything else, such as a module."""
    if isinstance(given, Network):
        return given
    raise RaybenchError(
        f"the network is {type(given).__name__}; expected a Network, as raybench.load_checkpoint returns and "
        "raybench.checkpoints.network_from_module makes of a module"
    )


def usual_protocol(network: Network) -> str:
    """Name the protocol that suits a network: `native` if it takes one size alone, else what it was made for.

    Networks of 224 x 224, or of a size that nobody says, are shown twice as much by `aaai21`, as is usual for
    them.
    """
    if network.input_size is not None:
        return "native"
    return "aaai21" if network.card.input.size in (None, (224, 224)) else "native-whole"


def logits_of(network: Network, image: PIL.Image.Image, view: View, protocol: Protocol) -> Tensor:
    """Return the logits (C,) float32 of one view of a picture."""
    with torch.no_grad(), denormals_flushed(), computing_in(protocol.precision):
        return _logits(network, to_rgb(image), view, protocol)


def _digest(picture: PIL.Image.Image) -> str:
    """Name a picture outside any dataset by its pixels."""
    return hashlib.sha256(picture.tobytes()).hexdigest()


def _class_indices(
    network: Network, classes: int | str | Sequence[int | str] | None, default: int
) -> tuple[int, ...]:
    if classes is None:
        return (default,)
    if isinstance(classes, (str, Integral)) or not isinstance(classes, Iterable):
        classes = [classes]
    asked = list(classes)
    if not asked:
        raise RaybenchError(
            "classes is empty; name at least one, or leave it out for the most probable class"
        )
    for one in asked:
        if not isinstance(one, (str, Integral)) or isinstance(one, bool):
            raise RaybenchError(
                f"class {one!r} is neither an index nor a name; give one such as 282 or 'tabby'"
            )
    return tuple(network.classes.find(str(one)) for one in asked)


def _logits(network: Network, picture: PIL.Image.Image, view: View, rules: Protocol) -> Tensor:
    logits = told_logits(network, pictured(network, picture, view, rules))[0]
    refuse_doubtful(network)
    return logits


def _maps(
    method: BoundAttribution, network: Network, image: Tensor, classes: Sequence[int], image_seed: int
) -> Tensor:
    """Raw maps (K, h, w) of an image (1, 3, H, W), one for each class."""
    thing = f"attribution {method.label!r} on checkpoint {network.name!r}"
    with failures_told(thing, network=network, images=image):
        maps = method(
            network,
            image,
            torch.zeros(len(classes), dtype=torch.int64, device=network.device),
            torch.tensor(classes, device=network.device),
            seeds=[image_seed],
        )
    check_shape(method, maps, (len(classes),))
    refuse_doubtful(network)
    for index, low in zip(classes, below_zero(maps).tolist(), strict=True):
        refuse_negative(method.label, low, "", index)
    return maps


def pictured(network: Network, picture: PIL.Image.Image, view: View, rules: Protocol) -> Tensor:
    """Show the network one view of a decoded picture: (1, 3, h, w)."""
    frame = frame_of(view, rules, network.card)
    told = too_narrow(Size(picture.height, picture.width), [frame])
    if told:
        raise RaybenchError(f"the picture {told}")
    if rules.resize != "device":
        image = Prepared("", "", views={view: worker_view(picture, frame, rules)})
    else:
        image = Prepared("", "", picture=to_pixels(picture))
    return network_input(network, decoded([image], network.device), view, rules, network.device)
