"""The loader: every sample once, the same batches whatever the threads, positions kept."""

import gc
import json
import threading
import time
import traceback

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.data import DataLoader, Dataset, TensorDataset, datasets, transforms
from tinygrad_cnn.data.draws import batch_rng

LENGTHS = st.integers(0, 23)
SIZES = st.integers(1, 7)
SEEDS = st.integers(0, 2**64 - 1)


def numbers(count):
    return TensorDataset(np.arange(count))


def epoch(loader):
    """The samples of each batch of one epoch."""
    return [batch[0].raw.tolist() for batch in loader]


class Noisy(Dataset):
    """Samples with a random part, some of which take longer than others."""

    def __len__(self):
        return 13

    def __getitem__(self, index):
        time.sleep(0.001 * (index % 3))
        return index + batch_rng().random(), index


def loader_threads():
    return [t for t in threading.enumerate() if t.name.startswith("tinygrad_cnn.data")]


@given(LENGTHS, SIZES, st.booleans(), st.booleans(), SEEDS)
def test_every_sample_once(count, size, shuffle, drop_last, seed):
    loader = DataLoader(
        numbers(count), size, shuffle, drop_last=drop_last, generator=tg.Generator(seed)
    )
    batches = epoch(loader)
    samples = [x for batch in batches for x in batch]
    assert len(batches) == len(loader)
    assert len(set(samples)) == len(samples)
    if drop_last:
        assert all(len(batch) == size for batch in batches)
        assert count - len(samples) < size
    else:
        assert sorted(samples) == list(range(count))
        assert all(len(batch) == size for batch in batches[:-1])
    if not shuffle:
        assert samples == list(range(len(samples)))


@given(SEEDS)
def test_the_seed_decides(seed):
    def run(seed):
        loader = DataLoader(numbers(40), 4, shuffle=True, generator=tg.Generator(seed))
        return [epoch(loader) for _ in range(3)]

    first = run(seed)
    assert first == run(seed)
    assert first != run(seed ^ 1)
    assert first[0] != first[1] != first[2]


def test_manual_seed_decides_without_a_generator():
    loader = DataLoader(numbers(40), 4, shuffle=True)
    tg.manual_seed(5)
    first = epoch(loader)
    assert first != epoch(loader)
    tg.manual_seed(5)
    assert first == epoch(loader)


THREADS = [(0, 0), (0, 1), (0, 3), (1, None), (1, 0), (1, 50), (3, None), (4, 2)]


@pytest.mark.parametrize(("num_workers", "prefetch"), THREADS)
def test_threads_change_nothing(num_workers, prefetch):
    def run(**settings):
        loader = DataLoader(Noisy(), 2, shuffle=True, generator=tg.Generator(1), **settings)
        return [[part.raw.tolist() for part in batch] for _ in range(2) for batch in loader]

    assert run(num_workers=num_workers, prefetch=prefetch) == run()


def test_every_batch_has_its_own_chance():
    noise = [batch[0].raw % 1 for _ in range(2) for batch in DataLoader(Noisy(), 1)]
    assert len(np.unique(noise)) == 26


def test_threads_change_nothing_in_our_transforms():
    augment = transforms.Compose(
        [transforms.Resize(12), transforms.RandomAffine(10, (0.1, 0.1)), transforms.RandomCrop(10)]
    )
    data = datasets.Digits(train=False, transform=augment)

    def run(threads):
        loader = DataLoader(data, 50, shuffle=True, generator=tg.Generator(2), num_workers=threads)
        return np.concatenate([images.raw for images, _ in loader])

    np.testing.assert_array_equal(run(0), run(2))


@given(
    count=LENGTHS,
    size=SIZES,
    threads=st.integers(0, 2),
    stop=st.integers(0, 30),
    drop_last=st.booleans(),
    seed=SEEDS,
)
def test_resume_anywhere(count, size, threads, stop, drop_last, seed):
    class Data(Noisy):
        def __len__(self):
            return count

        def __getitem__(self, index):
            return index + batch_rng().random()

    def fresh(seed):
        return DataLoader(
            Data(),
            size,
            True,
            generator=tg.Generator(seed),
            num_workers=threads,
            drop_last=drop_last,
        )

    def run(loader, epochs=3):
        """Every batch of the epochs that are left, with the loader's state before and after."""
        state = json.dumps(loader.state_dict())
        for number in range(loader.epoch, epochs):
            for batch in loader:
                yield number, batch.raw.tolist(), state
                state = json.dumps(loader.state_dict())

    whole = list(run(fresh(seed)))
    stop = min(stop, len(whole))
    if stop == len(whole):
        return
    resumed = fresh(0)  # the saved position brings its seed along
    resumed.load_state_dict(json.loads(whole[stop][2]))
    rest = list(run(resumed))
    assert [step[:2] for step in rest] == [step[:2] for step in whole[stop:]]


def test_position_after_the_last_batch_is_an_empty_loop():
    def fresh():
        return DataLoader(numbers(6), 2, shuffle=True, generator=tg.Generator(3))

    loader = fresh()
    for _ in loader:
        state = loader.state_dict()
    following = epoch(loader)
    resumed = fresh()
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert epoch(resumed) == []
    assert epoch(resumed) == following
    assert resumed.epoch == loader.epoch == 2


def test_position_counts_what_was_handed_out_not_what_was_made():
    loader = DataLoader(numbers(20), 2, num_workers=1, prefetch=5)
    for number, _ in enumerate(loader, start=1):
        assert loader.state_dict()["batch"] == number


