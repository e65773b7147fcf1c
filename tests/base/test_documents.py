"""YAML documents: what is accepted, and how mistakes are worded."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, field_validator

from raybench.base.documents import Document, parse_document, read_document
from raybench.base.errors import RaybenchError


class Part(Document):
    name: str
    weight: float = 1.0


class Other(Document):
    file: str


class Whole(Document):
    title: str
    size: tuple[int, int] = (1, 1)
    rate: float = 0.0
    folder: Path | None = None
    mode: Literal["fast", "slow"] = "fast"
    parts: list[Part | str] = Field(default_factory=list)
    named: dict[str, Part] = Field(default_factory=dict)
    source: Part | Other | None = None

    @field_validator("title")
    @classmethod
    def _not_empty(cls, title: str) -> str:
        if not title:
            raise ValueError("Give it a title")
        return title


def parse(text: str) -> Whole:
    return parse_document(text, Whole, "whole.yaml")


def mistake(text: str) -> str:
    with pytest.raises(RaybenchError) as caught:
        parse(text)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_lists_fill_tuples_and_text_fills_paths():
    whole = parse("title: a\nsize: [3, 4]\nfolder: x/y\nrate: 1e-3\n")
    assert whole == Whole(title="a", size=(3, 4), folder=Path("x/y"), rate=1e-3)


def test_integer_is_taken_for_a_float():
    assert parse("title: a\nrate: 2").rate == 2.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: 5", "whole.yaml, line 1: title: input should be a valid string, not 5"),
        ("title: a\nrate: '5'", "whole.yaml, line 2: rate: input should be a valid number, not '5'"),
        ("title: a\nrate: true", "whole.yaml, line 2: rate: input should be a valid number, not True"),
        ("title: a\nsize: [1, 2.5]", "whole.yaml, line 2: size.1: input should be a valid integer, not 2.5"),
        ("title: a\nsize: [1]", "whole.yaml, line 2: size: too few values; number 2 is missing"),
        ("title: a\nmode: quick", "whole.yaml, line 2: mode: input should be 'fast' or 'slow', not 'quick'"),
        ("title: ''", "whole.yaml, line 1: title: give it a title, not ''"),
        ("size: [1, 2]", "whole.yaml: key 'title' is missing"),
        ("title: a\nnamed:\n  x: {weight: 2}", "whole.yaml, line 3: key 'named.x.name' is missing"),
        ("mode: fast\ntitel: a", "whole.yaml, line 2: unknown key 'titel'; did you mean 'title'?"),
        (
            "title: a\nnamed:\n  x:\n    nam: b",
            "whole.yaml, line 4: unknown key 'named.x.nam'; did you mean 'name'?",
        ),
    ],
)
def test_wrong_values_are_named_with_line_and_key(text, message):
    assert mistake(text) == message


def test_unknown_key_is_named_with_line_and_nearest():
    assert (
        mistake("title: a\n\nsizes: [1, 2]")
        == "whole.yaml, line 3: unknown key 'sizes'; did you mean 'size'?"
    )


def test_unknown_key_without_a_near_one_lists_all():
    assert mistake("title: a\nqqq: 1") == (
        "whole.yaml, line 2: unknown key 'qqq'; "
        "known keys: title, size, rate, folder, mode, parts, named, source"
    )


def test_unknown_key_in_a_list_of_unions_is_looked_for_in_the_nested_document():
    text = "title: a\nparts:\n  - word\n  - name: x\n    wieght: 2\n"
    assert mistake(text) == "whole.yaml, line 5: unknown key 'parts.1.wieght'; did you mean 'weight'?"


def test_unknown_key_below_a_key_of_any_name_is_found():
    text = "title: a\nnamed:\n  Some Name:\n    name: x\n    wight: 2\n"
    assert mistake(text) == "whole.yaml, line 5: unknown key 'named.Some Name.wight'; did you mean 'weight'?"


def test_unknown_key_in_a_union_of_documents_knows_the_keys_of_all():
    assert mistake("title: a\nsource: {name: x, fil: y}") == (
        "whole.yaml, line 2: unknown key 'source.fil'; did you mean 'file'?"
    )


def test_merged_keys_are_checked_and_found():
    text = "title: a\nnamed:\n  x: &x {name: n}\n  y:\n    <<: *x\n    weight: big\n"
    assert mistake(text).startswith("whole.yaml, line 6: named.y.weight: input should be a valid number")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: a\ntitle: b", "whole.yaml, line 2: not valid YAML: key 'title' appears twice"),
        ("title: [a", "whole.yaml, line 1: not valid YAML: expected ',' or ']'"),
        ("title: a: b", "whole.yaml, line 1: not valid YAML: mapping values are not allowed here"),
        ("title: &t [*t]", "whole.yaml, line 1: not valid YAML: an alias refers to itself"),
        ("[1, 2]", "whole.yaml: expected keys and values (title, size"),
        ("", "whole.yaml: expected keys and values (title, size"),
        ("title: a\n---\ntitle: b", "whole.yaml, line 2: not valid YAML: but found another document"),
        ("title: !!timestamp 2024-01-01", "whole.yaml: not plain text, numbers, lists and keys"),
        ("title: \x00", "whole.yaml: not valid YAML"),
        ("title: a\nrate: " + "9" * 5000, "whole.yaml: not valid YAML"),
    ],
)
def test_text_that_is_no_document_is_explained(text, message):
    assert mistake(text).startswith(message)


def test_python_tag_does_not_run(tmp_path):
    victim = tmp_path / "ran"
    message = mistake(f"title: !!python/object/apply:os.system ['touch {victim}']")
    assert message.startswith("whole.yaml, line 1: not valid YAML: could not determine a constructor")
    assert not victim.exists()


def test_document_is_frozen():
    whole = parse("title: a")
    with pytest.raises(ValueError, match="frozen"):
        whole.title = "b"


def test_missing_file_is_named(tmp_path):
    with pytest.raises(RaybenchError, match=r"^cannot read .*none\.yaml: no such file or directory$"):
        read_document(tmp_path / "none.yaml", Whole)


def test_folder_is_no_document(tmp_path):
    with pytest.raises(RaybenchError, match=r"^cannot read .*: is a directory$"):
        read_document(tmp_path, Whole)


def test_file_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"title: \xe9t\xe9\n")
    with pytest.raises(RaybenchError, match=r"latin\.yaml is not UTF-8 text: .* at byte 7"):
        read_document(path, Whole)


def test_mistakes_below_different_keys_are_told_at_once_with_their_lines() -> None:
    from raybench.benchmark.suite import Suite

    text = "name: a b\nprotocol: aaai21\ndataset: shapes\nmetrics: []\nseed: -1\ngalery: 3\n"
    with pytest.raises(RaybenchError) as raised:
        parse_document(text, Suite, "mine.yaml")
    first, *each = str(raised.value).splitlines()
    assert first == "3 mistakes:"
    assert [line.partition(": ")[0] for line in each] == [f"- mine.yaml, line {line}" for line in (1, 5, 6)]
