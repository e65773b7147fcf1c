"""The suite that a command means: the one it names, with the parts that its options give instead."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ...base import RaybenchError, offered, parse_document
from .settings import Settings
from .suite import PLAIN_NAME, NamedChoice, Suite, load_suite

shipped_default = "measure"
"""The suite whose parts stand where neither a suite nor an option says otherwise."""

_WRITTEN = (
    *("dataset", "checkpoints", "attributions", "metrics", "limit", "name", "seed", "gallery"),
    *("fresh", "fast"),
)
"""Settings that a suite holds, and those of one run alone."""


def meant(source: str | Path | Suite, settings: Settings) -> tuple[Suite, Path]:
    """Return a suite with the parts that settings give in its place.

    Returns:
        The suite, and the file it came from; `suite` in the current folder for one made in Python.

    Raises:
        RaybenchError: no such suite, or an option that is no name and no mapping with a name.
    """
    suite, path = (source, Path.cwd() / "suite") if isinstance(source, Suite) else load_suite(source)
    changes: dict[str, Any] = {}
    if settings.dataset:
        changes["dataset"] = choice_of(settings.dataset, "--dataset")
    for name, option in (("attributions", "--attribution"), ("metrics", "--metric")):
        if getattr(settings, name):
            changes[name] = [choice_of(text, option) for text in getattr(settings, name)]
    for name in ("name", "seed", "gallery"):
        if getattr(settings, name) is not None:
            changes[name] = getattr(settings, name)
    if not PLAIN_NAME.fullmatch(changes.get("name", suite.name)):
        raise RaybenchError(
            f"--name {changes['name']!r}: a name may hold up to 80 letters, digits and _ . + - only"
        )
    return suite.model_copy(update=changes), path


def as_document(suite: Suite, settings: Settings, protocol: Mapping[str, Any]) -> str:
    """Write a suite, whole, as YAML that lies in the result folder.

    Networks, methods and metrics in files are found from there. Options of the data stay as they were given:
    they are part of the results, and most are found in the folder of the data.

    Args:
        suite: as `meant` returns it.
        settings: under which it was measured.
        protocol: its name, and the fields that depart from it.
    """
    counts = [count for count in (suite.images, settings.limit) if count is not None]
    whole = suite.model_copy(update={"images": min(counts, default=None), "description": ""})
    plain = whole.model_dump(mode="json", exclude_defaults=True)
    plain["protocol"] = dict(protocol) if protocol.keys() - {"name"} else protocol["name"]
    plain["dataset"] = _from(settings.out, _plain(suite.dataset))
    plain["checkpoints"] = [_from(settings.out, one) for one in settings.checkpoints or suite.checkpoints]
    for name in ("attributions", "metrics"):
        plain[name] = [_from(settings.out, _plain(choice)) for choice in getattr(suite, name)]
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def words_of(settings: Settings) -> list[str]:
    """Return the result folder and other options that are no part of a suite, where they are no defaults."""
    words = []
    for name, (_, flag, default) in offered(Settings).items():
        value = getattr(settings, name)
        if name in _WRITTEN or (value == default and name != "out") or value == {}:
            continue
        option = flag.name or f"--{name.replace('_', '-')}"
        if isinstance(value, Mapping):
            words += [word for key, path in value.items() for word in (option, f"{key}={path}")]
        else:
            words += [option] if value is True else [option, str(value)]
    return words


def choice_of(text: str, option: str) -> str | NamedChoice:
    """Read what an option names: `rise`, or `{name: rise, masks: 100}`."""
    return parse_document(text, NamedChoice, option) if text.lstrip().startswith("{") else text


def _plain(choice: str | NamedChoice) -> Any:
    return choice if isinstance(choice, str) else choice.model_dump(mode="json", exclude_none=True)


def _from(folder: Path, named: Any) -> Any:
    """Let the file of a card or a function, which is found from the current folder, be found from another."""
    if isinstance(named, dict):
        return {**named, "name": _from(folder, named["name"])}
    path, colon, function = named.partition(".py:")
    file = Path(path + (".py" if colon else ""))
    if not (file.suffix and file.is_file()):
        return named
    return Path(os.path.relpath(file, folder)).as_posix() + (f":{function}" if colon else "")
