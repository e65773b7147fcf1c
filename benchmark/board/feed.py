"""The rows of a board to take away: a JSON feed of all, newest first, and each table as CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from ..results import NO_CHECKPOINT, Board, BoardRow, Column, Row, Score, Section, Table
from ..tables import TIED, render_table


def feed_of(board: Board) -> bytes:
    """Return the feed (https://jsonfeed.org/version/1.1); addresses are relative to it.

    Each item says in `_raybench` what was measured: by metric the value, its interval, unit and place.
    """
    items = [_item(section, row) for section in board.sections for row in section.rows]
    items.sort(key=lambda item: str(item["date_published"]), reverse=True)
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "raybench leaderboard",
        "home_page_url": "index.html",
        "items": items,
    }
    return (json.dumps(feed, indent=1, ensure_ascii=True) + "\n").encode()


def table_csv(section: Section) -> bytes:
    """Return the measured rows of a section at full precision: value, ends of the interval and place."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    metrics = [column.metric for column in section.columns]
    parts = ("", "_ci_low", "_ci_high", "_place")
    heading = [f"{metric}{part}" for metric in metrics for part in parts]
    writer.writerow(["checkpoint", "attribution", "queries", "degenerate", *heading])
    for row in section.rows:
        known = {one["metric"]: one for one in _scores(section, row)}
        found = [known.get(metric, {}) for metric in metrics]
        numbers = [one.get(key, "") for one in found for key in ("value", "low", "high", "place")]
        names = map(_harmless, (row.checkpoint, row.attribution))
        writer.writerow([*names, row.queries, row.degenerate, *numbers])
    return text.getvalue().encode("utf-8", "replace")


def table_latex(section: Section) -> bytes:
    """Return the measured rows of a section for a paper: all that may be the networks' best are bold."""
    best = {column.metric: _best(section, column) for column in section.columns}
    rows = []
    for row in section.rows:
        scores = [(row.scores.get(metric, Score()), row.key in keys) for metric, keys in best.items()]
        cells = tuple(Score(score.value, score.low, score.high, best=bold) for score, bold in scores)
        rows.append(Row((row.checkpoint, row.attribution), cells, row.queries, row.degenerate))
    title = f"{section.dataset_title}, protocol {section.protocol} {section.protocol_id}"
    tested = any(score.rank for row in section.rows for score in row.scores.values())
    notes = (TIED,) if tested and any(best.values()) else ()
    table = Table(title, ("checkpoint", "attribution"), section.columns, tuple(rows), notes)
    return render_table(table, "latex").encode("utf-8", "replace")


def _best(section: Section, column: Column) -> set[str]:
    """Rows of networks that may hold the first place among them; by value, where nothing was tested."""
    known = [
        (row.key, score)
        for row in section.rows
        if row.checkpoint != NO_CHECKPOINT and (score := row.scores.get(column.metric)) and column.ranked
    ]
    places = {key: float(score.rank.best) for key, score in known if score.rank}
    sign = -1 if column.higher_is_better else 1
    places = places or {key: sign * score.value for key, score in known if score.value == score.value}
    return {key for key, place in places.items() if place == min(places.values())}


def _harmless(name: str) -> str:
    """Keep a stranger's name from being a formula, which spreadsheets would run."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name


def _item(section: Section, row: BoardRow) -> dict[str, Any]:
    scores = list(_scores(section, row))
    said = "; ".join(f"{one['label']} {one['printed']}" for one in scores)
    return {
        "id": row.key,
        "url": f"index.html#{row.key}",
        "title": f"{row.checkpoint} with {row.attribution} on {section.dataset_title}, {section.protocol}",
        "content_text": f"{said}; {row.queries:,} queries",
        "date_published": str(row.folder.manifest.get("started", "")),
        "_raybench": {
            "dataset": section.dataset,
            "protocol": section.protocol,
            "protocol_id": section.protocol_id,
            "checkpoint": row.checkpoint,
            "attribution": row.attribution,
            "queries": row.queries,
            "degenerate": row.degenerate,
            "alarm": row.alarm,
            "scores": {one["metric"]: {k: v for k, v in one.items() if k != "metric"} for one in scores},
        },
    }


def _scores(section: Section, row: BoardRow) -> Iterator[dict[str, Any]]:
    for column in section.columns:
        score = row.scores.get(column.metric)
        if score is not None and score.value == score.value:
            known = {"low": score.low, "high": score.high}
            yield {
                "metric": column.metric,
                "label": column.label,
                "printed": column.printed(score.value),
                "value": score.value,
                **{name: end for name, end in known.items() if end == end},
                "unit": column.unit,
                "place": str(score.rank) if score.rank else "",
            }
