"""What a model and its layers give for some images."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from ..autograd import no_grad
from ..kernels import get_default_dtype, is_float
from ..nn import Module
from ..tensor import Tensor, wrap
from .style import host, shown


class Predictions(NamedTuple):
    """What a model says of some images, beside what they are.

    Shape: images (N, ...), outputs (N, classes), labels (N,).
    """

    images: Tensor
    outputs: Tensor
    labels: Tensor


def predictions(model: Module, batches: Iterable) -> Predictions:
    """What a model in evaluation says of all images in some batches; it is left as it was.

    batches: pairs (images, labels), as a DataLoader gives. Of several outputs the first counts.

    Raises: TypeError for what is no Module or no pairs, ValueError for no batch at all.
    """
    found = []
    with evaluation("predictions", model), no_grad():
        for batch in batches:
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                raise TypeError(
                    f"predictions: each batch is a pair (images, labels), got {shown(batch)}"
                )
            images, labels = batch
            output = first_of(model(batch_for("predictions", model, images)))
            found.append([host(x, "predictions: a batch") for x in (images, output, labels)])
    if not found:
        raise ValueError("predictions: there is no batch of images; give at least one")
    return Predictions(*[wrap(np.concatenate(part), None) for part in zip(*found, strict=True)])


@contextmanager
def evaluation(name: str, model: Module) -> Iterator[None]:
    """Within, a model is in evaluation; afterwards each of its modules is what it was.

    Raises: TypeError for what is no Module.
    """
    if not isinstance(model, Module):
        raise TypeError(f"{name}: the model is a Module, got {shown(model)}")
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def batch_for(name: str, model: Module, images: object) -> Tensor:
    """Images as the model takes them: on its device and, if they are not float, in its dtype.

    Raises: TypeError for what are no numbers.
    """
    if not isinstance(images, Tensor):
        images = wrap(host(images, f"{name}: images"), None)
    first = next(model.parameters(), None)
    if first is not None:
        images = images.to(first.device)
    dtype = get_default_dtype() if first is None else first.dtype
    return images if images.dtype == dtype or not is_float(dtype) else images.to(dtype)


def one_image(name: str, model: Module, image: object) -> Tensor:
    """One image (C, H, W) as a batch of one for the model.

    Raises: TypeError for what are no numbers, ValueError for another shape.
    """
    x = batch_for(name, model, image)
    if x.ndim == 3:
        x = x[None]
    if x.ndim != 4 or len(x) != 1:
        raise ValueError(f"{name}: takes one image (C, H, W), got a shape of {tuple(x.shape)}")
    return x.detach()


def first_of(output: object) -> object:
    """An output; the first of several."""
    return output[0] if isinstance(output, (tuple, list)) else output


def outputs_of(
    name: str, model: Module, x: Tensor, layers: Sequence[str] | None = None
) -> dict[str, Tensor]:
    """What the layers of these names, or all modules without modules inside, give for x.

    They stand in the order in which they ran; of one that ran twice the last output counts.

    Raises: ValueError for a name that is no layer of the model, or one that did not run.
    """
    named = dict(model.named_modules())
    if layers is None:
        chosen = {m: path for path, m in named.items() if next(m.children(), None) is None}
    else:
        chosen = {named[path]: path for path in known(name, named, layers)}
    found = {}

    def ended(module: Module, args: tuple, output: object) -> None:
        made = first_of(output)
        if isinstance(made, Tensor):
            found.pop(chosen[module], None)
            found[chosen[module]] = made

    handles = [module.register_forward_hook(ended) for module in chosen]
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    if layers is not None and len(found) < len(chosen):
        idle = next(path for path in chosen.values() if path not in found)
        raise ValueError(f"{name}: the layer {idle!r} did not run for this image")
    return found


def known(name: str, named: dict[str, Module], layers: Sequence[str]) -> Sequence[str]:
    """These names of layers.

    Raises: ValueError for one that is none; TypeError for a single name.
    """
    if isinstance(layers, str):
        raise TypeError(f"{name}: layers is a list of names, got {layers!r}; write [{layers!r}]")
    for path in layers:
        if path not in named or not path:
            some = ", ".join([repr(path) for path in list(named)[1:7]])
            raise ValueError(f"{name}: the model has no layer {path!r}; it has {some}, ...")
    return layers


def evenly(items: Sequence, most: int) -> list:
    """At most so many of the items, from first to last, evenly spread."""
    if len(items) <= most:
        return list(items)
    places = np.linspace(0, len(items) - 1, most).round().astype(int)
    return [items[i] for i in places]
