"""Schedules by name: how the learning rate goes over the steps of a run.

Each function here takes a recipe, its optimiser and the number of steps in an epoch.
"""

from ..optim import Optimizer
from ..optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau
from .recipe import Recipe

# He et al. 2016, section 4.2: the steps after which the rate is a tenth, and a hundredth; and for
# how many steps a net that would not begin to learn otherwise is warmed up, at a tenth as well.
FALLS = (32_000, 48_000)
WARM_UP = 400


def one_cycle(recipe: Recipe, optimizer: Optimizer, steps: int) -> OneCycleLR:
    """Up to the recipe's rate and down to nothing, for runs that are short; see OneCycleLR."""
    tops = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(optimizer, tops, epochs=recipe.epochs, steps_per_epoch=steps)


def he2016(recipe: Recipe, optimizer: Optimizer, steps: int) -> LambdaLR:
    """The recipe's rate, a tenth of it after 32,000 steps and a hundredth after 48,000.

    A run of less than 64,000 steps falls at a half and at three quarters of its own. Nets with 110
    layers and more, and those with pre-activation, begin with 400 steps at a tenth of the rate.

    Source: He, Zhang, Ren & Sun 2016, Deep residual learning for image recognition, section 4.2;
    for pre-activation the same authors' Identity mappings in deep residual networks, appendix.
    Differs: the first paper ends the warm-up when the training error is below 80 %, which it says
    are about 400 steps; the second one counts, as here, so that a step alone decides its rate.
    Epochs are whole: 164 of 50,000 images have 124 steps more than the papers' 64,000.
    """
    total = recipe.epochs * steps
    first, second = (min(fall, total * fall // 64_000) for fall in FALLS)
    warm_up = WARM_UP if is_warmed_up(recipe.model) else 0

    def factor(step: int) -> float:
        if step < warm_up or first <= step < second:
            return 0.1
        return 1.0 if step < first else 0.01

    return LambdaLR(optimizer, factor)


def is_warmed_up(model: str) -> bool:
    """Whether the papers begin the training of this model at a tenth of the rate."""
    return model in ("resnet110", "plain110") or model.startswith("preact_")


def plateau(recipe: Recipe, optimizer: Optimizer, steps: int) -> ReduceLROnPlateau:
    """The recipe's rate, and a tenth of it whenever ten epochs have not lessened the test error.

    Source: Krizhevsky et al. 2012, section 5, where a person decided when.
    Differs: the images that decide are the test's, so its error is a little flattered.
    """
    return ReduceLROnPlateau(optimizer)


SCHEDULES = {"one_cycle": one_cycle, "he2016": he2016, "plateau": plateau}


def schedule_of(recipe: Recipe, optimizer: Optimizer, steps: int) -> LRScheduler:
    """The schedule that a recipe names, for epochs of so many steps."""
    return SCHEDULES[recipe.schedule](recipe, optimizer, steps)
