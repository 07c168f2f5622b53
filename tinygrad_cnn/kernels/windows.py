"""Where windows lie along one axis, forward and backward, for kernels that read in rows.

A convolution, its gradient for the input and its gradient for the weights meet the same pairs of
places: window o of the output begins `padding` before place o stride of the input, and its element
k lies k dilation further. Read from the output's side that is one Axis; read from the input's side
it is one Axis for each remainder of a place modulo the stride.
"""

import functools
from typing import NamedTuple

from .shapes import out_size


class Axis(NamedTuple):
    """How results along an axis are made of elements of a source along it.

    Result o, which lies at start + o spacing, is made of the elements o step - before + offsets[i]
    of the source, which meet the elements taps[i] of the window. Offsets ascend from 0.
    """

    taps: tuple[int, ...]
    offsets: tuple[int, ...]
    before: int
    step: int
    count: int
    start: int
    spacing: int

    @property
    def span(self) -> int:
        """How many elements of the source lie between a result's first and last, both counted."""
        return self.offsets[-1] + 1

    @property
    def dense(self) -> bool:
        """Whether the offsets are 0, 1, 2, ..."""
        return self.span == len(self.offsets)

    def inside(self, size: int) -> bool:
        """Whether no result reaches beyond a source of this size."""
        return self.before <= 0 and (self.count - 1) * self.step - self.before + self.span <= size


@functools.lru_cache(maxsize=512)
def forward(size: int, window: int, stride: int, padding: int, dilation: int) -> Axis:
    """The output, made of the input."""
    taps = tuple(range(window))
    offsets = tuple(k * dilation for k in taps)
    count = out_size(size, window, stride, padding, dilation)
    return Axis(taps, offsets, padding, stride, count, 0, 1)


@functools.lru_cache(maxsize=512)
def backward(size: int, window: int, stride: int, padding: int, dilation: int) -> tuple[Axis, ...]:
    """The input's gradient, made of the output's: its places by their remainder modulo the stride.

    Places that no window reaches are left out.
    """
    axes = []
    for start in range(min(stride, size)):
        reached = [k for k in range(window) if (start + padding - k * dilation) % stride == 0]
        if not reached:
            continue
        taps = tuple(reversed(reached))
        offsets = [(start + padding - k * dilation) // stride for k in taps]
        relative = tuple(offset - offsets[0] for offset in offsets)
        count = -(-(size - start) // stride)
        axes.append(Axis(taps, relative, -offsets[0], 1, count, start, stride))
    return tuple(axes)
