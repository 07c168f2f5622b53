"""Small scalar graphs whose gradients everybody can work out, which several tests share."""

import tinygrad_cnn as tg


def named(value, name):
    """A Value under a name."""
    value.label = name
    return value


def product():
    """f = (x + y) z at -2, 5, -4; its gradients are -4, -4, 3."""
    x, y, z = tg.Value(-2, "x"), tg.Value(5, "y"), tg.Value(-4, "z")
    return named(named(x + y, "q") * z, "f")


def fork():
    """f = x y + max(x, z) at 2, -3, 1: x is used twice; its gradients are -2, 2, 0."""
    x, y, z = tg.Value(2, "x"), tg.Value(-3, "y"), tg.Value(1, "z")
    return named(named(x * y, "p") + named(tg.maximum(x, z), "m"), "f")


def neuron():
    """A sigmoid of two weighted inputs, written with exp and a quotient."""
    w0, x0 = tg.Value(2, "w0"), tg.Value(-1, "x0")
    w1, x1 = tg.Value(-3, "w1"), tg.Value(-2, "x1")
    return 1 / (1 + (-(w0 * x0 + w1 * x1 + tg.Value(-3, "w2"))).exp())
