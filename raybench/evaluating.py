"""`raybench.evaluate`: run a suite, or measure pictures, networks and functions that are in memory."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base import RaybenchError

if TYPE_CHECKING:
    from .benchmark.running import Reporter, Results
    from .benchmark.suite import Settings, Suite
    from .checkpoints import ClassList, Network

_DATASET = "pictures-in-memory"


def evaluate(
    data: str | Path | Suite | Iterable[Any],
    settings: Settings | None = None,
    *,
    networks: Any = (),
    attributions: Any = None,
    metrics: Any = None,
    classes: str | Sequence[str] | ClassList | None = None,
    protocol: str | Mapping[str, Any] | None = None,
    seed: int = 0,
    only: Mapping[str, Collection[int]] | None = None,
    reporter: Reporter | None = None,
) -> Results:
    """Run a suite, or measure a list of pictures.

    Args:
        data: name of a shipped suite, path of a YAML file or a `Suite`: then networks are measured in place
            of the suite's, and all but `only` comes from the suite. Or pictures, each `(picture, where,
            class)`, or `(picture, {class: where, ...})` where it shows several classes.
            A picture is a PIL image, an array (H, W, 3) of uint8 in RGB, or a path. `where` is a box
            `(x0, y0, x1, y1)` in pixels from 0 with the last one inside, several of them, a mask (H, W) of
            bool, or None if nobody knows. A class is an index, an id or a label.
        settings: how, as for `raybench run`; without an `out`, results of pictures in memory are kept as long
            as the object that is returned.
        networks: one or several: names or cards (`timm:resnet18`), `Network`s, modules, or `{name: module}`.
        attributions: one or several methods: names, `{"name": "rise", "masks": 100}`, or functions
            `f(module, image, class_index) -> (h, w)`, where the image is (1, 3, H, W) and the map may be of
            any size, or of the form of registered ones.
        metrics: likewise; functions are of the form of metrics in a file. What is left out of the two is
            that of the shipped suite `measure`.
        classes: what the outputs of modules stand for, in order: names, a class list or a .txt file; a
            network with a card says so itself.
        protocol: such as `native`, or `{"name": "aaai21", "short_side": 224}`; by default what suits the
            networks: `aaai21` for those of 224 x 224, else `native`.
        seed: of whatever is random.
        only: of a suite, ids of the images to measure, with the classes whose maps are kept.
        reporter: told of progress.

    Returns:
        `frame` holds the numbers with units and intervals, `records(checkpoint, attribution)` every query.

    Raises:
        RaybenchError: something is wrong with the pictures, a network, a method or a setting.
    """
    from .benchmark.running import evaluate as run
    from .benchmark.suite import Settings, Suite, load_suite, shipped_default

    given = settings or Settings()
    device = None if given.device == "auto" else given.device
    if isinstance(data, (str, Path, Suite)):
        loaded = _networks(networks, classes, device, given.trust_code)
        return run(data, given, networks=loaded, only=only, reporter=reporter)
    from .benchmark.datasets import listed_reader

    loaded = _networks(networks, classes, device, given.trust_code)
    if not loaded and classes is None:
        raise RaybenchError(
            "nothing says which classes there are: give networks, or classes, such as ['cat', 'dog'] or "
            "'imagenet1k'"
        )
    known = loaded[0].classes if loaded else _classes(classes)
    held: dict[str, Any] = {_DATASET: listed_reader(_DATASET, data, known)}
    usual, _ = load_suite(shipped_default)
    suite = Suite(
        name="in-memory",
        protocol=_choice(protocol or _usual(loaded)),
        dataset=_DATASET,
        attributions=_choices(attributions, held) or usual.attributions,
        metrics=_choices(metrics, held) or usual.metrics,
        seed=seed,
        gallery=0 if settings is None or settings.out == Path("runs") else 8,
    )
    if given.out != Path("runs"):
        return run(suite, given, networks=loaded, held=held, reporter=reporter)
    folder = tempfile.mkdtemp(prefix="raybench-")
    try:
        results = run(suite, replace(given, out=Path(folder)), networks=loaded, held=held, reporter=reporter)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(results, shutil.rmtree, folder, ignore_errors=True)
    return results


def _choices(given: Any, held: dict[str, Any]) -> list[Any]:
    """Return one or several methods or metrics as a suite names them."""
    alone = isinstance(given, (str, Mapping)) or callable(given)
    return [_choice(_named(one, held)) for one in ([given] if alone else given or ())]


def _choice(given: Any) -> Any:
    return dict(given) if isinstance(given, Mapping) else given


def _named(given: Any, held: dict[str, Any]) -> Any:
    """Return what a suite calls a method or metric, and keep functions by their names."""
    if not callable(given) or isinstance(given, type):
        return given
    name = getattr(given, "__name__", type(given).__name__)
    name = name if name.isidentifier() else "function"  # a lambda
    if held.setdefault(name, given) is not given:
        raise RaybenchError(f"two functions are called {name!r}; rename one, so that results tell them apart")
    return name


def _usual(networks: Sequence[Network]) -> str:
    from .benchmark.measuring import usual_protocol

    found = {usual_protocol(network) for network in networks} or {"aaai21"}
    return found.pop() if len(found) == 1 else "native"


def _networks(given: Any, classes: Any, device: str | None, trust_code: bool) -> list[Network]:
    from torch import nn

    from .checkpoints import Network, load_network, network_from_module

    def made(one: Any, name: str | None = None) -> Network:
        if isinstance(one, Network):
            return one
        if isinstance(one, nn.Module):
            if classes is None:
                raise RaybenchError(
                    f"nothing says what the outputs of {type(one).__name__} stand for: give classes, their "
                    "names in order, such as ['cat', 'dog']"
                )
            return network_from_module(
                one, name=name or type(one).__name__, classes=_classes(classes), device=device
            )
        if isinstance(one, (str, Path)):
            return load_network(one, device=device or "cpu", trust_code=trust_code)
        raise RaybenchError(f"networks holds {type(one).__name__}; expected a name, a Network or a module")

    if isinstance(given, Mapping):
        return [made(one, name) for name, one in given.items()]
    alone = isinstance(given, (str, Path, Network, nn.Module))
    return [made(one) for one in ([given] if alone else given)]


def _classes(given: Any) -> ClassList:
    from .checkpoints import ClassList, load_classes

    if isinstance(given, ClassList):
        return given
    if isinstance(given, (str, Path)):
        return load_classes(str(given))
    names = tuple(str(name) for name in given)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RaybenchError(f"classes names {twice!r} twice")
    return ClassList("given", names, names)
