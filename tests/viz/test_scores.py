"""What a classifier gets wrong, as pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz
from tinygrad_cnn.data import DataLoader, TensorDataset

pytest.importorskip("matplotlib", reason="plots are drawn by matplotlib: install matplotlib")


def counts_in(place, size):
    """The counts that are written into the cells."""
    counts = np.zeros((size, size), int)
    for text in place.texts:
        j, i = text.get_position()
        counts[i, j] = int(text.get_text())
    return counts


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_every_answer_is_counted_once(pairs):
    true, said = np.array(pairs).T
    plot = viz.confusion_matrix(said, true, classes="abcd")
    counts = counts_in(plot.axes[0], 4)
    assert counts.sum() == len(pairs)
    for i in range(4):
        for j in range(4):
            assert counts[i, j] == pairs.count((i, j))
    assert plot.axes[0].get_title(loc="left").startswith(f"{np.mean(true == said):.1%} of")


def test_scores_count_by_their_largest():
    outputs = tg.tensor([[0.1, 3.0, 0.2], [5.0, 1.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.1, 2.0]])
    plot = viz.confusion_matrix(outputs, tg.tensor([1, 0, 2, 2]))
    place = plot.axes[0]
    assert counts_in(place, 3).tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert [t.get_text() for t in place.get_yticklabels()] == ["0", "1", "2"]
    blue, orange = np.asarray(place.images[0].get_array())[[0, 2], [0, 1]]
    assert blue[2] > blue[0]  # right
    assert orange[0] > orange[2]  # wrong


def test_many_classes_have_colours_alone():
    numbers = np.arange(40).repeat(2)
    place = viz.confusion_matrix(numbers, numbers).axes[0]
    assert not place.texts
    assert len(place.get_xticks()) == 20


@pytest.mark.parametrize(
    ("outputs", "labels", "classes", "words"),
    [
        ([1, 2], [1], None, r"belong together, got \(2,\) and \(1,\)"),
        ([], [], None, "not one image"),
        ([0, 1], [0, 1], ["a"], "classes go from 0 to 0, got 1"),
        ([0, -1], [0, 1], None, "classes go from 0 to 1, got -1"),
        (tg.zeros(2, 2, 2), [0, 1], None, "belong together"),
    ],
)
def test_answers_that_do_not_fit(outputs, labels, classes, words):
    with pytest.raises(ValueError, match=words):
        viz.confusion_matrix(outputs, labels, classes=classes)


def test_wrong_images_the_surest_first(tmp_path):
    images = tg.arange(5.0).reshape(5, 1, 1, 1) + tg.randn(5, 1, 4, 4) * 0.1
    outputs = tg.tensor([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0], [0.0, 0.5], [3.0, 0.0]]).log_softmax(1)
    labels = tg.tensor([0, 1, 0, 1, 0])  # 0, 1 and 2 are wrong
    plot = viz.misclassified(
        images, outputs, labels, classes=["cat", "dog"], path=tmp_path / "w.png"
    )
    shown = [p for p in plot.axes if p.get_visible()]
    texts = [[t.get_text() for t in p.texts] for p in shown]
    assert texts == [
        ["is cat", f"said dog  {1 / (1 + np.exp(-4)):.0%}"],
        ["is dog", f"said cat  {1 / (1 + np.exp(-2)):.0%}"],
        ["is cat", f"said dog  {1 / (1 + np.exp(-1)):.0%}"],
    ]
    image = images.numpy()[2, 0]
    stretched = (image - image.min()) / (image.max() - image.min())
    assert np.allclose(shown[0].images[0].get_array(), stretched)
    assert plot.get_suptitle() == "3 of 5 are wrong"
    assert (tmp_path / "w.png").exists()


def test_probabilities_are_taken_as_they_are():
    outputs = [[0.25, 0.75], [0.9, 0.1]]
    plot = viz.misclassified(np.zeros((2, 3, 2, 2)), outputs, [0, 1], most=1, probabilities=True)
    assert plot.axes[0].texts[1].get_text() == "said 0  90%"
    assert plot.get_suptitle() == "2 of 2 are wrong, the 1 surest of them here"


def test_nothing_is_wrong():
    plot = viz.misclassified(np.zeros((1, 1, 2, 2)), [[1.0, 0.0]], [0])
    assert plot.get_suptitle() == "0 of 1 are wrong"
    assert not [p for p in plot.axes if p.get_visible()]


def test_images_that_do_not_fit():
    with pytest.raises(ValueError, match="how sure each answer is"):
        viz.misclassified(np.zeros((2, 1, 2, 2)), [0, 1], [1, 0])
    with pytest.raises(ValueError, match=r"\(N, C, H, W\) with N = 2, got \(2, 2, 2\)"):
        viz.misclassified(np.zeros((2, 2, 2)), [[0, 1], [1, 0]], [1, 0])
    with pytest.raises(ValueError, match="most is at least 1"):
        viz.misclassified(np.zeros((1, 1, 2, 2)), [[0, 1]], [1], most=0)


def test_predictions_of_a_loader():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Dropout(0.9))
    images, labels = tg.randn(7, 1, 2, 2), tg.arange(7) % 3
    found = viz.predictions(model, DataLoader(TensorDataset(images, labels), 3))
    assert np.array_equal(found.images.numpy(), images.numpy())
    assert np.array_equal(found.labels.numpy(), labels.numpy())
    wanted = model[:2](images)  # without dropout
    assert np.allclose(found.outputs.numpy(), wanted.detach().numpy(), rtol=1e-6)
    assert model[2].training
    viz.confusion_matrix(found.outputs, found.labels)
    viz.misclassified(*found)


def test_what_cannot_be_predicted():
    model = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="no batch"):
        viz.predictions(model, [])
    with pytest.raises(TypeError, match=r"a pair \(images, labels\)"):
        viz.predictions(model, [tg.randn(2, 2)])
    assert model.training
