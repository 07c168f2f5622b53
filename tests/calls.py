"""Lines of user code, run by PyTorch and by this library, and what comes of them compared.

A line is Python in which `T` is the library; statements before the last are separated by "; ". An
outcome is the class of an exception, or what the last expression is.
"""

import copy
import warnings

import numpy as np
from oracles import host

import tinygrad_cnn as tg


def names(library):
    """What a line may speak of."""
    leaf = library.tensor([1.0, 2.0], requires_grad=True)
    return {
        "T": library,
        "np": np,
        "copy": copy,
        "x": library.tensor([[1.0, 2.0], [3.0, 4.0]]),
        "i": library.tensor([1, 2, 3]),
        "b": library.tensor([True, False]),
        "e": library.ones(3, 1).expand(3, 2),
        "leaf": leaf,
        "y": leaf * 2,
    }


def plain(value):
    """A result as something that compares across libraries."""
    if isinstance(value, tg.Tensor):
        return tuple(value.shape), str(value.dtype), host(value).tolist()
    if hasattr(value, "is_sparse"):
        dtype = str(value.dtype).removeprefix("torch.")
        return tuple(value.shape), dtype, host(value.detach()).tolist()
    if isinstance(value, (tuple, list)):
        return [plain(element) for element in value]
    if isinstance(value, np.ndarray):
        return value.dtype, value.tolist()
    if isinstance(value, (bool, int, float, type(None))):
        return value
    return str(value).replace("torch.", "")


def unseen_on_a_device(error):
    """Whether an error is about numbers in memory, for which a device would have to be waited for.

    On the CPU no error is.
    """
    words = ("out of bounds", "out of range", "ZeroDivisionError", "dimension specified as")
    on_a_device = tg.get_default_device().type != "cpu"
    return on_a_device and isinstance(error, Exception) and any(w in str(error) for w in words)


def outcome(library, line):
    """What comes of a line."""
    *before, last = line.split("; ")
    space = names(library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for statement in before:
                exec(statement, space)
            return plain(eval(last, space))
        except Exception as error:
            assert library is not tg or str(error), f"{line}: no sentence"
            return type(error)


def check(torch, line):
    """Both libraries agree about a line."""
    ours, theirs = outcome(tg, line), outcome(torch, line)
    assert same(ours, theirs), f"{line}: ours {ours}, PyTorch's {theirs}"


def same(ours, theirs):
    """Whether two outcomes are alike; numbers up to float32's last digits."""
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        return ours == theirs or np.isclose(ours, theirs, rtol=1e-6, equal_nan=True)
    return ours == theirs
