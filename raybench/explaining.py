"""`raybench.explain`: maps of several networks, classes and methods of one picture, to see and to keep."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from .base import RaybenchError, few

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .attributions import BoundAttribution
    from .benchmark.suite import Protocol
    from .checkpoints import Network


Method = str | Mapping[str, Any] | Callable[..., Any]


class ExplainedRow(NamedTuple):
    """A network, and the class for which it was asked."""

    network: str
    class_index: int
    label: str


@dataclass(frozen=True, eq=False)
class Explained:
    """Maps of one picture; a notebook shows them, `save` keeps them.

    Attributes:
        picture: that was explained, as the maps lie on it.
        rows: networks and classes.
        methods: names.
        maps: (rows, methods, H, W) float32 at the size of the picture, each non-negative and summing to 1.
        status: words, (rows, methods): `ok`, or what is degenerate about a map.
        top5: (label, probability) of the five most probable classes, by network.
        protocols: the rules by which each network was asked, by its name.
        remarks: what else is to be known, in sentences.
    """

    picture: PIL.Image.Image
    rows: tuple[ExplainedRow, ...]
    methods: tuple[str, ...]
    maps: NDArray[np.float32]
    status: tuple[tuple[str, ...], ...]
    top5: dict[str, tuple[tuple[str, float], ...]]
    protocols: dict[str, str]
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        rows = few(f"{row.network}: {row.label.split(',')[0]}" for row in self.rows)
        return (
            f"Explained, a picture of {self.picture.width} x {self.picture.height} pixels\n"
            f"rows ({len(self.rows)}): {rows}\nmethods ({len(self.methods)}): {few(self.methods)}\n"
            f".maps is {self.maps.shape}; .figure() draws them, .save(path) keeps a figure or .npz"
        )

    def figure(self) -> Figure:
        """Draw it: a single map beside the most probable classes, several beside each other."""
        from .benchmark.pictures import explain_figure, side_by_side_figure

        if self.maps.shape[:2] == (1, 1):
            row = self.rows[0]
            title = f"{row.network}, {self.methods[0]}: {row.label}"
            return explain_figure(self.picture, self.maps[0, 0], self.top5[row.network], title=title)
        rows = [f"{row.label.split(',')[0]}\n{row.network}" for row in self.rows]
        return side_by_side_figure(self.picture, self.maps, rows=rows, columns=self.methods)

    def save(self, path: str | Path) -> None:
        """Write a figure (.png, .svg, .pdf), or the maps with names of rows and methods (.npz).

        Raises:
            RaybenchError: the file cannot be written, or has another ending.
        """
        from .benchmark.pictures import save_figure
        from .benchmark.results import write_atomically

        path = Path(path)
        if path.suffix != ".npz":
            save_figure(self.figure(), path)
            return
        arrays = io.BytesIO()
        np.savez_compressed(
            arrays,
            maps=self.maps,
            networks=[row.network for row in self.rows],
            class_index=[row.class_index for row in self.rows],
            labels=[row.label for row in self.rows],
            methods=list(self.methods),
            status=np.array(self.status),
        )
        write_atomically(path, arrays.getvalue())

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.figure().savefig(file, format="png", dpi=110)
        return file.getvalue()


def explain(
    networks: Network | str | Path | Sequence[Network | str | Path],
    image: PIL.Image.Image | NDArray[np.uint8] | str | Path,
    classes: int | str | Sequence[int | str] | None = None,
    attributions: Method | Sequence[Method] = "grad_cam",
    *,
    protocol: str | Protocol | None = None,
    seed: int = 0,
    device: str = "auto",
    trust_code: bool = False,
    **options: Any,
) -> Explained:
    """Ask networks where they look in a picture.

    Args:
        networks: one or several, from `raybench.load_checkpoint`, or what that takes.
        image: a PIL image, an array (H, W, 3) of uint8 in RGB, or a path.
        classes: what to look for, by index or name; None for the most probable class of each network.
        attributions: one or several methods: by name, as `mine.py:my_method`, with options as
            `{"name": "grad_cam", "layer": "layer3"}`, or functions, as `raybench.evaluate` takes them.
        protocol: gives input size and map treatment; None for what suits each network.
        seed: of methods that draw random numbers.
        device: of networks that are loaded here.
        trust_code: let cards and methods name code of files.
        **options: of every method, such as `layer="layer3"`.

    Raises:
        RaybenchError: the picture cannot be read, or something is unknown; see `raybench.attribute`.
    """
    from .benchmark.datasets import picture_in_memory, upright_picture
    from .benchmark.measuring import checked_network, explain_image, usual_protocol
    from .benchmark.running import pick_device
    from .checkpoints import Card, load_network

    if isinstance(image, (str, Path)):
        picture, turned = upright_picture(Path(image))
    else:
        picture, turned = picture_in_memory(image, "the picture"), ""
    asked, methods = _several(networks), _several(attributions)
    if not asked or not methods:
        raise RaybenchError("nothing to explain: name at least one network and one method")
    labels_of, bound = zip(*(_bound(one, options, trust_code=trust_code) for one in methods), strict=True)
    rows: list[ExplainedRow] = []
    maps, status, top5, protocols, remarks = [], [], {}, {}, [turned] if turned else []
    for one in asked:
        network = (
            load_network(one, device=pick_device(device), trust_code=trust_code)
            if isinstance(one, (str, Path, Card))
            else checked_network(one)
        )
        rules = protocol or usual_protocol(network)
        given = {"protocol": rules, "seed": seed, "trust_code": trust_code, **options}
        found = [explain_image(network, picture, classes, attribution=one, **given) for one in bound]
        labels = network.classes.labels
        rows += [ExplainedRow(network.name, index, labels[index]) for index in found[0].class_index]
        maps.append(np.stack([one.saliency.cpu().numpy() for one in found], axis=1))
        status += list(zip(*(one.status for one in found), strict=True))
        top5[network.name] = found[0].top5
        protocols[network.name] = rules if isinstance(rules, str) else rules.name
        remarks += [f"{network.name}: {remark}" for remark in found[0].remarks]
    return Explained(
        picture,
        tuple(rows),
        labels_of,
        np.concatenate(maps),
        tuple(status),
        top5,
        protocols,
        tuple(remarks),
    )


def _several(given: Any) -> list[Any]:
    """Return the things in a list; a name, a mapping or a module, which can be gone through too, is one."""
    alone = isinstance(given, (str, Mapping)) or callable(given) or not isinstance(given, Iterable)
    return [given] if alone else list(given)


def _bound(given: Method, options: dict[str, Any], *, trust_code: bool) -> tuple[str, str | BoundAttribution]:
    """Return what to call a method, and the method with the options that stand beside its name."""
    from .attributions import bind, bound, method_of
    from .base import CodeFiles, document_from
    from .benchmark.suite import NamedChoice, choice_of

    if callable(given):
        name = getattr(given, "__name__", type(given).__name__)
        return name, bound(method_of(name, given), options)
    if not isinstance(given, (str, Mapping)):
        raise RaybenchError(
            f"attributions holds {type(given).__name__}; expected a name, a name with options or a function"
        )
    place = "attribution"
    choice = choice_of(given, place) if isinstance(given, str) else document_from(given, NamedChoice, place)
    if isinstance(choice, str):
        return choice, choice
    own = ", ".join(f"{name} = {value}" for name, value in choice.options.items())
    method = bind(choice.name, {**options, **choice.options}, code=CodeFiles(trusted=trust_code))
    return choice.label or f"{choice.name}, {own}".removesuffix(", "), method
