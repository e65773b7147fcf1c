"""Figures of results: bars, dots, curves, overlays, galleries."""

from .answers import Answer, QueryKey, answers_of
from .cells import cell_picture, encoded
from .drawing.screen import base_layout
from .drawing.style import (
    INK,
    figure_bytes,
    for_matplotlib,
    looks_of,
    save_figure,
    save_plot,
    shortened,
    tidy,
)
from .figures.agreement import agreement_figure
from .figures.classes import classes_drawing
from .figures.drawing import Drawing, with_network
from .figures.orders import orders_drawing
from .figures.scatter import cost_drawing, localisation_drawing
from .figures.values import values_drawing
from .overlay import explain_figure, maps_figure
from .plots import plot_all
from .side_by_side import side_by_side_figure

__all__ = [
    "INK",
    "Answer",
    "Drawing",
    "QueryKey",
    "agreement_figure",
    "answers_of",
    "base_layout",
    "cell_picture",
    "classes_drawing",
    "cost_drawing",
    "encoded",
    "explain_figure",
    "figure_bytes",
    "for_matplotlib",
    "localisation_drawing",
    "looks_of",
    "maps_figure",
    "orders_drawing",
    "plot_all",
    "save_figure",
    "save_plot",
    "shortened",
    "side_by_side_figure",
    "tidy",
    "values_drawing",
    "with_network",
]
