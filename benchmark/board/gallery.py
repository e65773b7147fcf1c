"""The gallery of a section: maps of checkpoints x methods over the same pictures, as HTML and small files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from ...base import RaybenchError
from ..pictures import Answer, QueryKey, answers_of, cell_picture, encoded, shortened, with_network
from ..results import (
    REASONS,
    BoardRow,
    GalleryImage,
    ResultFolder,
    Section,
    class_label,
    gallery_images,
    map_path,
    read_choice,
    read_map,
    safe_name,
    write_atomically,
)
from .templating import rendered, safe_key

_MOST_CHECKPOINTS = 6
_MOST_METHODS = 6
_MOST_QUERIES = 6  # for each reason


@dataclass(frozen=True)
class GalleryCell:
    """What one row shows for a query.

    Attributes:
        picture: path of the file, relative to the page; `width` and `height` in pixels.
        scores: label and value of each metric, as text.
        words: the same in a sentence, for those who do not see the picture.
    """

    picture: str
    width: int
    height: int
    scores: tuple[tuple[str, str], ...]
    words: str


@dataclass(frozen=True)
class GalleryQuery:
    """A picture with its class, and a grid of cells: checkpoints down, methods across, None for no map."""

    reason: str
    label: str
    image_id: str
    truth: GalleryCell
    checkpoints: tuple[str, ...]
    methods: tuple[str, ...]
    grid: tuple[tuple[GalleryCell | None, ...], ...]


@dataclass(frozen=True, eq=False)
class _Kept:
    """A query that some run of the section has thumbnails of."""

    reason: str
    folder: ResultFolder
    image: GalleryImage
    class_index: int

    @property
    def key(self) -> QueryKey:
        return self.image.folder.name, self.class_index


def section_gallery(section: Section, out: Path) -> Markup | None:
    """Write the pictures of a section's gallery under `out`/gallery and return the HTML that shows them.

    Damaged thumbnails are left out.

    Returns:
        None if no run of the section kept maps.

    Raises:
        RaybenchError: `out` cannot be written to.
    """
    left_out = len(with_network(section)) - len(_shown_rows(section))
    return gallery_html(gallery_queries(section, out), section.key, level=4, left_out=left_out)


def gallery_html(
    queries: Sequence[GalleryQuery], key: str, *, level: int, left_out: int = 0
) -> Markup | None:
    """Show queries by reason, under headings of a level; None if there are none."""
    groups = [
        (reason, words, [query for query in queries if query.reason == reason])
        for reason, words in REASONS.items()
    ]
    shown = [group for group in groups if group[2]]
    return rendered("gallery.html", groups=shown, key=key, level=level, left_out=left_out) if shown else None


def gallery_queries(section: Section, out: Path) -> list[GalleryQuery]:
    """Write the pictures of a section's gallery under `out`/gallery and say what they show."""
    rows = _shown_rows(section)
    kept = list(_kept(rows))
    if not kept:
        return []
    wanted = {one.key for one in kept}
    answers = {row.key: _answers(row, wanted) for row in rows}
    queries = []
    for reason in REASONS:
        found = [one for one in kept if one.reason == reason][:_MOST_QUERIES]
        for one in found:
            try:
                queries.append(_query(section, one, rows, answers, out))
            except RaybenchError:
                continue  # a damaged picture
    return queries


def _shown_rows(section: Section) -> list[BoardRow]:
    """Return the rows of the first few checkpoints and methods that have maps."""
    rows = [row for row in with_network(section) if any(_maps_of(row).glob("*.png"))]
    checkpoints = list(dict.fromkeys(row.checkpoint for row in rows))[:_MOST_CHECKPOINTS]
    methods = list(dict.fromkeys(row.attribution for row in rows))[:_MOST_METHODS]
    return [row for row in rows if row.checkpoint in checkpoints and row.attribution in methods]


def _maps_of(row: BoardRow) -> Path:
    return map_path(row.folder.path, row.checkpoint, row.attribution, "", 0).parent


