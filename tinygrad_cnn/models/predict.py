"""What a classifier's scores say, in words."""

from collections.abc import Sequence

from ..tensor import Tensor

Ranked = list[tuple[str | int, float]]


def top_k(
    logits: Tensor, k: int = 5, classes: Sequence[str] | None = None
) -> Ranked | list[Ranked]:
    """The `k` most probable classes with their probabilities, best first; for a batch, of each row.

    classes: their names; without them a class is its number. `weights.classes()` has ImageNet's.

    Shape: logits (C,) -> k pairs; (N, C) -> N times k pairs.

    Raises: ValueError if there are not as many names as classes, or not so many classes.
    """
    if logits.ndim not in (1, 2):
        raise ValueError(f"top_k takes logits (C,) or (N, C), got shape {logits.shape}")
    count = logits.shape[-1]
    if not 1 <= k <= count:
        raise ValueError(f"top_k: k is from 1 to the number of classes, {count}, got {k}")
    if classes is not None and len(classes) != count:
        raise ValueError(f"top_k has {count} logits, but {len(classes)} classes; pass their names")
    chances, numbers = logits.detach().softmax(-1).topk(k)
    rows = [chances.tolist()], [numbers.tolist()]
    if logits.ndim == 2:
        rows = chances.tolist(), numbers.tolist()
    names = range(count) if classes is None else classes
    ranked = [
        [(names[number], chance) for chance, number in zip(*row, strict=True)]
        for row in zip(*rows, strict=True)
    ]
    return ranked if logits.ndim == 2 else ranked[0]
