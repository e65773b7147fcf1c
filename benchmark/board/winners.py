"""The first thing a reader sees of a section: who is best under each metric, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

from ..results import NO_CHECKPOINT, BoardRow, Column, PublishedRow, Score, Section
from ..tables import training_name
from .words import interval_text, metric_title

__all__ = ["Winner", "winners"]


@dataclass(frozen=True)
class Winner:
    """The highest score of a metric, and what is known of its place.

    Attributes:
        row_key: of the row; empty for a published one.
        certainty: one phrase.
        sure: True if the row is known to be ahead of all others.
    """

    metric: str
    checkpoint: str
    attribution: str
    value: str
    interval: str
    certainty: str
    row_key: str = ""
    sure: bool = False


def winners(section: Section) -> tuple[Winner, ...]:
    """Return the winner of each metric among rows with a network; published ones if there are no others.

    Where networks look comes first: it is what the page is about. Accuracy and F1 follow.
    """
    found = [
        _winner(section, column) for column in sorted(section.columns, key=lambda one: one.about_checkpoint)
    ]
    return tuple(winner for winner in found if winner)


def _winner(section: Section, column: Column) -> Winner | None:
    measured = [
        (score.value, row)
        for row in section.rows
        if row.checkpoint != NO_CHECKPOINT and (score := row.scores.get(column.metric)) is not None
    ]
    if not measured:
        return _published_winner(section, column)
    sign = 1 if column.higher_is_better else -1
    _, best = max(measured, key=lambda pair: sign * pair[0])
    score = best.scores[column.metric]
    return Winner(
        metric=metric_title(column),
        checkpoint=best.checkpoint,
        attribution="" if column.about_checkpoint else best.attribution,
        value=f"{score.value:.1f}",
        interval=interval_text(score),
        certainty=_certainty(section, column, best, score),
        row_key=best.key,
        sure=score.rank == (1, 1),
    )


def _certainty(section: Section, column: Column, best: BoardRow, score: Score) -> str:
    if column.about_checkpoint:
        # every row of a checkpoint carries its accuracy; ties are read off the intervals
        others = {
            row.checkpoint
            for row in section.rows
            if row.checkpoint != best.checkpoint
            and (other := row.scores.get(column.metric)) is not None
            and other.high >= score.low
        }
        return (
            f"interval overlaps with {_others(len(others), 'checkpoint')}"
            if others
            else "no interval overlaps"
        )
    if score.rank is None:
        return "not ranked: no records"
    first = sum(
        other.rank is not None and other.rank.best == 1
        for row in section.rows
        if row is not best and (other := row.scores.get(column.metric)) is not None
    )
    return f"cannot be told apart from {_others(first, 'row')}" if first else "ahead of every other row"


def _others(count: int, noun: str) -> str:
    return f"{count} other {noun}" if count == 1 else f"{count} other {noun}s"


def _published_winner(section: Section, column: Column) -> Winner | None:
    scored: list[tuple[float, PublishedRow]] = [
        (score.published, row)
        for row in section.published
        if row.architecture and (score := row.scores.get(column.metric)) is not None
    ]
    if not scored:
        return None
    value, best = max(scored, key=lambda pair: pair[0] if column.higher_is_better else -pair[0])
    return Winner(
        metric=metric_title(column),
        checkpoint=f"{best.architecture} {training_name(best.training)}",
        attribution="" if column.about_checkpoint else best.attribution,
        value=f"{value:.1f}",
        interval="",
        certainty="as published, without an interval",
    )
