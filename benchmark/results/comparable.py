"""Which runs may stand in one table: those with equal rules on equal data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...base import RaybenchError, UnknownNameError, quoted
from ..suite import PROTOCOLS, Protocol, changed_fields, protocol_from, protocol_key
from .files.folder import ResultFolder


def difference(first: ResultFolder, second: ResultFolder) -> str:
    """Say in which field two runs differ such that their numbers cannot be compared; empty if in none.

    Compared are the protocol, the data (its name, options, classes, content and number of images) and the
    options of the metrics that both have.
    """
    ours, theirs = _only(first, "protocol_id"), _only(second, "protocol_id")
    if ours != theirs:
        fields = _differing(
            {"protocol name": _only(first, "protocol"), **_prefixed("protocol field", first.protocol_fields)},
            {
                "protocol name": _only(second, "protocol"),
                **_prefixed("protocol field", second.protocol_fields),
            },
        )
        return fields or f"protocol_id is {ours!r} and {theirs!r}"
    return _differing(_data(first), _data(second)) or _metric_options(first, second)


def group_comparable(runs: Sequence[ResultFolder]) -> list[int]:
    """Number runs from 0 so that comparable ones share a number."""
    numbers: list[int] = []
    # what runs of a group may differ in is the metrics that they have: one run stands for all with the same
    typical: list[dict[str, ResultFolder]] = []
    for run in runs:
        metrics = json.dumps(run.manifest.get("metrics"), sort_keys=True)
        fitting = (
            number
            for number, others in enumerate(typical)
            if not any(difference(other, run) for other in others.values())
        )
        number = next(fitting, len(typical))
        if number == len(typical):
            typical.append({})
        typical[number].setdefault(metrics, run)
        numbers.append(number)
    return numbers


def refuse_incomparable(runs: Sequence[ResultFolder], hint: str) -> None:
    """Refuse runs that may not stand in one table, with a hint at what to do.

    Raises:
        RaybenchError: names the first two runs that differ, and in what.
    """
    for place, run in enumerate(runs):
        for earlier in runs[:place]:
            found = difference(earlier, run)
            if found:
                raise RaybenchError(f"{earlier.path} and {run.path} are not comparable: {found}; {hint}")


def protocol_changes(run: ResultFolder) -> str:
    """Say which fields of the run's protocol depart from the protocol of that name; empty if none does."""
    return worded_changes(_only(run, "protocol"), _only(run, "protocol_id"), run.protocol_fields)


def worded_changes(name: str, identity: str, fields: Mapping[str, Any]) -> str:
    """Say which fields of a protocol with an id depart from the one of its name; empty if none does."""
    key = protocol_key(name, fields.get("version"))
    if key not in PROTOCOLS or PROTOCOLS[key].id == identity:
        return ""
    changes = changed_fields(PROTOCOLS[key], fields)
    changed = [f"{field} = {value}" for field, value in changes.items()]
    return f"protocol {key} was changed: {', '.join(changed) or 'its id differs from the standard one'}"


def stated_protocol(name: str, identity: str, fields: Mapping[str, Any]) -> Protocol:
    """Return the protocol that a manifest states by name, id and fields.

    Raises:
        UnknownNameError: there is none of that name.
        RaybenchError: it is of another version, lacks fields, or is not what its id says.
    """
    key = protocol_key(name, fields.get("version"))
    if key not in PROTOCOLS:
        raise UnknownNameError("protocol", key, PROTOCOLS)
    standard, changes = PROTOCOLS[key], changed_fields(PROTOCOLS[key], fields)
    missing = sorted(standard.fields.keys() - fields.keys() - changes.keys())
    if missing:
        raise RaybenchError(f"protocol.fields lacks {', '.join(missing)}")
    if (fields["name"], fields["version"]) != (name, standard.version):
        raise RaybenchError(
            f"protocol.fields are of {quoted(fields['name'])} version {quoted(fields['version'])}; expected "
            f"{name!r} version {standard.version}"
        )
    protocol = protocol_from(key, changes)
    if protocol.id != identity:
        raise RaybenchError(f"protocol.id is {quoted(identity)}, but its fields hash to {protocol.id!r}")
    return protocol


def _data(run: ResultFolder) -> dict[str, Any]:
    """What must agree about the data."""
    images, suite = run.dataset.get("images"), run.manifest.get("suite")
    drawn = (run.manifest.get("limit"), suite.get("images") if isinstance(suite, dict) else None)
    limits = [limit for limit in drawn if isinstance(limit, int)]
    measured = min(images, *limits) if isinstance(images, int) and limits else images
    facts = {key: run.dataset.get(key) for key in ("options", "classes", "fingerprint")}
    # before samples were drawn, a limit took the first images
    counted = (
        measured if measured == images else f"{measured}, {run.manifest.get('sample', 'the first ones')}"
    )
    return {"dataset": _only(run, "dataset"), **_prefixed("dataset", facts), "number of images": counted}


def _metric_options(first: ResultFolder, second: ResultFolder) -> str:
    ours, theirs = first.metric_options, second.metric_options
    for metric in ours.keys() & theirs.keys():
        found = _differing(_prefixed(metric, ours[metric]), _prefixed(metric, theirs[metric]))
        if found:
            return found
    return ""


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """Word the entries that differ: `protocol field short_side is 448 and 224`."""
    keys = [key for key in (*first, *(second.keys() - first.keys())) if first.get(key) != second.get(key)]
    return ", ".join(f"{key} is {first.get(key)!r} and {second.get(key)!r}" for key in keys)


def _prefixed(prefix: str, entries: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix} {key}": value for key, value in entries.items()}


def _only(run: ResultFolder, column: str) -> str:
    """Return the value that a column of the summary has in all rows.

    Raises:
        RaybenchError: it has several, so rows of several runs were put into one file.
    """
    values = run.summary[column].unique()
    if len(values) > 1:
        raise RaybenchError(
            f"{run.files.summary} mixes rows with {column} {values[0]!r} and {values[1]!r}; "
            "give each run a folder of its own"
        )
    return str(values[0]) if len(values) else ""
