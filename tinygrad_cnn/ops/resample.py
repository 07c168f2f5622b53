"""Resampling along one axis: every new place is a weighted sum of a few old ones.

One linear gate does what interpolation, adaptive averages and the borders that repeat the input
have in common. They differ in a sparse matrix per axis, the `Taps`, and this file writes these
matrices down. A function of several axes is one axis after the other.
"""

import functools

from ..gate import gate
from ..kernels import np, xp
from ..kernels.shapes import axes_of

CUBIC = -0.75  # the free slope of the cubic, as PyTorch has it; Keys 1981 finds -0.5 the best


class Taps:
    """A matrix with few numbers in each row: z[row] = Σ share · x[place].

    rows, places, shares: the numbers one by one, in any order; shares None stands for ones.
    shape: how many rows there are, and how many places. Nothing is ever written into them.
    """

    def __init__(self, rows, places, shares, shape: tuple[int, int]) -> None:
        self.rows = rows
        self.places = places
        self.shares = shares
        self.shape = shape

    @functools.cached_property
    def T(self) -> "Taps":
        """The transposed matrix."""
        return Taps(self.places, self.rows, self.shares, self.shape[::-1])

    @functools.cached_property
    def layers(self) -> list[tuple]:
        """The numbers as (rows, places, shares), layer by layer: in a layer no row comes twice.

        rows is None where it would be all of them, in order.
        """
        order = np.argsort(self.rows, kind="stable")
        rows = self.rows[order]
        depth = np.arange(len(rows)) - np.searchsorted(rows, rows)
        order = order[np.argsort(depth, kind="stable")]
        layers = []
        for chosen in np.split(order, np.cumsum(np.bincount(depth))[:-1]) if len(rows) else ():
            rows = None if len(chosen) == self.shape[0] else self.rows[chosen]
            shares = None if self.shares is None else self.shares[chosen]
            layers.append((rows, self.places[chosen], shares))
        return layers


@gate(x=lambda g, dim, taps: resample(g, dim=dim, taps=taps.T))
def resample(x, *, dim, taps):
    """x with its places along `dim` replaced by weighted sums of them.

    Rule: the gradient is resampled by the transposed matrix.
    """
    (axis,) = axes_of(x.ndim, dim)
    z = xp(x).zeros((*x.shape[:axis], taps.shape[0], *x.shape[axis + 1 :]), x.dtype)
    for depth, (rows, places, shares) in enumerate(taps.layers):
        part = xp(x).take(x, xp(x).asarray(places), axis)
        if shares is not None:
            shares = xp(x).asarray(shares.astype(x.dtype))
            part = part * shares.reshape(-1, *[1] * (x.ndim - axis - 1))
        key = (*[slice(None)] * axis, slice(None) if rows is None else xp(x).asarray(rows))
        if depth:
            z[key] += part
        else:
            z[key] = part
    return z


# --- matrices -------------------------------------------------------------------------------------
# Networks ask for the same few again and again.


def copies(places, size: int) -> Taps:
    """Row r is place places[r] of an axis of `size` places."""
    return Taps(np.arange(len(places)), places, None, (len(places), size))


@functools.lru_cache
def bordered(size: int, before: int, after: int, mode: str) -> Taps:
    """An axis within a border that repeats it; a negative width cuts off.

    mode: "reflect" mirrors about the first and the last place, "replicate" repeats these, and
    "circular" goes on at the other end of what is left.
    """
    places = np.arange(-before, size + after)
    if mode == "reflect":
        places = size - 1 - abs(size - 1 - abs(places))
    elif mode == "replicate":
        places = places.clip(0, size - 1)
    else:
        start, stop = max(-before, 0), size + min(after, 0)
        places = start + (places - start) % (stop - start)
    return copies(places, size)


@functools.lru_cache
def nearest(size: int, out: int, step: float, offset: float) -> Taps:
    """Row r is the place in which r + offset lies, when a row is `step` places wide.

    Numbers are rounded to float32, as PyTorch does for images: that decides ties.
    """
    reach = (np.arange(out, dtype="float32") + np.float32(offset)) * np.float32(step)
    return copies(np.floor(reach).astype("int64").clip(0, size - 1), size)


def centres(size: int, out: int, step: float, align_corners: bool):
    """Where the middle of each row lies, counted from the middle of the first place.

    align_corners: the first and the last row are the first and the last place.
    """
    if align_corners:
        return np.arange(out) * ((size - 1) / (out - 1) if out > 1 else 0.0)
    return (np.arange(out) + 0.5) * step - 0.5


def linear(t) -> list:
    """What two neighbours count for at a point between them, t behind the first."""
    return [1 - t, t]


def cubic(t) -> list:
    """What four neighbours count for at a point between the middle two, t behind the second.

    Source: Keys 1981, equation 4, for any slope.
    """

    def near(x):
        return ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1

    def far(x):
        return ((CUBIC * x - 5 * CUBIC) * x + 8 * CUBIC) * x - 4 * CUBIC

    return [far(1 + t), near(t), near(1 - t), far(2 - t)]


# By the order of a curve: what its neighbours count for, and the first one's place from the last
# place before the point. Arrays and Tensors alike go through.
CURVES = {"linear": (linear, 0), "cubic": (cubic, -1)}


@functools.lru_cache
def interpolated(size: int, out: int, step: float, align_corners: bool, order: str) -> Taps:
    """Row r is the value, at the middle of r, of the curve through the places.

    Beyond the first and the last place these go on for ever; a line has nothing but them there.
    """
    weigh, first = CURVES[order]
    at = centres(size, out, step, align_corners)
    at = at.clip(0, size - 1) if order == "linear" else at
    low = np.floor(at)
    shares = np.stack(weigh(at - low))
    places = low + first + np.arange(len(shares))[:, None]
    rows = np.broadcast_to(np.arange(out), shares.shape)
    places = places.astype("int64").clip(0, size - 1)
    return Taps(rows.ravel(), places.ravel(), shares.ravel(), (out, size))


def parts(size: int, out: int) -> tuple:
    """Where `out` windows that share an axis evenly start and stop; neighbours may overlap.

    Window q reaches from ⌊q size / out⌋ to ⌈(q + 1) size / out⌉.
    """
    q = np.arange(out)
    return q * size // max(out, 1), -(-(q + 1) * size // max(out, 1))


@functools.lru_cache
def averages(size: int, out: int) -> Taps:
    """Row q is the average of window q of `parts`."""
    starts, stops = parts(size, out)
    counts = stops - starts
    rows = np.repeat(np.arange(out), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Taps(rows, starts[rows] + within, 1 / counts[rows], (out, size))


@functools.lru_cache
def spread(size: int, out: int) -> Taps:
    """The windows of `parts` one behind the other, all as long as the longest.

    The shorter ones end with their last place once more.
    """
    starts, stops = parts(size, out)
    longest = (stops - starts).max(initial=0)
    places = np.minimum(starts[:, None] + np.arange(longest), stops[:, None] - 1)
    return copies(places.ravel(), size)
