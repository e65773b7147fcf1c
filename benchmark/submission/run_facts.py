"""The run.json of a submission: its shape, and what of it decides numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ...base import names_code, quoted
from ..results import MANIFEST, is_plain_name, read_inside
from .report import Findings

FILE = MANIFEST
_MARKUP = re.compile(r"<\s*[A-Za-z/!?]|[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
MOST_TEXT = 4000


def _plain(name: str) -> str:
    if not is_plain_name(name):
        raise ValueError("expected up to 80 letters, digits and _ . + -")
    return name


def _method(name: str) -> str:
    file, _, function = name.rpartition(":")
    return f"{_plain(file)}:{_plain(function)}" if names_code(name) else _plain(name)


Name = Annotated[str, AfterValidator(_plain)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
WeightsSha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}(\+[0-9a-f]{64}){0,9}$")]


class _Facts(BaseModel):
    """Later versions may add keys; those named here must be as they are today."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class _Named(_Facts):
    name: Name


class _Protocol(_Named):
    id: str
    fields: dict[str, Any]


class _Dataset(_Named):
    options: dict[str, Any]
    classes: str
    images: Annotated[int, Field(ge=1, le=100_000_000)]
    fingerprint: Sha256


class _Attribution(_Named):
    method: Annotated[str, AfterValidator(_method)]
    options: dict[str, Any]


class _Skipped(_Facts):
    image_id: str
    reason: str


class _Checkpoint(_Named):
    architecture: str
    classes: str
    target_layer: str | None
    pooling: str = "avg"
    mean: list[float] = []
    std: list[float] = []
    training: str = "none"
    source: str = ""
    licence: str | None = None
    reported: dict[str, float] = {}
    notes: str | None = None


class RunFacts(_Facts):
    """What a run.json says; see docs/files.md. Keys with a default were not there from the start."""

    status: str
    suite: _Named
    protocol: _Protocol
    dataset: _Dataset
    metrics: dict[Name, dict[str, Any]]
    seed: Annotated[int, Field(ge=0)]
    limit: int | None
    attributions: list[_Attribution]
    checkpoints: list[_Checkpoint]
    weights_sha256: dict[Name, WeightsSha256]
    skipped: list[_Skipped]
    without_queries: list[str]
    versions: dict[str, str]
    device: dict[str, Any]
    command: list[str] = []
    git_revision: str | None = None
    started: str = ""
    not_defined: dict[str, dict[str, str]] = {}
    notes: dict[str, int] = {}
    intervals: str = "bootstrap"
    facts: dict[str, Any] = {}
    costs: dict[str, dict[str, dict[str, Amount]]] = {}
    wall_seconds: Amount = 0.0
    measuring_seconds: Amount = 0.0
    images_per_second: Amount = 0.0
    peak_memory_mb: Amount = 0.0
    measured_images: Annotated[int, Field(ge=0)] = 0

    @property
    def card_facts(self) -> Mapping[str, Mapping[str, Any]]:
        """What the manifest says about each checkpoint, by name."""
        return {entry.name: entry.model_dump(exclude_unset=True) for entry in self.checkpoints}

    @property
    def expected_images(self) -> int:
        """Images that the run was to measure."""
        return min(self.dataset.images, self.limit or self.dataset.images)


def read_run_facts(folder: Path, findings: Findings) -> RunFacts | None:
    """Read run.json; None, with every fault noted, if it is not what a run writes."""
    content = read_json(folder, FILE, findings)
    if content is None:
        return None
    for place, text in _texts(content, ()):
        if len(text) > MOST_TEXT or _MARKUP.search(text):
            what = (
                "markup or control characters" if len(text) <= MOST_TEXT else f"over {MOST_TEXT} characters"
            )
            findings.problem(FILE, f"{'.'.join(place)} is {quoted(text)}: it holds {what}")
    try:
        # by way of JSON, where strict checking knows no Python types
        facts = RunFacts.model_validate_json(json.dumps(content))
    except ValidationError as error:
        for mistake in error.errors():
            findings.problem(FILE, _worded(mistake["loc"], mistake["msg"], mistake["input"]))
        return None
    _check(facts, findings)
    return facts


def _check(facts: RunFacts, findings: Findings) -> None:
    if facts.status != "complete":
        findings.problem(FILE, f"status is {quoted(facts.status)}; expected 'complete': finish the run first")
    if facts.limit is not None:
        findings.problem(FILE, f"limit is {facts.limit}: measure all images, without --limit")
    for noun, names in (
        ("checkpoint", [entry.name for entry in facts.checkpoints]),
        ("attribution", [entry.name for entry in facts.attributions]),
    ):
        for twice in sorted({name for name in names if names.count(name) > 1}):
            findings.problem(FILE, f"{noun} {quoted(twice)} is named twice")
    skipped = [entry.image_id for entry in facts.skipped]
    for key, ids in (("skipped", skipped), ("without_queries", facts.without_queries)):
        if len(set(ids)) < len(ids):
            findings.problem(FILE, f"{key} names an image twice")
    if set(skipped) & set(facts.without_queries):
        findings.problem(FILE, "an image stands both in skipped and in without_queries")
    if skipped:
        named = ", ".join(quoted(image_id) for image_id in skipped[:5])
        findings.remark(FILE, f"{len(skipped)} images were skipped: {named}{' …' * (len(skipped) > 5)}")


def _worded(location: tuple[int | str, ...], message: str, given: object) -> str:
    place = ".".join(str(part) for part in location) or "the file"
    found = "" if isinstance(given, (dict, list)) else f" is {quoted(given)}"
    message = message.removeprefix("Value error, ")
    return f"{quoted(place, 100)[1:-1]}{found}: {message[:1].lower()}{message[1:]}"


def _texts(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every text in plain values, keys included, with the keys that lead to it."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            safe = quoted(key)[1:-1]
            yield (*place, safe), key
            yield from _texts(entry, (*place, safe))
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _texts(entry, (*place, str(number)))


def read_json(folder: Path, name: str, findings: Findings) -> dict[str, Any] | None:
    """Read a JSON object; None, with a problem noted, if the file holds anything else."""
    text = read_inside(folder, name, findings.problem)
    if text is None:
        return None
    try:
        content = json.loads(text, object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        findings.problem(name, f"not valid JSON: {error.msg.lower()}", line=error.lineno)
    except (ValueError, RecursionError) as error:
        findings.problem(name, f"not valid JSON: {str(error)[:200].lower() or 'nested too deeply'}")
    else:
        if isinstance(content, dict):
            return content
        findings.problem(name, f"expected a JSON object, not a {type(content).__name__}")
    return None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {quoted(twice)} appears twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
