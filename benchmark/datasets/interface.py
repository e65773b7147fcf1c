"""What a dataset reader is: a registered function from a folder to a dataset."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from ...base import RaybenchError, Registry, nearest
from ...checkpoints import ClassList, load_classes
from ..suite import Protocol
from .files import other_folder
from .layouts.nearest import Layout, nearest_layout
from .sample import Dataset, LayoutError
from .selection import Selection

if TYPE_CHECKING:
    from typing import Unpack  # novm: of Python 3.11, for type checkers alone

Generate = Callable[[Callable[[str], None]], Path]
"""Given a function that is told what happens, writes a dataset and returns its folder."""

_MEMBERS = (
    *("name", "classes", "multilabel", "has_images", "image_ids", "__len__", "__getitem__", "path_of"),
    "fingerprint",
)
"""What a `Dataset` has."""

_SHARED_OPTIONS = {"classes": None, "list": None}


@dataclass(frozen=True)
class DatasetReader:
    """One registered reader and the facts that suites and lists need about it.

    Attributes:
        name: what suites call it.
        function: see `dataset`.
        classes: the class list it uses by default: one that ships with raybench, or a file in the folder; a
            composed dataset uses its source's. Empty if the folder itself says the classes: the function is
            given a list of none then, unless the option says one.
        multilabel: whether an image may hold several classes; None where the data says it.
        folder: where it lies below $RAYBENCH_DATA, and with which other dataset's folder: `FIRST/REST`; its
            name by default.
        generate: writes what the reader reads where no folder is given, and returns the folder.
        composed: whether it is made of another dataset, which the option `of` names.
        label: how people write its name; the name by default.
        signs: paths or patterns, one of which a right folder holds, with `{split}` for the option; for hints.
        layouts: those that it reads, for messages about a folder that is none of them.
        beside: whether it lies beside the suite's file where no folder is given.
        inside: folder that its archive unpacks into, which may be given or the one around it.
    """

    name: str
    function: Callable[..., Dataset]
    classes: str
    multilabel: bool | None
    folder: str
    generate: Generate | None = None
    composed: bool = False
    label: str = ""
    signs: tuple[str, ...] = ()
    layouts: tuple[Layout, ...] = ()
    beside: bool = False
    inside: str = ""

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def options(self) -> Mapping[str, Any]:
        """Options a suite may set, with their defaults; `classes` and `list` work for every dataset."""
        parameters = inspect.signature(self.function).parameters.values()
        own = {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
        return {**own, **({"of": None} if self.composed else {}), **_SHARED_OPTIONS}

    def source(self, options: Mapping[str, Any]) -> DatasetReader:
        """Return the reader of the folder: that of the dataset which a composed one is made of, or itself.

        Raises:
            UnknownNameError: `of` names no dataset.
            RaybenchError: `of` is missing, or names a composed dataset.
        """
        if not self.composed:
            return self
        if not options.get("of"):
            raise RaybenchError(
                f"dataset {self.name!r} is made of another one: name it by `of`, as in "
                f"{{name: {self.name}, of: DATASET}}"
            )
        source = DATASETS.get(str(options["of"]))
        if source.composed:
            raise RaybenchError(
                f"dataset {self.name!r} cannot be made of {source.name!r}, which is composed itself; "
                "name a dataset of single pictures by `of`"
            )
        return source

    def open(
        self,
        root: Path,
        protocol: Protocol,
        *,
        options: Mapping[str, Any] | None = None,
        folder: Path | None = None,
    ) -> Dataset:
        """Open the dataset that lies in the folder `root`, by the rules of `protocol`.

        Args:
            root: the folder.
            protocol: decides which queries are asked and how boxes are read.
            options: those of the reader, and for every dataset `classes` (a class list in place of the usual
                one) and `list` (a text file with the ids of the images to use). A composed dataset hands what
                it does not know to its source.
            folder: of the suite's file: where such files are looked for first; then here, and in root.

        Raises:
            RaybenchError: the folder does not look as expected, or an option is unknown or wrong.
        """
        root, given = Path(root), dict(options or {})
        if self.composed:
            return self._compose(root, protocol, given, folder)
        self.check_options(given)
        if not root.is_dir():
            lacks = "is no folder" if root.exists() else "does not exist"
            raise RaybenchError(f"the folder of dataset {self.name!r} is {root}, which {lacks}")
        root = root / self.inside if (root / self.inside).is_dir() else root
        split = str(given.get("split", self.options.get("split", "")))
        if ".." in Path(split).parts or Path(split).is_absolute():
            raise RaybenchError(
                f"option 'split' of dataset {self.name!r} is {split!r}; expected a plain name"
            )
        named, listed = given.pop("classes", None), given.pop("list", None)
        selection = Selection.from_file(_find(listed, root, folder)) if listed else Selection()
        try:
            classes = self._classes(root, named, folder)
            return self._opened(self.function(root, protocol, classes, selection, **given))
        except LayoutError as error:
            better = other_folder(root, [sign.format(split=split) for sign in self.signs])
            hint = f"; did you mean {better}?" if better else nearest_layout(root, self.layouts, split)
            raise RaybenchError(f"{error}{hint}") from None

    def _compose(
        self, root: Path, protocol: Protocol, given: Mapping[str, Any], folder: Path | None
    ) -> Dataset:
        source = self.source(given)
        self.check_options(given)
        own = self.options.keys() - source.options.keys()
        options = {key: value for key, value in given.items() if key not in own}
        opened = source.open(root, protocol, options=options, folder=folder)
        return self._opened(self.function(opened, **{k: v for k, v in given.items() if k in own - {"of"}}))

    def _opened(self, opened: Dataset) -> Dataset:
        lacks = [name for name in _MEMBERS if not hasattr(opened, name)]
        if lacks:
            raise RaybenchError(
                f"dataset {self.name!r}: its function returns a {type(opened).__name__} without "
                f"{', '.join(lacks)}; return what listed_dataset(...) makes, or an object like `Dataset`"
            )
        return opened

    def check_options(self, given: Mapping[str, Any]) -> None:
        """Refuse options that the reader, or that of a composed dataset's source, does not have.

        Raises:
            RaybenchError: an option is unknown, or its value is of another kind; names the nearest.
        """
        options = {**self.source(given).options, **self.options}
        for key, value in given.items():
            if key not in options:
                close = nearest(key, options)
                hint = f"did you mean {close}? " if close else ""
                known = ", ".join(options)
                raise RaybenchError(
                    f"dataset {self.name!r} has no option {key!r}; {hint}its options: {known}"
                )
            default = options[key]
            kind = str if default is None else type(default)
            if not isinstance(value, kind) and not (kind is str and isinstance(value, Path)):
                raise RaybenchError(
                    f"option {key!r} of dataset {self.name!r} is {value!r}; expected a {kind.__name__}"
                )

    def _classes(self, root: Path, given: str | Path | None, folder: Path | None) -> ClassList:
        name = given or self.classes
        if not name:
            return ClassList("", (), ())
        beside = folder / name if folder and given else None
        if beside and beside.suffix and beside.is_file():
            return load_classes(str(beside))
        inside = root / name
        if inside.is_file():
            return load_classes(str(inside))
        if str(name) == self.classes and inside.suffix:
            raise LayoutError(
                f"dataset {self.name!r} expects its class list in {inside}, which does not exist"
            )
        return load_classes(str(name))


Opener = TypeVar("Opener", bound=Callable[..., Dataset])

DATASETS: Registry[DatasetReader] = Registry("dataset", "raybench.datasets")


class Given(TypedDict, total=False):
    """Facts that `dataset` takes, see `DatasetReader`."""

    folder: str
    generate: Generate
    composed: bool
    label: str
    signs: tuple[str, ...]
    layouts: tuple[Layout, ...]
    beside: bool
    inside: str


def dataset(
    name: str, *, classes: str, multilabel: bool | None, **facts: Unpack[Given]
) -> Callable[[Opener], Opener]:
    """Register `function(root, protocol, classes, selection, *, ...) -> Dataset` as the reader `name`.

    `root` is the Path of an existing folder, `protocol` the rules, `classes` the class list that class
    indices follow, `selection` the images to use (`selection.of(ids, root)` gives them in order).
    Keyword-only parameters are options of a suite. The first line of the docstring is what
    `raybench list datasets` prints. The other arguments are those of `DatasetReader`. The function of a
    dataset that is `composed` is `function(source, *, ...)`: it takes the opened source, which a suite names
    by the option `of`; options that are not the function's own go to the source.
    """

    def register(function: Opener) -> Opener:
        facts.setdefault("folder", name)
        facts.setdefault("label", name)
        DATASETS.add(DatasetReader(name, function, classes, multilabel, **facts))
        return function

    return register


def _find(listed: str | Path, root: Path, folder: Path | None) -> Path:
    path = Path(listed)
    if folder and (folder / path).is_file():
        return folder / path
    return root / path if not path.is_file() and (root / path).is_file() else path
