"""Training: the loop, its progress, checkpoints that resume exactly, and recipes that work."""

from .checkpoint import Checkpoints, load_checkpoint, restore, state_of
from .progress import progress
from .recipe import RECIPES, Recipe, trainer_of
from .trainer import Callback, Score, Trainer

__all__ = [
    "RECIPES",
    "Callback",
    "Checkpoints",
    "Recipe",
    "Score",
    "Trainer",
    "load_checkpoint",
    "progress",
    "restore",
    "state_of",
    "trainer_of",
]