def test_a_loop_left_early_counts_as_an_epoch_and_the_next_starts_anew():
    loader = DataLoader(numbers(6), 2, generator=tg.Generator(0))
    for _ in loader:
        break
    assert loader.state_dict()["batch"] == 1
    assert epoch(loader) == [[0, 1], [2, 3], [4, 5]]
    assert loader.epoch == 2


def test_position_of_another_data_set():
    loader = DataLoader(numbers(10), 1)
    for _ in loader:
        state = loader.state_dict()
    with pytest.raises(ValueError, match="batch 10 of an epoch, but this loader has 5"):
        DataLoader(numbers(5), 1).load_state_dict(state)


def test_position_among_more_samples():
    """The order would be another: some samples would come twice, and some not at all."""
    loader = DataLoader(numbers(10), 4)
    state = loader.state_dict()
    with pytest.raises(ValueError, match="one in 10 samples, but this loader has 11; give it the"):
        DataLoader(numbers(11), 4).load_state_dict(state)
    del state["samples"]  # as in older checkpoints
    DataLoader(numbers(11), 4).load_state_dict(state)


def test_two_loops_at_once():
    loader = DataLoader(numbers(12), 3, shuffle=True, generator=tg.Generator(0), num_workers=1)
    pairs = [(a[0].raw.tolist(), b[0].raw.tolist()) for a, b in zip(loader, loader, strict=True)]
    for side in (0, 1):
        assert sorted(x for pair in pairs for x in pair[side]) == list(range(12))
    assert [a for a, _ in pairs] != [b for _, b in pairs]
    assert loader.epoch == 2


# --- threads ---


class Broken(Dataset):
    """A data set with a sample that cannot be had."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self.broken_sample(index)

    def broken_sample(self, index):
        if index == 5:
            raise KeyError("sample five")
        return index


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_an_error_comes_out_in_its_turn_with_its_traceback(num_workers):
    got = []
    with pytest.raises(KeyError, match="sample five") as error:
        for batch in DataLoader(Broken(), 2, num_workers=num_workers):
            got.append(batch.raw.tolist())
    assert got == [[0, 1], [2, 3]]
    names = [frame.name for frame in traceback.extract_tb(error.value.__traceback__)]
    assert "broken_sample" in names
    assert not loader_threads()


@pytest.mark.parametrize("num_workers", [1, 4])
@pytest.mark.parametrize("wanted", [0, 1, 3])
def test_threads_end_with_the_loop(num_workers, wanted):
    loader = DataLoader(Noisy(), 1, num_workers=num_workers, prefetch=6)
    batches = iter(loader)
    for _ in range(wanted):
        next(batches)
    del batches
    gc.collect()
    assert not loader_threads()
    for _ in loader:
        assert loader_threads()
    assert not loader_threads()


def test_prefetch_is_bounded_and_really_ahead():
    made = []

    class Counting(Noisy):
        def __len__(self):
            return 30

        def __getitem__(self, index):
            made.append(index)
            return index

    for number, _ in enumerate(DataLoader(Counting(), 1, num_workers=2, prefetch=4), start=1):
        expected = min(number + 4, 30)
        deadline = time.monotonic() + 10
        while len(made) < expected and time.monotonic() < deadline:
            time.sleep(0.001)
        assert len(made) == expected
        time.sleep(0.002)
        assert len(made) == expected


# --- settings ---


def test_batches_are_tensors():
    augment = transforms.Compose([transforms.ToFloat(16)])
    images, labels = next(iter(DataLoader(datasets.Digits(transform=augment), 32)))
    assert isinstance(images, tg.Tensor)
    assert (images.shape, images.dtype) == ((32, 1, 8, 8), np.float32)
    assert (labels.shape, labels.dtype) == ((32,), np.int64)
    assert not images.requires_grad


def test_getitems_may_give_samples():
    class Samples(Noisy):
        def __getitems__(self, indices):
            return [(np.zeros(2), i) for i in indices]

    zeros, index = next(iter(DataLoader(Samples(), 3)))
    assert zeros.shape == (3, 2)
    assert index.raw.tolist() == [0, 1, 2]


def test_collate_fn_gets_samples():
    loader = DataLoader(datasets.Digits(), 3, collate_fn=lambda samples: [s[1] for s in samples])
    assert next(iter(loader)) == datasets.Digits().labels[:3].tolist()


def test_sampler_sets_the_order():
    assert epoch(DataLoader(numbers(9), 2, sampler=[8, 0, 4])) == [[8, 0], [4]]

    class Reversed:
        def __iter__(self):
            return iter(batch_rng().permutation(9).tolist())

        def __len__(self):
            return 9

    def run():
        return epoch(DataLoader(numbers(9), 2, sampler=Reversed(), generator=tg.Generator(4)))

    assert run() == run()
    assert sorted(x for batch in run() for x in batch) == list(range(9))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"num_workers": -1}, "must be 0 or more, got -1"),
        ({"prefetch": -2}, "must be 0 or more, got 0 and -2"),
        ({"shuffle": True, "sampler": [0]}, "only one of them"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(numbers(4), **settings)


@pytest.mark.parametrize("name", ["batch_size", "num_workers", "prefetch"])
def test_counts_are_whole_numbers(name):
    with pytest.raises(TypeError, match=f"{name} must be a whole number, got '2'"):
        DataLoader(numbers(4), **{name: "2"})
    assert len(DataLoader(numbers(4), **{name: np.int64(2)})) in (2, 4)
