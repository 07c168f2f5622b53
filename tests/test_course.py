"""The hand examples of the course notes this library grew from, with their errors corrected.

Every number comes out of the graph; what stands on the right was computed apart, with NumPy alone.
"""

import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.ops.conv import conv

INPUTS = [10.0, 30.0, 20.0]
TARGETS = [1.0, 0.0]
HIDDEN = [[0.2, -0.1, 0.4], [0.7, -1.2, 1.2]]  # one row per hidden unit
OUTPUT = [[1.1, 0.1], [3.1, 1.17]]  # one row per output unit


def near(want, places=7):
    """`want` up to the digits it was written with."""
    return pytest.approx(want, abs=0.6 * 10.0**-places)


# --- (x + y) z ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [tg.Value, lambda v: tg.tensor(float(v), requires_grad=True)])
def test_x_plus_y_times_z(make):
    x, y, z = make(-2), make(5), make(-4)
    q = x + y
    f = q * z
    f.backward()
    assert (q.item(), f.item()) == (3.0, -12.0)
    assert [float(v.grad) for v in (x, y, z)] == [-4.0, -4.0, 3.0]


def test_add_distributes_max_routes_mul_switches():
    a, b = tg.Value(2.0), tg.Value(7.0)
    assert tg.autograd.grad(a + b, [a, b]) == [1.0, 1.0]
    assert tg.autograd.grad(tg.maximum(a, b), [a, b]) == [0.0, 1.0]
    assert tg.autograd.grad(a * b, [a, b]) == [7.0, 2.0]


# --- the 3-2-2 network ----------------------------------------------------------------------------


class Network:
    """Sigmoid units without biases, as in the notes: three inputs, two hidden, two outputs."""

    def __init__(self):
        self.hidden = [[tg.Value(w) for w in row] for row in HIDDEN]
        self.output = [[tg.Value(w) for w in row] for row in OUTPUT]
        self.weights = [w for row in (*self.hidden, *self.output) for w in row]

    def __call__(self, xs):
        """The nets and outputs of both layers, and the loss ½ Σ (t - o)²."""
        self.nets = [sum((w * x for w, x in zip(row, xs, strict=True)), 0.0) for row in self.hidden]
        self.h = [net.sigmoid() for net in self.nets]
        self.out_nets = [
            sum((w * h for w, h in zip(row, self.h, strict=True)), 0.0) for row in self.output
        ]
        self.o = [net.sigmoid() for net in self.out_nets]
        errors = [(t - o) * (t - o) for t, o in zip(TARGETS, self.o, strict=True)]
        return 0.5 * sum(errors, 0.0)

    def step(self, rate):
        """Gradient descent."""
        for w in self.weights:
            w.data -= rate * w.grad
            w.grad = 0.0


def test_forward_numbers():
    net = Network()
    loss = net(INPUTS)
    assert [n.data for n in net.nets] == pytest.approx([7.0, -5.0])
    assert [h.data for h in net.h] == [near(0.99909, 5), near(0.0067, 4)]
    assert [n.data for n in net.out_nets] == [near(1.09967, 5), near(3.10501, 5)]
    assert [o.data for o in net.o] == [near(0.75020, 5), near(0.9571, 4)]
    assert loss.data == near(0.4892196)


def test_deltas_are_the_negative_gradients_of_the_nets():
    net = Network()
    net(INPUTS).backward()
    assert [-n.grad for n in net.out_nets] == [near(0.046813, 6), near(-0.039299, 6)]
    assert [-n.grad for n in net.nets] == [near(-0.00006402, 8), near(-0.00027456, 8)]


def test_one_step():
    net = Network()
    net(INPUTS).backward()
    net.step(0.1)
    (h1, h2), (o1, o2) = net.hidden, net.output
    assert [w.data for w in o1] == [near(1.1046771), near(0.1000313)]
    assert [w.data for w in o2] == [near(3.0960737), near(1.1699737)]
    assert [w.data for w in h1] == [near(0.1999360), near(-0.1001921), near(0.3998720)]
    assert [w.data for w in h2] == [near(0.6997254), near(-1.2008237), near(1.1994509)]
    assert net(INPUTS).data == near(0.4888361)


