"""YAML without its traps."""

import datetime
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from raybench.base.plain_yaml import parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-2.", -2.0),
        ("+1.5e+3", 1500.0),
        ("-.inf", float("-inf")),
        ("7", 7),
        ("-7", -7),
        ("0", 0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_scalars_that_mean_more_than_text(text, value):
    parsed = parse_yaml(f"key: {text}")[0]["key"]
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "on",
        "yes",
        "Off",
        "y",
        "12:30",
        "1:30.5",
        "010",
        "0x1F",
        "1_000",
        "2024-01-01",
        "1e",
        "e5",
        ".",
        "=",
    ],
)
def test_words_stay_words(text):
    assert parse_yaml(f"key: {text}")[0] == {"key": text}


def test_nan_is_a_number():
    value = parse_yaml("key: .nan")[0]["key"]
    assert value != value


def test_empty_text_is_nothing():
    assert parse_yaml("# only a comment\n") == (None, None)


# Without line breaks such as U+0085, which PyYAML itself writes so that it reads back a space.
# Without words such as 1e3 either: PyYAML writes them without quotes, as text, and here they are numbers.
WORDS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=8).filter(
    lambda word: not re.fullmatch(r"[-+]?[0-9.]+[eE][-+]?[0-9]+", word)
)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
        max_leaves=12,
    )
)
def test_what_pyyaml_writes_is_read_back(value):
    text = yaml.safe_dump(value, allow_unicode=True)
    assert parse_yaml(text)[0] == value


def test_repeated_key_is_an_error_with_its_line():
    with pytest.raises(yaml.MarkedYAMLError, match="key 'b' appears twice") as caught:
        parse_yaml("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert caught.value.problem_mark.line == 3


def test_merged_key_may_be_overridden():
    text = "base: &b {x: 1, y: 1}\nmid: &m {<<: *b, x: 2}\ntop: {<<: *m, y: 3}\n"
    assert parse_yaml(text)[0] == {"base": {"x": 1, "y": 1}, "mid": {"x": 2, "y": 1}, "top": {"x": 2, "y": 3}}


def test_first_of_several_merged_mappings_wins():
    text = "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nlist: {<<: [*a, *b], z: 3}\ntwice: {<<: *b}\n"
    parsed = parse_yaml(text)[0]
    assert parsed["list"] == {"x": 1, "y": 2, "z": 3}
    assert parsed["twice"] == {"x": 2, "y": 2}


def test_only_a_mapping_can_be_merged():
    with pytest.raises(yaml.MarkedYAMLError, match="only mappings can be merged") as caught:
        parse_yaml("a: 1\nb:\n  <<: [1, 2]\n")
    assert caught.value.problem_mark.line == 2


def test_alias_shares_a_value():
    assert parse_yaml("a: &x [1, 2]\nb: *x\n")[0] == {"a": [1, 2], "b": [1, 2]}


def test_alias_to_itself_is_refused():
    with pytest.raises(yaml.MarkedYAMLError, match="an alias refers to itself"):
        parse_yaml("a: &x [1, *x]\n")


def test_alias_bomb_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(yaml.MarkedYAMLError, match="more than 100000 values"):
        parse_yaml("\n".join(lines))


def test_merge_bomb_is_refused():
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 30)]
    with pytest.raises(yaml.MarkedYAMLError, match="more than 100000 values"):
        parse_yaml("\n".join(lines))


def test_deep_nesting_is_refused():
    with pytest.raises(yaml.YAMLError, match="nested too deeply"):
        parse_yaml("[" * 5000 + "]" * 5000)


def test_key_that_is_no_text_is_refused():
    with pytest.raises(yaml.MarkedYAMLError, match="a key must be plain text"):
        parse_yaml("? [a, b]\n: 1\n")


def test_python_tag_does_not_run(tmp_path):
    victim = tmp_path / "ran"
    with pytest.raises(yaml.MarkedYAMLError, match="could not determine a constructor"):
        parse_yaml(f"!!python/object/apply:os.system ['touch {victim}']")
    assert not victim.exists()


def test_only_an_explicit_tag_makes_a_date():
    assert parse_yaml("!!timestamp 2024-01-01")[0] == datetime.date(2024, 1, 1)
