"""Image transforms on arrays: one image (C, H, W) or a whole batch (N, C, H, W) at a time.

A transform is called with images, Pillow's too, and returns new arrays. What moves pixels or
changes colours leaves bytes bytes; the others return float32. A random transform draws separate
numbers for every image of the batch, from `draws.batch_rng()`, so results depend on the seed and on
a batch's place in its epoch, never on threads.
"""

from .color import ColorJitter, Grayscale, PCANoise, principal_colors
from .crop import CenterCrop, FiveCrop, Pad, RandomCrop, TenCrop
from .move import RandomAffine, RandomHorizontalFlip, affine
from .resize import RandomResizedCrop, Resize, resize
from .scale import Normalize, ToFloat, ToTensor
from .transform import Compose, Transform, apply

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "FiveCrop",
    "Grayscale",
    "Normalize",
    "PCANoise",
    "Pad",
    "RandomAffine",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "Resize",
    "TenCrop",
    "ToFloat",
    "ToTensor",
    "Transform",
    "affine",
    "apply",
    "principal_colors",
    "resize",
]
