"""Opens one's own copy of the data of a submission; nothing in the submission names a file here."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base import RaybenchError, quoted
from ..datasets import DATASETS, Dataset, open_dataset
from ..suite import Protocol
from .check import Checked
from .findings import Findings
from .run_facts import FILE, RunFacts

__all__ = ["open_own_data", "own_options"]


def own_options(facts: RunFacts) -> dict[str, Any]:
    """Return the dataset's options but for those that name files: a stranger's path is not followed.

    Raises:
        RaybenchError: another option is unknown, or more than a plain word.
    """
    reader = DATASETS.get(facts.dataset.name)
    options = {key: value for key, value in facts.dataset.options.items() if key not in ("list", "classes")}
    for key, value in options.items():
        plain = not isinstance(value, str) or re.fullmatch(r"[A-Za-z0-9_-]{1,80}", value)
        if key not in reader.options or not plain:
            raise RaybenchError(
                f"run.json: dataset option {quoted(key)} is {quoted(value)}; not used to open files here"
            )
    return options


def open_own_data(
    checked: Checked,
    data: Mapping[str, Path],
    protocol: Protocol,
    options: Mapping[str, Any],
    findings: Findings,
) -> Dataset:
    """Open the data, and note whether its images and fingerprint are those of the submission.

    Args:
        checked: the submission. One on a selection of the images (option `list`) names them by its records.
        data: folders by dataset name.
        protocol: of the submission.
        options: from `own_options`.
        findings: where differences are noted.

    Raises:
        RaybenchError: the data is not there, or has none of the submission's images.
    """
    facts = checked.facts
    assert facts is not None
    dataset = open_dataset(facts.dataset.name, data, protocol, options)
    if "list" in facts.dataset.options:
        named = {image for frame in checked.records.values() for image in frame["image_id"]}
        named |= {entry.image_id for entry in facts.skipped} | set(facts.without_queries)
        missing = named - set(dataset.image_ids)
        if missing == named:
            raise RaybenchError("none of the submission's images is in the data")
        if missing:
            findings.problem(
                FILE, f"{len(missing)} images are not in the data, such as {quoted(min(missing))}"
            )
        with tempfile.TemporaryDirectory(prefix="raybench-list-") as name:
            listed = Path(name) / "images.txt"
            listed.write_text("".join(f"{one}\n" for one in sorted(named - missing)), encoding="utf-8")
            dataset = open_dataset(facts.dataset.name, data, protocol, {**options, "list": str(listed)})
    if len(dataset) != facts.dataset.images:
        findings.problem(FILE, f"dataset.images is {facts.dataset.images}; the data here has {len(dataset)}")
    given, actual = facts.dataset.fingerprint, dataset.fingerprint()
    if given != actual:
        findings.problem(FILE, f"dataset.fingerprint is {given[:12]}…; the data here: {actual[:12]}…")
    return dataset
