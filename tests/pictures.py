"""Small images that several tests share, and folders of them."""

import numpy as np

from tinygrad_cnn.data.draws import drawing_from

COLOURS = {"blue": (30, 60, 220), "green": (20, 200, 40), "red": (230, 40, 30)}


def images_of(seed, *shape):
    """Noise from 0 to 1, float32."""
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def bytes_of(seed, *shape):
    """Noise of bytes."""
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def seeded(transform, images, seed=0):
    """What a transform makes of images with the random numbers of a seed."""
    with drawing_from(np.random.default_rng(seed)):
        return transform(images)


def write_picture(path, pixels):
    """A picture file of bytes (H, W) or (H, W, 3)."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_folder(root, each=6, side=24):
    """A folder of noisy pictures of one colour per class, png and jpg, of several sizes."""
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for i in range(each):
            shape = (side + i % 3, side + 2 * (i % 2), 3)
            pixels = np.clip(rng.normal(colour, 25, shape), 0, 255).astype(np.uint8)
            write_picture(root / name / f"{i}.{'png' if i % 2 else 'jpg'}", pixels)
    return root
