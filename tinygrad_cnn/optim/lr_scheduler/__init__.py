"""Schedules: the learning rate of every group as a function of the number of steps done.

Each `step()` of a schedule, which comes after `optimizer.step()`, sets the rates for the next step
of the optimiser. What a step or an epoch is, is up to the loop: it calls `step()` once for each.
"""

from .annealing import CosineAnnealingLR, CosineAnnealingWarmRestarts
from .compose import ChainedScheduler, SequentialLR
from .cycle import CyclicLR, OneCycleLR
from .decay import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from .plateau import ReduceLROnPlateau
from .scheduler import LRScheduler

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
