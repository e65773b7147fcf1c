"""Figures of results: bars, dots, curves, overlays, galleries."""

from .answers import Answer, QueryKey, answers_of
from .cells import cell_picture, encoded
from .figures.classes import classes_drawing
from .figures.cost import cost_drawing
from .figures.localisation import localisation_drawing
from .figures.style import Drawing, base_layout, for_matplotlib, shortened, with_network
from .figures.values import values_drawing
from .gallery import gallery_columns, gallery_figure
from .overlay import explain_figure
from .plots import plot_all
from .style import INK, colour_of, save_figure, save_plot, tidy

__all__ = [
    "INK",
    "Answer",
    "Drawing",
    "QueryKey",
    "answers_of",
    "base_layout",
    "cell_picture",
    "classes_drawing",
    "colour_of",
    "cost_drawing",
    "encoded",
    "explain_figure",
    "for_matplotlib",
    "gallery_columns",
    "gallery_figure",
    "localisation_drawing",
    "plot_all",
    "save_figure",
    "save_plot",
    "shortened",
    "tidy",
    "values_drawing",
    "with_network",
]
