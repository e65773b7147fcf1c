"""How checkpoints with consistent interpretations are made: the losses, the recipes and the loop."""

from ..benchmark.suite import TrainingSettings
from .data.grid import draw_negatives, make_grids
from .loop.log import LogRow
from .loop.measuring import measure_trained
from .loop.reporting import SilentTraining, TrainingReporter
from .loop.trainer import Trained, train
from .recipe.recipe import Recipe, load_recipe, shipped_recipes
from .step.consistency import (
    ConsistencyTerms,
    LinearHead,
    consistency_loss,
    linear_head,
    normalised_grad_cam,
    place_in_quadrants,
)

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
    "measure_trained",
    "normalised_grad_cam",
    "place_in_quadrants",
    "shipped_recipes",
    "train",
]
