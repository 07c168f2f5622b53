"""Transfer learning: parts of a network that stay as they are, and parts that learn faster.

Parts are named by paths as in `named_parameters`: "layer1" is all that begins with "layer1.".

    model = models.replace_head(models.resnet18(weights="resnet18.pth"), 5)
    train.freeze(model, ["conv1", "bn1", "layer1"])
    optimizer = optim.SGD(train.param_groups(model, 0.003, {"fc": 10}), momentum=0.9)
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ..nn import Module, Parameter


def lies_in(path: str, part: str) -> bool:
    """Whether `path` is that of a part or of something inside it; "" is the whole model."""
    return not part or path == part or path.startswith(f"{part}.")


def check_parts(model: Module, parts: Iterable[str]) -> None:
    """Raise ValueError that lists every part without a parameter."""
    paths = [path for path, _ in model.named_parameters(remove_duplicate=False)]
    unknown = [part for part in parts if not any(lies_in(path, part) for path in paths)]
    if unknown:
        known = list(dict.fromkeys(path.partition(".")[0] for path in paths))
        raise ValueError(
            f"{type(model).__name__} has no parameters in {', '.join(map(repr, unknown))}; its "
            f"parts are {', '.join(known)}, and what is inside them, as in "
            f"{max(paths, key=len).rpartition('.')[0]!r}"
        )


def freeze(model: Module, parts: Iterable[str]) -> list[str]:
    """The paths of the parameters in these parts of `model`, which no step will change from now on.

    They want no gradient any more. Norms that are frozen should not learn statistics either: a
    Trainer sees to that; in a loop of your own write `train_unfrozen(model)` for `model.train()`.
    `model.requires_grad_(True)` undoes it.

    Raises: ValueError that lists every part that there is not; nothing is frozen then.
    """
    parts = list(parts)
    check_parts(model, parts)
    frozen = []
    for path, p in model.named_parameters(remove_duplicate=False):
        if any(lies_in(path, part) for part in parts):
            p.requires_grad_(False)
            frozen.append(path)
    return frozen


def train_unfrozen(model: Module) -> Module:
    """`model` in training, but for what is frozen: that stays in evaluation.

    A module is frozen if it has parameters, itself or inside it, and none wants a gradient. So its
    batch norms use their running statistics and leave them alone, and its dropout rests.
    """
    model.train()
    for module in model.modules():
        wanting = [p.requires_grad for p in module.parameters()]
        if wanting and not any(wanting):
            module.eval()
    return model


def param_groups(
    model: Module, lr: float, factors: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """The groups of an optimiser in which every part of `model` has a learning rate of its own.

    factors: for parts, what `lr` is multiplied by; the longest path that holds a parameter counts,
    and the others have `lr`. What is frozen is in no group.

    Raises: ValueError that lists every part that there is not, or if everything is frozen.

    Source: Howard & Ruder 2018, section 3.2 (discriminative fine-tuning).
    """
    factors = {"": 1.0, **(factors or {})}
    check_parts(model, [part for part in factors if part])
    groups: dict[str, list[Parameter]] = {part: [] for part in factors}
    for path, p in model.named_parameters():
        if p.requires_grad:
            groups[max((part for part in factors if lies_in(path, part)), key=len)].append(p)
    if not any(groups.values()):
        raise ValueError(
            f"every parameter of {type(model).__name__} is frozen; leave a part to be trained"
        )
    return [
        {"params": params, "lr": lr * factors[part]} for part, params in groups.items() if params
    ]
