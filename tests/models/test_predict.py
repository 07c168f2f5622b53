import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models


def test_top_k():
    logits = tg.tensor([0.0, 2.0, 1.0])
    total = 1 + np.e + np.e**2
    best, second = models.top_k(logits, 2, ["a", "b", "c"])
    assert (best[0], second[0]) == ("b", "c")
    assert best[1] == pytest.approx(np.e**2 / total)
    assert second[1] == pytest.approx(np.e / total)
    batch = tg.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]], requires_grad=True)
    assert [[n for n, _ in row] for row in models.top_k(batch, 1)] == [[1], [0]]
    assert models.top_k(batch, 2, "abc")[0] == models.top_k(logits, 2, "abc")


@pytest.mark.parametrize(
    ("logits", "settings", "words"),
    [
        (tg.zeros(3), {"k": 4}, "k is from 1 to the number of classes, 3, got 4"),
        (tg.zeros(3), {"k": 0}, "got 0"),
        (tg.zeros(3), {"k": 1, "classes": ["a"]}, "3 logits, but 1 classes"),
        (tg.zeros(1, 1, 3), {}, r"logits \(C,\) or \(N, C\), got shape \(1, 1, 3\)"),
    ],
)
def test_top_k_of_what_is_none(logits, settings, words):
    with pytest.raises(ValueError, match=words):
        models.top_k(logits, **settings)
