"""Where a row comes from: every fact that its run wrote down, and the command that measures it again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..results import NO_CHECKPOINT, BoardRow, ResultFolder, Section, command_again, mapping

Fact = tuple[str, str]
Group = tuple[str, tuple[Fact, ...]]

_MOST_REASONS = 3


@dataclass
class Provenance:
    """The facts behind all rows, each group of facts kept once: rows of a run share most of them."""

    places: dict[Group, int] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, section: Section, row: BoardRow) -> None:
        """Add the facts of a row."""
        run = row.folder
        groups: tuple[Group, ...] = (
            ("This row", _row_facts(section, row)),
            ("Checkpoint card", _flat(run.checkpoints.get(row.checkpoint, {}))),
            ("Attribution", _flat(run.attributions.get(row.attribution, {}))),
            (f"Protocol {section.protocol}", (("id", section.protocol_id), *_flat(run.protocol_fields))),
            ("Dataset", _flat(run.dataset)),
            ("Run", _run_facts(run)),
            ("Versions", _flat(mapping(run.manifest.get("versions")))),
        )
        self.rows[row.key] = {
            "title": _title(row),
            "command": shell_command(run, row.checkpoint),
            "groups": [self.places.setdefault(group, len(self.places)) for group in groups if group[1]],
        }

    def as_data(self) -> dict[str, Any]:
        """Return plain lists and dictionaries: the groups, and for each row which of them are its own."""
        return {"groups": list(self.places), "rows": self.rows}


def shell_command(run: ResultFolder, checkpoint: str = "") -> str:
    """Return the shell command that measures a run again, its arguments quoted."""
    return " ".join(shlex.quote(_printable(word)) for word in command_again(run.manifest, checkpoint))


def _row_facts(section: Section, row: BoardRow) -> tuple[Fact, ...]:
    run = row.folder
    facts = [
        ("dataset and protocol", section.title),
        ("queries", f"{row.queries:,}"),
        ("degenerate maps", f"{row.degenerate:,}"),
        ("images skipped", _skipped(run)),
    ]
    if row.checkpoint != NO_CHECKPOINT:
        facts.append(("SHA-256 of the weights", run.weights.get(row.checkpoint, "not recorded")))
    if row.note:
        facts.append(("note", row.note))
    return tuple(facts)


def _skipped(run: ResultFolder) -> str:
    """Count the images that could not be used, with the first few reasons."""
    skipped = run.manifest.get("skipped")
    entries = [entry for entry in skipped if isinstance(entry, dict)] if isinstance(skipped, list) else []
    reasons = [_text(entry.get("reason")) for entry in entries[:_MOST_REASONS]]
    return f"{len(entries):,}" + (f": {'; '.join(reasons)}" if reasons else "")


def _run_facts(run: ResultFolder) -> tuple[Fact, ...]:
    manifest = run.manifest
    device = mapping(manifest.get("device"))
    named = {
        "suite": mapping(manifest.get("suite")).get("name"),
        "what the suite is": mapping(manifest.get("suite")).get("description"),
        "metrics": manifest.get("metrics"),
        "seed": manifest.get("seed"),
        "device": device,
        "platform": manifest.get("platform"),
        "git revision": manifest.get("git_revision"),
        "started": manifest.get("started"),
        "wall time": _with_unit(manifest.get("wall_seconds"), "s"),
        "images per second": manifest.get("images_per_second"),
        "peak memory": _with_unit(manifest.get("peak_memory_mb"), "MB"),
        "limit": manifest.get("limit"),
        "images without a query": _count(manifest.get("without_queries")),
        "remarks on images": manifest.get("notes"),
    }
    return tuple((name, _text(value)) for name, value in named.items() if value not in (None, "", {}, []))


def _with_unit(value: object, unit: str) -> str | None:
    return f"{value:,.1f} {unit}" if isinstance(value, int | float) else None


def _count(value: object) -> str | None:
    return f"{len(value):,}" if isinstance(value, list) else None


def _flat(entries: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Turn a mapping into facts, without those that say nothing."""
    return tuple(
        (str(key), _text(value)) for key, value in entries.items() if value not in (None, "", {}, [])
    )


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "; ".join(
            f"{key}: {_text(one)}" if one not in ({}, []) else str(key) for key, one in value.items()
        )
    if isinstance(value, Sequence):
        return ", ".join(_text(one) for one in value)
    return json.dumps(value)


def _title(row: BoardRow) -> str:
    if row.checkpoint == NO_CHECKPOINT:
        return f"{row.attribution}, without a network"
    return f"{row.checkpoint}, {row.attribution}" if row.attribution else row.checkpoint


def _printable(word: str) -> str:
    """Drop characters that a terminal would obey, such as line breaks and escape sequences."""
    return "".join(character for character in word if character.isprintable())