def test_the_same_network_in_tensor_mode():
    x = tg.tensor(INPUTS, dtype="float64")
    t = tg.tensor(TARGETS, dtype="float64")
    w1 = tg.tensor(HIDDEN, dtype="float64", requires_grad=True)
    w2 = tg.tensor(OUTPUT, dtype="float64", requires_grad=True)
    error = t - (w2 @ (w1 @ x).sigmoid()).sigmoid()
    (0.5 * (error * error).sum()).backward()
    net = Network()
    net(INPUTS).backward()
    scalar = [w.grad for w in net.weights]
    assert [*host(w1.grad).ravel(), *host(w2.grad).ravel()] == pytest.approx(scalar, rel=1e-12)


def test_momentum():
    """Δw(n) = η δ x + α Δw(n - 1), 0 <= α < 1, traced for one weight over three steps."""
    w, rate, alpha = tg.Value(1.0), 0.1, 0.9
    change = 0.0
    places = []
    for _ in range(3):
        (0.5 * w * w).backward()
        change = -rate * w.grad + alpha * change
        w = tg.Value(w.data + change)
        places.append(w.data)
    assert places == pytest.approx([0.9, 0.72, 0.486])


@pytest.mark.parametrize("target, output", [(1, -1), (-1, 1), (1, 1)])
def test_perceptron_rule_is_descent_on_the_squared_error(target, output):
    """Δw = η (t - o) x: the negative gradient of ½ (t - o)² of a linear unit, times η."""
    x, w = 0.5, tg.Value(output / 0.5)
    (0.5 * (target - w * x) * (target - w * x)).backward()
    assert -0.1 * w.grad == pytest.approx(0.1 * (target - output) * x)


# --- activations ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [-2.0, -0.3, 0.0, 0.7, 3.0])
def test_sigmoid_and_tanh_slopes_from_their_outputs(number):
    x = tg.Value(number)
    s, t = x.sigmoid(), x.tanh()
    assert tg.autograd.grad(s, x)[0] == pytest.approx(s.data * (1 - s.data))
    assert tg.autograd.grad(t, x)[0] == pytest.approx(1 - t.data**2)


def test_relu_family():
    x = tg.Value(-2.0)
    assert (x.relu().data, x.leaky_relu(0.01).data) == (0.0, -0.02)
    assert x.elu().data == near(-0.8646647)
    assert tg.autograd.grad(x.leaky_relu(0.01), x) == [0.01]
    maxout = tg.maximum(3.0 * x + 1.0, -1.0 * x + 2.0)
    assert maxout.data == 4.0
    assert tg.autograd.grad(maxout, x) == [-1.0]


# --- convolution ----------------------------------------------------------------------------------


def test_the_first_convolution():
    x = tg.arange(9).reshape(1, 1, 3, 3).float()
    k = tg.arange(4).reshape(1, 1, 2, 2).float()
    z = conv(x, k, None, (1, 1), (0, 0), (1, 1), 1)
    assert z.tolist() == [[[[19.0, 25.0], [37.0, 43.0]]]]


def test_the_first_convolution_number_by_number():
    x = [[tg.Value(3 * i + j) for j in range(3)] for i in range(3)]
    k = [[tg.Value(2 * i + j) for j in range(2)] for i in range(2)]

    def at(i, j):
        return sum((x[i + r][j + s] * k[r][s] for r in range(2) for s in range(2)), 0.0)

    z = [[at(i, j) for j in range(2)] for i in range(2)]
    assert [[v.data for v in row] for row in z] == [[19.0, 25.0], [37.0, 43.0]]
    sum((v for row in z for v in row), 0.0).backward()
    assert [[v.grad for v in row] for row in k] == [[8.0, 12.0], [20.0, 24.0]]
    assert x[1][1].grad == 0 + 1 + 2 + 3


def test_moving_average_of_the_noisy_laser():
    weights = [0.01, 0.01, 0.02, 0.02, 0.04, 0.4, 0.5]
    x = [1.00, 1.10, 1.20, 1.40, 1.70, 1.80, 1.90, 2.10, 2.20, 2.40, 2.50, 2.70]
    z = conv(
        tg.tensor([[x]], dtype="float64"),
        tg.tensor([[weights]], dtype="float64"),
        None,
        (1,),
        (0,),
        (1,),
        1,
    )
    assert z.tolist()[0][0] == [near(s, 3) for s in (1.811, 1.967, 2.112, 2.269, 2.413, 2.569)]
