"""ImageFolder: which files it finds, what it makes of them, and what it says of others."""

import sys

import numpy as np
import pytest
from pictures import COLOURS, bytes_of, write_folder, write_picture

from tinygrad_cnn.data import DataLoader, datasets
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.data.image_folder import read_image

pytest.importorskip("PIL.Image", reason="pictures need Pillow: install pillow")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("pictures"))


def test_classes_and_samples_are_in_order(root):
    data = datasets.ImageFolder(root)
    assert data.classes == tuple(sorted(COLOURS))
    assert data.class_to_idx == {"blue": 0, "green": 1, "red": 2}
    assert len(data) == 18
    names = [path.removeprefix(f"{root}/") for path, _ in data.samples[:3]]
    assert names == ["blue/0.jpg", "blue/1.png", "blue/2.jpg"]
    assert data.targets == [0] * 6 + [1] * 6 + [2] * 6
    assert repr(data) == f"ImageFolder(18 images in {root}, 3 classes)"


def test_images_are_the_files(root):
    data = datasets.ImageFolder(root)
    for i in (0, 7, 17):
        image, label = data[i]
        assert image.dtype == np.uint8
        assert image.shape[0] == 3
        colour = tuple(COLOURS.values())[label]
        np.testing.assert_allclose(image.mean((1, 2)), colour, atol=20)
        assert isinstance(label, int)


def test_png_is_exact_and_everything_is_rgb(tmp_path):
    from PIL import Image

    pixels = bytes_of(0, 5, 4, 3)
    write_picture(tmp_path / "colour.png", pixels)
    np.testing.assert_array_equal(read_image(tmp_path / "colour.png"), pixels.transpose(2, 0, 1))
    write_picture(tmp_path / "grey.png", pixels[..., 0])
    grey = read_image(tmp_path / "grey.png")
    np.testing.assert_array_equal(grey, np.broadcast_to(pixels[..., 0], (3, 5, 4)))
    Image.fromarray(bytes_of(1, 5, 4, 4)).save(tmp_path / "alpha.png")
    assert read_image(tmp_path / "alpha.png").shape == (3, 5, 4)


def test_transforms_and_batches(root):
    data = datasets.ImageFolder(
        root,
        t.Compose([t.Resize(16), t.CenterCrop(16), t.ToTensor()]),
        target_transform=lambda label: 2 - label,
    )
    images, labels = next(iter(DataLoader(data, batch_size=18)))
    assert images.shape == (18, 3, 16, 16)
    assert labels.tolist() == [2 - label for label in data.targets]
    assert 0 <= images.raw.min() < images.raw.max() <= 1
    crops = t.Compose([t.Resize(16), t.ToTensor(), t.TenCrop(12)])
    [images, _] = next(iter(DataLoader(datasets.ImageFolder(root, crops), batch_size=4)))
    assert images.shape == (4, 10, 3, 12, 12)


def test_batches_do_not_depend_on_threads(root):
    data = datasets.ImageFolder(root, t.Compose([t.RandomResizedCrop(8), t.ColorJitter(0.5)]))
    loaders = [DataLoader(data, 4, shuffle=True, num_workers=n) for n in (0, 2)]
    state = loaders[0].state_dict()
    loaders[1].load_state_dict(state)
    first = [images.raw for images, _ in loaders[0]]
    loaders[0].generator.set_state(state["generator"])
    for one, (other, _) in zip(first, loaders[1], strict=True):
        np.testing.assert_array_equal(one, other.raw)


def test_loader_and_extensions(root, tmp_path):
    (tmp_path / "a" / "inner").mkdir(parents=True)
    for name in ("a/2.NPY", "a/inner/1.npy", "a/note.txt", "a/.3.npy"):
        (tmp_path / name).write_text("")
    (tmp_path / ".hidden").mkdir()
    data = datasets.ImageFolder(tmp_path, loader=len, extensions=(".npy",))
    assert [path.removeprefix(f"{tmp_path}/") for path, _ in data.samples] == [
        "a/2.NPY",
        "a/inner/1.npy",
    ]
    assert data[0] == (len(f"{tmp_path}/a/2.NPY"), 0)


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere; give the one"):
        datasets.ImageFolder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds no folders; put the pictures of each"):
        datasets.ImageFolder(tmp_path)
    for name in ("cat", "dog", "owl"):
        (tmp_path / name).mkdir()
    write_picture(tmp_path / "dog" / "1.png", bytes_of(0, 2, 2))
    with pytest.raises(FileNotFoundError, match=r"no pictures of cat, owl: expected .*\.jpg"):
        datasets.ImageFolder(tmp_path)


@pytest.mark.parametrize("kind", ["cut", "text", "empty"])
def test_a_damaged_picture_is_named(tmp_path, kind):
    path = tmp_path / "cat" / "1.png"
    write_picture(path, bytes_of(0, 40, 40))
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "text": b"hello", "empty": b""}[kind])
    with pytest.raises(OSError, match=r"cat/1\.png is not a picture that Pillow can read"):
        datasets.ImageFolder(tmp_path)[0]


def test_without_pillow(root, monkeypatch):
    data = datasets.ImageFolder(root)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(RuntimeError, match=r"pip install 'tinygrad_cnn\[images\]'"):
        data[0]
