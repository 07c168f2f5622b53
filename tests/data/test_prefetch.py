"""Batches that are copied ahead are the loader's; transforms on the device are those of the host.

Those with a GPU run on the device double, which says nothing about a GPU.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.data import DataLoader, DevicePrefetcher, TensorDataset, transforms
from tinygrad_cnn.data import device_transforms as on_device


@pytest.fixture
def gpus(double):
    import double_streams

    with double_streams.machine(2):
        yield double_streams


def dataset(n=10):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 3, 6, 5)).astype(np.uint8)
    return TensorDataset(tg.tensor(images), tg.arange(n))


def lists(batches):
    return [[part.tolist() for part in batch] for batch in batches]


@pytest.mark.parametrize("pin_memory", [False, True])
@pytest.mark.parametrize("threads", [0, 2])
def test_batches_are_the_loaders(threads, pin_memory):
    def loader():
        generator = tg.Generator(3)
        return DataLoader(
            dataset(), 3, True, num_workers=threads, generator=generator, pin_memory=pin_memory
        )

    ahead = DevicePrefetcher(loader(), "cpu")
    assert lists(ahead) == lists(loader())
    assert len(ahead) == 4


def test_batches_on_a_gpu(gpus):
    for place in ("cuda", "cuda:1"):
        for pin_memory in (False, True):
            loader = DataLoader(dataset(), 3, pin_memory=pin_memory)
            found = list(DevicePrefetcher(loader, place))
            assert lists(found) == lists(DataLoader(dataset(), 3))
            assert {part.device for batch in found for part in batch} == {
                tg.device("cuda:0" if place == "cuda" else place)
            }
            assert found[0][0].dtype == tg.uint8


def test_nests_keep_their_form(gpus):
    batches = [{"x": tg.ones(2), "more": [tg.zeros(1), "name", None]}, tg.ones(3)]
    found = list(DevicePrefetcher(batches, 1, lambda x: x + 1))
    assert found[0]["x"].tolist() == [2.0, 2.0]
    assert found[0]["more"][1:] == ["name", None]
    assert found[0]["more"][0].get_device() == 1
    assert found[1].tolist() == [2.0, 2.0, 2.0]


def test_copies_go_by_a_stream_of_their_own(gpus):
    batches = iter(DevicePrefetcher([(tg.ones(2),) for _ in range(5)], "cuda"))
    main = gpus.Stream.null
    before = len(main.waited)
    with gpus.double.counting_syncs() as seen:
        next(batches)
        assert len(main.waited) == before + 1  # the device waits for the copy
        assert seen == []  # the host for nobody ...
        list(batches)
    assert set(seen) == {"event synchronize"}  # ... until page-locked memory is used again


def test_pinned_memory(gpus):
    x = tg.arange(3)
    y = x.pin_memory()
    assert y.tolist() == [0, 1, 2]
    assert y is not x
    assert y.pin_memory() is y
    assert kernels.named("cuda").is_pinned(y.raw)
    assert not kernels.named("cuda").is_pinned(x.raw)


def test_without_a_gpu_nothing_is_pinned():
    x = tg.ones(2)
    if not tg.cuda.is_available():
        assert x.pin_memory() is x
        with pytest.raises(RuntimeError, match="the device 'cuda' needs"):
            list(DevicePrefetcher([x]))


def test_the_position_is_behind_what_was_handed_out():
    loader = DataLoader(dataset(), 3, True, generator=tg.Generator(1))
    ahead = DevicePrefetcher(loader, "cpu")
    batches = iter(ahead)
    lists([next(batches), next(batches)])
    state = ahead.state_dict()
    rest = lists(batches)
    assert len(rest) == 2
    fresh = DataLoader(dataset(), 3, True, generator=tg.Generator(7))
    resumed = DevicePrefetcher(fresh, "cpu")
    resumed.load_state_dict(state)
    assert lists(resumed) == rest
    assert lists(resumed) == lists(ahead)  # the next epoch is the same too
    with pytest.raises(TypeError, match="list does not tell its position"):
        DevicePrefetcher([]).state_dict()


# --- transforms -----------------------------------------------------------------------------------


def test_normalize_is_the_hosts():
    images = dataset().tensors[0]
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
    expected = transforms.Normalize(mean, std)(transforms.ToFloat()(images.numpy()))
    found = on_device.Normalize(mean, std)(images)
    assert found.dtype == tg.float32
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
    floats = images.float() / 255
    np.testing.assert_allclose(on_device.Normalize(mean, std)(floats).numpy(), expected, atol=2e-6)
    with pytest.raises(RuntimeError, match="does not fit images of shape"):
        on_device.Normalize((1.0, 2.0), 1.0)(images)
    with pytest.raises(ValueError, match="std is above 0"):
        on_device.Normalize(0.0, 0.0)


@given(st.integers(0, 2**31), st.integers(0, 3), st.integers(1, 6), st.integers(1, 5))
def test_a_crop_is_a_window_of_the_padded_image(seed, padding, height, width):
    tg.manual_seed(seed)
    images = dataset(4).tensors[0]
    found = on_device.RandomCrop((height, width), padding)(images).numpy()
    edges = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    padded = np.pad(images.numpy(), edges)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), (2, 3))
    for image, choices in zip(found, windows, strict=True):
        places = [
            choices[:, i, j] for i in range(choices.shape[1]) for j in range(choices.shape[2])
        ]
        assert any(np.array_equal(image, place) for place in places)


def test_crops_differ_and_reach_every_place():
    tg.manual_seed(0)
    one = tg.tensor(np.arange(9, dtype=np.uint8).reshape(1, 1, 3, 3))
    images = one.expand(200, 1, 3, 3)
    corners = on_device.RandomCrop(2)(images)[:, 0, 0, 0].tolist()
    assert set(corners) == {0, 1, 3, 4}
    with pytest.raises(ValueError, match="does not fit images of 3 x 3 pixels"):
        on_device.RandomCrop(4)(images)
    with pytest.raises(ValueError, match="padding is 0 or more"):
        on_device.RandomCrop(2, -1)


@pytest.mark.parametrize("p", [0.0, 1.0, 0.5])
def test_flips(p):
    tg.manual_seed(1)
    images = dataset(60).tensors[0]
    found = on_device.RandomHorizontalFlip(p)(images).numpy()
    flipped = [np.array_equal(a, b[..., ::-1]) for a, b in zip(found, images.numpy(), strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(found, images.numpy(), strict=True)]
    assert all(a or b for a, b in zip(flipped, kept, strict=True))
    assert sum(flipped) == {0.0: 0, 1.0: 60}.get(p, sum(flipped))
    assert p != 0.5 or 15 < sum(flipped) < 45
    with pytest.raises(ValueError, match=r"within \[0, 1\]"):
        on_device.RandomHorizontalFlip(2)


def test_all_of_it_on_a_gpu_is_what_it_is_on_the_cpu(gpus):
    transform = on_device.Compose(
        [
            on_device.RandomCrop(5, 1),
            on_device.RandomHorizontalFlip(),
            on_device.Normalize((0.4, 0.5, 0.6), 0.25),
        ]
    )
    found = []
    for place in ("cpu", "cuda:1"):
        tg.manual_seed(4)
        found.append(lists(DevicePrefetcher(DataLoader(dataset(), 4), place, transform)))
    assert found[0] == found[1]
