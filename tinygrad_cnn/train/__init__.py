"""Training: the loop, its progress, checkpoints that resume exactly, and recipes that work."""

from .checkpoint import Checkpoints, load_checkpoint, restore, state_of
from .log import Log
from .progress import progress
from .recipe import RECIPES, Recipe
from .setup import trainer_of
from .trainer import Callback, Score, Trainer
from .transfer import freeze, param_groups, train_unfrozen

__all__ = [
    "RECIPES",
    "Callback",
    "Checkpoints",
    "Log",
    "Recipe",
    "Score",
    "Trainer",
    "freeze",
    "load_checkpoint",
    "param_groups",
    "progress",
    "restore",
    "state_of",
    "train_unfrozen",
    "trainer_of",
]
