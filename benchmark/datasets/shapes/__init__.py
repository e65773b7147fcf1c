"""The embedded dataset: generated scenes of textured objects, so that a fresh machine needs no downloads."""

from .files import write_shapes
from .scene import Scene, SceneObject, draw_scene
from .silhouettes import CLASS_NAMES

__all__ = ["CLASS_NAMES", "Scene", "SceneObject", "draw_scene", "write_shapes"]
