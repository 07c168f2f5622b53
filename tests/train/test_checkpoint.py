"""Checkpoints: a run that goes on from one is the run that was never interrupted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.io import save
from tinygrad_cnn.train import Callback, Checkpoints, load_checkpoint, restore, state_of

EPOCHS = 4


class StopAt(Callback):
    """Ctrl-C after so many steps in all."""

    def __init__(self, steps):
        self.left = steps

    def step_ended(self, trainer, tally):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def stop(*what):
    raise KeyboardInterrupt


def same(x, y):
    """Whether two checkpoints are the same, bit by bit, but for times."""
    if isinstance(x, dict):
        timeless = x.keys() - {"seconds", "images_per_second"}
        return x.keys() == y.keys() and all(same(x[k], y[k]) for k in timeless)
    if isinstance(x, (list, tuple)):
        return len(x) == len(y) and all(map(same, x, y))
    if isinstance(x, tg.Tensor):
        return x.dtype == y.dtype and np.array_equal(x.raw, y.raw)
    return x == y


@given(steps=st.integers(4, 15), optimizer=st.sampled_from(["sgd", "adam"]))
@settings(max_examples=12)
def test_a_killed_run_goes_on_bit_by_bit(new_trainer, tmp_path_factory, steps, optimizer):
    path = tmp_path_factory.mktemp("run") / "new" / "checkpoint"
    whole = new_trainer(optimizer)
    whole.fit(EPOCHS)
    expected = state_of(whole, {})
    killed = new_trainer(optimizer, callbacks=[Checkpoints(path, {}), StopAt(steps)])
    with pytest.raises(KeyboardInterrupt):
        killed.fit(EPOCHS)
    resumed = new_trainer(optimizer, seed=99)
    restore(resumed, load_checkpoint(path))
    assert resumed.epoch == steps // 4
    resumed.fit(EPOCHS)
    assert same(state_of(resumed, {}), expected)


def test_without_a_schedule(new_trainer, tmp_path):
    def plain(seed=0):
        trainer = new_trainer(seed=seed)
        trainer.scheduler = None
        return trainer

    whole = plain()
    whole.fit(2)
    expected = state_of(whole, {})
    first = plain()
    first.fit(1)
    save(state_of(first, {}), tmp_path / "checkpoint")
    second = plain(seed=7)
    restore(second, load_checkpoint(tmp_path / "checkpoint"))
    second.fit(2)
    assert same(state_of(second, {}), expected)


def test_one_file_that_is_always_whole(new_trainer, tmp_path):
    path = tmp_path / "runs" / "a" / "checkpoint"
    trainer = new_trainer(callbacks=[Checkpoints(path, {"note": "mine"})])
    trainer.fit(2)
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint"]
    checkpoint = load_checkpoint(path)
    assert len(checkpoint["history"]) == 2
    assert checkpoint["settings"] == {"note": "mine"}


def test_what_is_no_checkpoint(tmp_path):
    save({"model": {}, "history": []}, tmp_path / "model")
    with pytest.raises(ValueError, match=r"no checkpoint.*has no settings, optimizer"):
        load_checkpoint(tmp_path / "model")
    save([1, 2], tmp_path / "list")
    with pytest.raises(ValueError, match="no checkpoint"):
        load_checkpoint(tmp_path / "list")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="cannot load"):
        load_checkpoint(tmp_path / "text")
    with pytest.raises(FileNotFoundError, match="nothing"):
        load_checkpoint(tmp_path / "nothing")


def test_a_checkpoint_of_another_model(new_trainer, points, tmp_path):
    trainer = new_trainer()
    state = state_of(trainer, {})
    state["model"] = {"weight": tg.zeros(1)}
    with pytest.raises(RuntimeError, match="Missing key"):
        restore(new_trainer(), state)


def test_within_an_epoch_once_a_minute(new_trainer, tmp_path, monkeypatch):
    """The file follows the run from the first step on, if a minute is short enough."""
    path = tmp_path / "checkpoint"
    saved = Checkpoints(path, {})
    trainer = new_trainer()
    saved.fit_began(trainer, EPOCHS)
    saved.step_ended(trainer, None)
    assert saved.place is None
    assert not path.exists()
    monkeypatch.setattr("tinygrad_cnn.train.checkpoint.SECONDS", 0.0)
    monkeypatch.setattr(saved, "fit_ended", lambda trainer: None)  # as if killed
    with pytest.raises(KeyboardInterrupt):
        new_trainer(callbacks=[saved, StopAt(2)]).fit(EPOCHS)
    assert saved.place == (0, 3)
    whole = new_trainer()
    whole.fit(EPOCHS)
    expected = state_of(whole, {})
    resumed = new_trainer(seed=5)
    restore(resumed, load_checkpoint(path))
    assert resumed.tally.images == 48
    resumed.fit(EPOCHS)
    assert same(state_of(resumed, {}), expected)


@pytest.mark.parametrize("steps", [0, 2, 3, 5])
def test_what_was_done_is_kept_at_ctrl_c(new_trainer, tmp_path, steps):
    saved = Checkpoints(tmp_path / "checkpoint", {})
    with pytest.raises(KeyboardInterrupt):
        new_trainer(callbacks=[saved, StopAt(steps)]).fit(EPOCHS)
    assert saved.place == (steps // 4, steps % 4 + 1)
    whole = new_trainer()
    whole.fit(EPOCHS)
    expected = state_of(whole, {})
    resumed = new_trainer(seed=5)
    restore(resumed, load_checkpoint(saved.path))
    resumed.fit(EPOCHS)
    assert same(state_of(resumed, {}), expected)


def test_nothing_is_kept_of_no_step_or_half_a_step(new_trainer, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint"
    trainer = new_trainer(callbacks=[Checkpoints(path, {})])
    monkeypatch.setattr(trainer, "train_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(1)
    trainer = new_trainer(callbacks=[Checkpoints(path, {})])
    monkeypatch.setattr(trainer.optimizer, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(1)
    assert not path.exists()


# --- without a file ---


class StopInTest(Callback):
    """Ctrl-C in the test at the end of an epoch."""

    test_step_ended = stop


@pytest.mark.parametrize("steps", [0, 2, 3, 6, None])
def test_fit_goes_on_within_the_epoch_that_was_left(new_trainer, steps):
    whole = new_trainer()
    whole.fit(EPOCHS)
    expected = state_of(whole, {})
    trainer = new_trainer(callbacks=[StopInTest() if steps is None else StopAt(steps)])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(EPOCHS)
    trainer.callbacks.clear()
    trainer.fit(EPOCHS)
    assert same(state_of(trainer, {}), expected)


def test_a_step_that_was_broken_off_is_done_again(new_trainer, monkeypatch):
    """Before the optimiser's step nothing is lost, and the schedule does not run out."""
    whole = new_trainer()
    whole.fit(EPOCHS)
    expected = state_of(whole, {})
    trainer = new_trainer()
    with monkeypatch.context() as patch:
        patch.setattr(trainer.optimizer, "step", stop)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(EPOCHS)
    trainer.fit(EPOCHS)
    assert same(state_of(trainer, {}), expected)


def test_a_step_that_diverged_is_not_one_too_many(new_trainer, monkeypatch):
    trainer = new_trainer()
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "step", lambda *batch: (tg.tensor(np.nan), None))
        with pytest.raises(RuntimeError, match="the loss became nan"):
            trainer.fit(EPOCHS)
    assert not trainer.whole
    trainer.fit(EPOCHS)
    assert trainer.scheduler.last_epoch == 4 * EPOCHS


def test_a_pause_takes_no_time(new_trainer, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    trainer = new_trainer(callbacks=[StopAt(2)])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(1)
    clock[0] = 1000.0
    assert trainer.tally.seconds() == 0.0