def _kept(rows: Sequence[BoardRow]) -> Iterator[_Kept]:
    """Yield each query once for each reason, the first run that kept it deciding; by reason and run."""
    found: dict[tuple[str, tuple[str, int]], _Kept] = {}
    for folder in dict.fromkeys(row.folder for row in rows):
        try:
            images = {image.folder.name: image for image in gallery_images(folder.path)}
            queries = read_choice(folder.path).queries
        except RaybenchError:
            continue  # a damaged gallery: the numbers of the run are good all the same
        named = [(query.reason, safe_name(query.image_id), query.class_index) for query in queries]
        if not named:
            named = [
                ("random", name, index) for name, image in images.items() for index in image.class_indices
            ]
        for reason, name, index in named:
            image = images.get(name)
            if image and index in image.class_indices and _inside(image.folder, folder.path):
                one = _Kept(reason, folder, image, index)
                found.setdefault((reason, one.key), one)
    yield from found.values()


def _inside(path: Path, folder: Path) -> bool:
    """Say whether all files of a gallery folder lie in the result folder: links could lead elsewhere."""
    root = folder.resolve()
    return all(one.resolve().is_relative_to(root) for one in (path, *path.iterdir()))


def _answers(row: BoardRow, wanted: Collection[QueryKey]) -> Mapping[QueryKey, Answer]:
    """Read what a row answered; nothing where its records are gone."""
    try:
        return answers_of(row.folder, row.checkpoint, row.attribution, wanted)
    except RaybenchError:
        return {}


def _query(
    section: Section,
    kept: _Kept,
    rows: Sequence[BoardRow],
    answers: Mapping[str, Mapping[QueryKey, Answer]],
    out: Path,
) -> GalleryQuery:
    found = {row.key: answers[row.key].get(kept.key) for row in rows}
    first = next((answer for answer in found.values() if answer), None)
    label = class_label(kept.folder, first.class_name if first else str(kept.class_index))
    checkpoints = tuple(dict.fromkeys(row.checkpoint for row in rows))
    methods = tuple(dict.fromkeys(row.attribution for row in rows))
    cells = {
        (row.checkpoint, row.attribution): _cell(section, row, kept, found[row.key], out) for row in rows
    }
    return GalleryQuery(
        reason=kept.reason,
        label=shortened(label, 60),
        image_id=shortened(first.image_id if first else kept.image.folder.name, 60),
        truth=_write(out, section, kept, "truth", None, None),
        checkpoints=tuple(shortened(name, 60) for name in checkpoints),
        methods=tuple(shortened(name, 60) for name in methods),
        grid=tuple(
            tuple(cells.get((checkpoint, method)) for method in methods) for checkpoint in checkpoints
        ),
    )


def _cell(
    section: Section, row: BoardRow, kept: _Kept, answer: Answer | None, out: Path
) -> GalleryCell | None:
    """Draw what a row shows for a query; None if it kept no map of it."""
    path = map_path(row.folder.path, row.checkpoint, row.attribution, *kept.key)
    if answer is None or not path.is_file() or not path.resolve().is_relative_to(row.folder.path.resolve()):
        return None
    return _write(out, section, kept, safe_key(row.checkpoint, row.attribution), path, answer)


def _write(
    out: Path, section: Section, kept: _Kept, name: str, saliency: Path | None, answer: Answer | None
) -> GalleryCell:
    """Draw a cell and write it as a file; the ground truth alone without an answer."""
    hit = answer.hit if answer else None
    cell = cell_picture(
        kept.image.picture(),
        kept.image.region(kept.class_index),
        read_map(saliency) if saliency else None,
        answer.point if answer else None,
        size=kept.image.size,
        hit=hit,
    )
    key = safe_key(kept.image.folder.name, str(kept.class_index))
    path = Path("gallery") / section.key / key / f"{name}.webp"
    write_atomically(out / path, encoded(cell))
    scores = [(shortened(label, 24), value) for label, value in answer.scores] if answer else []
    if answer and answer.status != "ok":
        scores.append(("map", answer.status))
    marked = {True: "hit", False: "miss", None: ""}[hit]
    words = ", ".join(
        [f"the most salient pixel is a {marked}"] * bool(marked) + [" ".join(one) for one in scores]
    )
    shown = [(marked, "")] * bool(marked) + scores
    return GalleryCell(path.as_posix(), cell.width, cell.height, tuple(shown), words)
