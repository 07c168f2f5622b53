"""Changes of an image's size as layers."""

from ..tensor import Tensor
from . import functional as F
from .functional.resample import Scale
from .functional.window import Size
from .module import Module


class Upsample(Module):
    """The input in another size, as F.interpolate.

    Shape: (N, C, *space) -> (N, C, *size).
    """

    def __init__(
        self,
        size: Size | None = None,
        scale_factor: Scale | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        if isinstance(scale_factor, (tuple, list)):
            scale_factor = tuple([float(s) for s in scale_factor])
        self.size = size
        self.scale_factor = float(scale_factor) if isinstance(scale_factor, int) else scale_factor
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: Tensor) -> Tensor:
        """x in its new size."""
        return F.interpolate(
            x,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """The size, or how many times it is, and the mode."""
        target = f"size={self.size}" if self.scale_factor is None else None
        return f"{target or f'scale_factor={self.scale_factor}'}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """An image in another size, each element the nearest old one.

    Shape: (N, C, H, W) -> (N, C, *size).
    """

    def __init__(self, size: Size | None = None, scale_factor: Scale | None = None) -> None:
        super().__init__(size, scale_factor)


class UpsamplingBilinear2d(Upsample):
    """An image in another size, bilinear between its elements; those in the corners stay.

    Shape: (N, C, H, W) -> (N, C, *size).
    """

    def __init__(self, size: Size | None = None, scale_factor: Scale | None = None) -> None:
        super().__init__(size, scale_factor, "bilinear", align_corners=True)


class PixelShuffle(Module):
    """Channels laid out as squares of places, as F.pixel_shuffle.

    Shape: (*, C r², H, W) -> (*, C, H r, W r), r = upscale_factor.
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        """x with fewer channels and more places."""
        return F.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Squares of places made channels, as F.pixel_unshuffle.

    Shape: (*, C, H r, W r) -> (*, C r², H, W), r = downscale_factor.
    """

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = downscale_factor

    def forward(self, x: Tensor) -> Tensor:
        """x with more channels and fewer places."""
        return F.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """The channels dealt out anew, as F.channel_shuffle.

    Shape: (N, C, *) -> (N, C, *).
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """x, its channels in another order."""
        return F.channel_shuffle(x, self.groups)

    def extra_repr(self) -> str:
        """The number of groups."""
        return f"groups={self.groups}"
