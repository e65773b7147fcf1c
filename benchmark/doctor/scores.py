"""Whether a network's scores are numbers, logits, and the same in every call."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ...attributions import computing_in, forward_pass, generator
from ...base import RaybenchError, worded
from ..measuring import check_input_size, logits_of, pictured, words_on_scores
from .findings import Finding, Patient


def size(patient: Patient) -> Iterator[Finding]:
    """Compare the size of pictures under the protocol with what the network takes."""
    try:
        check_input_size(patient.network, patient.protocol, ("whole", "crop"))
    except RaybenchError as error:
        yield Finding("input size", "refusal", str(error), "choose another protocol, such as native")
        return
    try:
        logits_of(patient.network, patient.examples[0].picture, "crop", patient.protocol)
    except RaybenchError as error:
        yield Finding("input size", "refusal", str(error), "mend the network or its card")
        return
    yield Finding("input size", "ok", f"runs under protocol {patient.protocol.name!r}")


def what_scores_are(patient: Patient) -> Iterator[Finding]:
    """Tell logits from what a softmax or a sigmoid made of them."""
    image = pictured(patient.network, patient.examples[0].picture, "crop", patient.protocol)
    said = list(words_on_scores(patient.network, image))
    for words in said:
        yield Finding("scores", "warning", words, "take the last softmax or sigmoid out of the network")
    if not said:
        count = len(patient.network.classes)
        yield Finding("scores", "ok", f"finite logits of {count:,} classes")


def steady(patient: Patient) -> Iterator[Finding]:
    """Show the network the same picture twice, alone and among others, which must change nothing."""
    network = patient.network
    image = pictured(network, patient.examples[0].picture, "crop", patient.protocol)
    noise = torch.rand(image.shape, generator=generator(0, "doctor", 0)).to(image)
    with torch.no_grad(), computing_in(patient.protocol.precision), forward_pass(network.device):
        first, again = (network.module(image).float()[0] for _ in range(2))
        if not torch.equal(first, again):
            yield Finding(
                "same picture twice",
                "refusal",
                f"scores differ by up to {float((first - again).abs().max()):.3g} from call to call",
                "the network draws random numbers, such as a dropout that is always on; switch it off in "
                "eval mode",
            )
            return
        yield Finding("same picture twice", "ok", "the same scores")
        try:
            among = network.module(torch.cat([image, noise])).float()[0]
        except Exception as error:  # some networks take one picture alone
            yield Finding(
                "batches",
                "warning",
                f"does not run on two pictures at once: {worded(error)}",
                "measure it with --batch-size 1",
            )
            return
    scale = float((first - first.mean()).abs().max())
    off = float((among - first).abs().max()) / max(scale, 1e-30)
    if off > 1e-3:
        yield Finding(
            "batches",
            "refusal",
            f"scores of a picture change by {off:.1%} of their range with another one beside it",
            "something mixes the pictures of a batch, such as a batch normalisation that does not use its "
            "running statistics; mend it, or measure with --batch-size 1",
        )
    else:
        yield Finding("batches", "ok", "a picture's scores do not depend on its neighbours")
