"""Data sets and how they combine; how samples become a batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.data import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from tinygrad_cnn.data.dataset import collate, take


class Numbers(Dataset):
    """The numbers from start to stop."""

    def __init__(self, start, stop):
        self.numbers = range(start, stop)

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, index):
        return self.numbers[index]


def test_tensor_dataset_gives_rows():
    images = np.arange(12, dtype=np.float32).reshape(4, 3)
    labels = np.array([3, 1, 0, 2])
    data = TensorDataset(tg.Tensor(images), labels)
    assert len(data) == 4
    image, label = data[2]
    assert image.tolist() == [6, 7, 8]
    assert label == 0
    batch = data.__getitems__([2, 0])
    np.testing.assert_array_equal(batch[0].raw, images[[2, 0]])
    np.testing.assert_array_equal(batch[1].raw, [0, 3])
    assert not np.shares_memory(data.__getitems__([0, 1, 2, 3])[0].raw, images)


def test_tensor_dataset_lengths():
    with pytest.raises(ValueError, match=r"one common length, got lengths \[3, 2\]"):
        TensorDataset(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match=r"\[\]"):
        TensorDataset()


def test_base_class_asks_for_its_methods():
    with pytest.raises(NotImplementedError, match=r"Empty.*__getitem__"):
        type("Empty", (Dataset,), {})()[0]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5))
def test_concat_is_the_concatenation(sizes):
    ends = np.cumsum(sizes).tolist()
    data = ConcatDataset([Numbers(end - n, end) for end, n in zip(ends, sizes, strict=True)])
    total = ends[-1]
    assert len(data) == total
    assert [data[i] for i in range(total)] == list(range(total))
    assert [data[i - total] for i in range(total)] == list(range(total))
    for outside in (total, -total - 1):
        with pytest.raises(IndexError, match=f"index {outside} "):
            data[outside]


def test_concat_of_nothing():
    with pytest.raises(ValueError, match="at least one"):
        ConcatDataset([])


def test_sum_of_data_sets():
    assert list(Numbers(0, 2) + Numbers(5, 7)) == [0, 1, 5, 6]


@given(st.lists(st.integers(0, 9), max_size=8))
def test_subset_of_either_kind(indices):
    slow = Subset(Numbers(10, 20), indices)
    fast = Subset(TensorDataset(np.arange(10, 20)), indices)
    expected = [10 + i for i in indices]
    assert [slow[i] for i in range(len(slow))] == expected
    places = list(range(len(indices)))
    assert take(slow, places) == expected
    assert take(fast, places)[0].raw.tolist() == expected


@given(
    total=st.integers(0, 40), weights=st.lists(st.integers(0, 9), min_size=1, max_size=5), seed=...
)
def test_random_split_parts_the_whole(total, weights, seed: int):
    shares = [w / sum(weights) for w in weights] if sum(weights) else [1.0]
    parts = random_split(Numbers(0, total), shares, tg.Generator(seed))
    assert sorted(x for part in parts for x in part) == list(range(total))
    for part, share in zip(parts, shares, strict=True):
        assert abs(len(part) - share * total) <= len(shares)
    counts = [len(part) for part in parts]
    if counts != [1]:  # a lone 1 is a share, as for PyTorch
        again = random_split(Numbers(0, total), counts, tg.Generator(seed))
        assert [list(p) for p in again] == [list(p) for p in parts]


@pytest.mark.parametrize("lengths", [[3, 3], [0.5, 0.6], [-1, 6], []])
def test_random_split_wrong_sum(lengths):
    with pytest.raises(ValueError, match="must sum to 1 or to the 5 samples"):
        random_split(Numbers(0, 5), lengths)


def test_collate_keeps_the_nest():
    image = np.ones((1, 2, 2), np.float32)
    sample = {"image": image, "box": (1, 2.5), "flags": [True, np.int16(3)], "name": "a"}
    batch = collate([sample, sample, sample])
    assert batch["image"].shape == (3, 1, 2, 2)
    assert batch["name"] == ["a", "a", "a"]
    dtypes = [t.dtype for t in (batch["image"], *batch["box"], *batch["flags"])]
    assert dtypes == ["float32", "int64", "float32", "bool", "int16"]
    assert isinstance(batch["box"], tuple)
    assert isinstance(batch["flags"], list)


def test_collate_stacks_tensors():
    batch = collate([tg.Tensor(np.full(2, i, np.float32)) for i in range(3)])
    np.testing.assert_array_equal(batch.raw, [[0, 0], [1, 1], [2, 2]])


def test_collate_of_different_shapes_says_so():
    with pytest.raises(ValueError, match=r"shapes \[\(1, 2\), \(1, 3\)\]; resize or pad"):
        collate([np.zeros((1, 3)), np.zeros((1, 2))])
