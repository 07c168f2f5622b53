"""One call, written as text, made in PyTorch and here: results and kinds of errors must agree.

A call is an expression in the names of `inputs`, or an assignment `x[key] := value`.
"""

import numpy as np
from calls import unseen_on_a_device
from oracles import host

import tinygrad_cnn as tg


def inputs(library) -> dict:
    """The names that a call may use: tensors of numbers known in advance, and the library as tg.

    x is (2, 3, 4), m (3, 4), v (3,), s of no axes, e (0, 3), in float64; i (2,) and j (2, 3) hold
    whole numbers, b (3,) truth values; `long` makes a tensor of whole numbers.
    """

    def long(numbers):
        return library.tensor(numbers, dtype=library.int64)

    x = library.arange(24, dtype=library.float64).reshape(2, 3, 4)
    return {
        "tg": library,
        "x": x,
        "m": x[1] + 0.5,
        "v": library.arange(3, dtype=library.float64) - 1.0,
        "s": library.tensor(2.5, dtype=library.float64),
        "e": library.zeros(0, 3, dtype=library.float64),
        "i": long([2, 0]),
        "j": long([[0, 1, 1], [2, 0, 1]]),
        "b": library.tensor([True, False, True]),
        "long": long,
    }


def result(call: str, library) -> object:
    """What a call returns, or its error; of an assignment the tensor that was written to."""
    names = inputs(library)
    try:
        if " := " in call:
            place, value = call.split(" := ")
            exec(f"{place} = {value}", names)
            return names[place[0]]
        return eval(call, names)
    except Exception as error:
        return error


def caught(error: object) -> type | None:
    """The class by which one would catch an error; None for what is no error."""
    if not isinstance(error, Exception):
        return None
    classes = (IndexError, TypeError, ValueError, RuntimeError)
    return next((c for c in classes if isinstance(error, c)), type(error))


def several(made: object) -> list:
    """One tensor or a tuple of tensors as a list."""
    return list(made) if isinstance(made, (tuple, list)) else [made]


def check_call(call: str, torch) -> None:
    """Assert that a call returns tensors of the same dtypes, shapes and numbers, or fails alike.

    Where it returns tensors the gradients of its inputs must agree, too.
    """
    theirs, ours = result(call, torch), result(call, tg)
    if unseen_on_a_device(theirs):
        return
    assert caught(ours) is caught(theirs), f"{theirs!r} in PyTorch, {ours!r} here"
    if caught(ours):
        return
    for mine, other in zip(several(ours), several(theirs), strict=True):
        assert mine.shape == tuple(other.shape)
        assert str(mine.dtype) == str(other.dtype).removeprefix("torch.")
        assert np.array_equal(host(mine), other.numpy())
    if " := " not in call:
        found = gradients(call, tg)
        for name, g in gradients(call, torch).items():
            assert (found[name] is None) == (g is None), f"gradient of {name}"
            if g is not None:
                np.testing.assert_allclose(host(found[name]), g.numpy(), rtol=1e-12, atol=1e-12)


def gradients(call: str, library) -> dict:
    """The gradient of each tensor of floats, by name, of a sum of sines of all that is returned."""
    names = inputs(library)
    leaves = {n: names[n].detach().requires_grad_() for n in "xmvse"}
    made = [z for z in several(eval(call, names | leaves)) if z.requires_grad]
    for k, z in enumerate(made):
        (library.sin(z) * (1.0 + k)).sum().backward(retain_graph=True)
    return {n: leaf.grad for n, leaf in leaves.items()}
