"""Makes a bundle of a result folder: what others need to check and show it, and nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...base import RaybenchError, __version__
from ...checkpoints import Card, card_names, find_card
from ..results import (
    BUNDLE_MANIFEST,
    MAX_FILES,
    MAX_TOTAL_BYTES,
    card_file,
    collisions,
    lost_rows,
    open_results,
    pack,
    predictions_file,
    read_manifest,
    records_file,
)
from .bundle_files import bundle_manifest, describe_checkpoint
from .check import Checked, check, check_folder, facts_of
from .findings import Findings, Report
from .privacy import public_manifest

__all__ = ["submit"]


def submit(folder: str | Path, bundle: str | Path, *, cards: Sequence[Card] = ()) -> Report:
    """Check a result folder and, if nothing is wrong with it, write a bundle.

    The same folder gives the same bytes.

    Args:
        folder: the output folder of a run that is complete.
        bundle: file to write, usually `results/submitted/NAME.zip`.
        cards: of checkpoints that do not ship with raybench, for the public addresses of their weights.

    Returns:
        The report on the folder or, if that is in order, on the bundle.

    Raises:
        RaybenchError: no run in that folder, a card of a checkpoint that the run does not name, or the
            bundle cannot be written.
    """
    folder, bundle = Path(folder), Path(bundle)
    if not (folder / "run.json").is_file():
        raise RaybenchError(f"{folder} holds no run; give the --out folder of `raybench run`")
    if bundle.suffix != ".zip":
        raise RaybenchError(f"the bundle {bundle} needs a name that ends in .zip")
    findings = Findings()
    checked = check_folder(folder, findings, is_bundle=False)
    with contextlib.suppress(RaybenchError):  # what cannot be read is among the findings
        for line in lost_rows(open_results(folder)):
            findings.problem("summary.csv", line)
    report = Report(str(folder), tuple(findings.all), facts_of(checked))
    if report.problems:
        return report
    files = _files(folder, checked, cards)
    total = sum(map(len, files.values()))
    if len(files) > MAX_FILES or total > MAX_TOTAL_BYTES or collisions(files):
        raise RaybenchError(
            f"{folder} is too large for a bundle ({len(files)} files, {total} bytes), or holds names that "
            "differ in capital letters only; submit fewer checkpoints or methods at once"
        )
    pack(bundle, files)
    return check(bundle, own=True)


def _files(folder: Path, checked: Checked, cards: Sequence[Card]) -> dict[str, bytes]:
    """Gather the files of a bundle."""
    assert checked.facts is not None
    manifest = public_manifest(read_manifest(folder / "run.json"))
    names = ["summary.csv"]
    names += [records_file(*row) for row in checked.records]
    names += [predictions_file(checkpoint) for checkpoint in checked.predictions]
    files = {name: (folder / name).read_bytes() for name in names}
    files["run.json"] = (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode()
    addresses = _addresses([entry["name"] for entry in manifest["checkpoints"]], cards)
    for entry in manifest["checkpoints"]:
        name = entry["name"]
        card = describe_checkpoint(entry, manifest["weights_sha256"][name], addresses.get(name, ()))
        files[card_file(name)] = _yaml(card)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    sizes = {name: len(content) for name, content in files.items()}
    return files | {BUNDLE_MANIFEST: bundle_manifest(hashes, sizes, __version__)}


def _addresses(names: Sequence[str], cards: Sequence[Card]) -> dict[str, list[str | None]]:
    """Public addresses of the weights of each checkpoint, from shipped cards and those given."""
    found = {name: find_card(name) for name in names if name in card_names()}
    for card in cards:
        if card.name not in names:
            raise RaybenchError(
                f"the run has no checkpoint {card.name!r}; its checkpoints: {', '.join(names)}"
            )
        found[card.name] = card
    return {name: [source.url for source in card.weights] for name, card in found.items()}


def _yaml(card: Mapping[str, Any]) -> bytes:
    """Write a card with every value as JSON, which YAML contains: nothing depends on YAML's guesses."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in card.items()]
    return "".join(lines).encode()
