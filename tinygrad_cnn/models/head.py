"""The head of a network, its last layer, which tells classes apart; and another in its place."""

from collections.abc import Iterable

from .. import nn

KINDS = (nn.Linear, nn.Conv2d)  # of layers that can be a head


def heads(model: nn.Module) -> list[str]:
    """The path of the model's head, after those of its auxiliary heads if it has any.

    The head is the last layer that has weights, in the order in which layers were made; auxiliary
    heads are those of children whose names begin with aux.

    Raises: ValueError if it is neither a Linear nor a Conv2d; pass the path by hand then.
    """
    paths = [path for path, module in model.named_modules() if owns_state(module)]
    auxiliary = [name for name, _ in model.named_children() if is_auxiliary(name)]
    found = [last(path for path in paths if path.startswith(f"{name}.")) for name in auxiliary]
    found.append(last(path for path in paths if not is_auxiliary(path)))
    for path in found:
        check_head(path, model.get_submodule(path))
    return found


def is_auxiliary(path: str) -> bool:
    """Whether this is the path of an auxiliary head or lies in one."""
    return path.lower().startswith("aux")


def last(paths: Iterable[str]) -> str:
    """The last of these paths; that of the model if there is none."""
    return ([""] + list(paths))[-1]


def owns_state(module: nn.Module) -> bool:
    """Whether a module has parameters or buffers of its own."""
    return bool(module.named_own((nn.Parameter, nn.Buffer)))


def check_head(path: str, layer: nn.Module) -> None:
    """Raise ValueError if no head can stand in the place of this layer."""
    if not isinstance(layer, KINDS) or not path:
        raise ValueError(
            f"the last layer is {path or 'the model itself'}, a {type(layer).__name__}, and a head "
            "is a Linear or a Conv2d inside the model; give the path of one"
        )


def replace_head(model: nn.Module, num_classes: int, *paths: str) -> nn.Module:
    """`model`, its head (and auxiliary heads) replaced by fresh ones for so many classes.

    paths: of the heads, if they are not those that `heads` finds. For a network with the head `fc`
    it is what `model.fc = nn.Linear(model.fc.in_features, num_classes)` does. The new layer is
    drawn as PyTorch's layers are; it has a bias if the old one had, its dtype and its device.

    Raises: ValueError for less than one class, or a head that is neither a Linear nor a Conv2d;
    AttributeError for a path where there is nothing.
    """
    if num_classes < 1:
        raise ValueError(f"replace_head: num_classes is at least 1, got {num_classes}")
    for path in paths or heads(model):
        layer = model.get_submodule(path)
        check_head(path, layer)
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, fresh(layer, num_classes))
    return model


def fresh(layer: nn.Module, num_classes: int) -> nn.Module:
    """A new layer like this one, for so many classes."""
    settings = {
        "bias": layer.bias is not None,
        "device": layer.weight.device,
        "dtype": layer.weight.dtype,
    }
    if isinstance(layer, nn.Linear):
        new = nn.Linear(layer.in_features, num_classes, **settings)
    else:
        new = nn.Conv2d(
            layer.in_channels,
            num_classes,
            layer.kernel_size,
            layer.stride,
            layer.padding,
            layer.dilation,
            padding_mode=layer.padding_mode,
            **settings,
        )
    return new.train(layer.training)
