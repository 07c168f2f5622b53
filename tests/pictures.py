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


def write_cifar10(folder, each=8):
    """A folder with five files of `each` images for training and one for the test, all CIFAR-10's.

    Every class has a colour of its own, under noise, so that there is something to learn.
    """
    rng = np.random.default_rng(0)
    colours = rng.integers(40, 216, (10, 3, 1))
    folder.mkdir(parents=True, exist_ok=True)
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        labels = rng.integers(0, 10, each)
        pixels = rng.normal(colours[labels], 20, (each, 3, 32 * 32)).clip(0, 255)
        records = np.concatenate([labels[:, None], pixels.reshape(each, -1)], 1)
        (folder / f"{name}.bin").write_bytes(records.astype(np.uint8).tobytes())
    return folder
