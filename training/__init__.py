"""How checkpoints with consistent interpretations are made: the losses, the recipes and the loop."""

from .consistency import (
    ConsistencyTerms,
    LinearHead,
    consistency_loss,
    linear_head,
    normalised_grad_cam,
    place_in_quadrants,
)
from .grid import draw_negatives, make_grids
from .log import LogRow
from .recipe import Recipe, load_recipe, read_recipe, shipped_recipes
from .reporting import SilentTraining, TrainingReporter
from .settings import TrainingSettings
from .trainer import Trained, train

__all__ = [
    "ConsistencyTerms",
    "LinearHead",
    "LogRow",
    "Recipe",
    "SilentTraining",
    "Trained",
    "TrainingReporter",
    "TrainingSettings",
    "consistency_loss",
    "draw_negatives",
    "linear_head",
    "load_recipe",
    "make_grids",
    "normalised_grad_cam",
    "place_in_quadrants",
    "read_recipe",
    "shipped_recipes",
    "train",
]
