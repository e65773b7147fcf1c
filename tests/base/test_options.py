"""Options of registered functions are checked against their annotations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pytest

from raybench.base.errors import RaybenchError
from raybench.base.options import check_options, misfit

if TYPE_CHECKING:
    from nowhere import Unknown


def function(tensor: Unknown, *, samples: int = 3, form: Literal["a", "b"] = "a", other: Unknown = None): ...


@dataclass
class Base:
    size: int


@dataclass
class Record(Base):
    odd: Unknown
    share: float = 0.5
    call: Callable[[int], int] | None = None


def test_an_option_is_checked_whatever_the_other_annotations_are():
    assert misfit(function, "samples", 12) == ""
    assert misfit(function, "samples", "twelve") == "input should be a valid integer"
    assert misfit(function, "form", "c") == "input should be 'a' or 'b'"
    assert misfit(Record, "share", "half") == "input should be a valid number"
    assert misfit(Record, "size", 1.5).startswith("input should be a valid integer")
    with pytest.raises(RaybenchError, match="option 'samples' of thing is 'twelve': input should be"):
        check_options("thing", function, {"samples": "twelve"})


def test_an_annotation_that_cannot_be_resolved_is_an_error():
    message = "annotation 'Unknown' of 'other' cannot be resolved: name 'Unknown' is not defined; import"
    with pytest.raises(RaybenchError, match=message):
        misfit(function, "other", 1)
    with pytest.raises(RaybenchError, match="Record: the annotation 'Unknown' of 'odd'"):
        misfit(Record, "odd", 1)


def test_every_value_fits_where_nothing_is_annotated():
    assert misfit(lambda *, free=1: free, "free", "any") == ""
    assert misfit(function, "absent", 1) == ""
