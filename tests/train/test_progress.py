"""Progress: a line an epoch, and on a terminal a bar."""

import io
import re
import sys

import pytest

from tinygrad_cnn.train import Callback, progress
from tinygrad_cnn.train.progress import epoch_line, progress_of_test
from tinygrad_cnn.train.trainer import measure


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines(new_trainer):
    stream = io.StringIO()
    new_trainer(callbacks=[progress(stream)]).fit(2)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    shape = r"epoch 1/2  loss \d\.\d{4}  accuracy +\d+\.\d\d%  test +\d+\.\d\d%  [\d,]+ images/s"
    assert re.fullmatch(shape, lines[0])


def test_a_bar_on_a_terminal(new_trainer, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    new_trainer(callbacks=[progress(stream)]).fit(2)
    text = stream.getvalue()
    assert "\x1b[" in text  # the bar is drawn over and over
    assert len(re.findall(r"epoch [12]/2  loss \d\.\d{4}  accuracy", text)) == 2
    assert "\x1b[?25h" in text  # the cursor is back


def test_a_bar_goes_on_where_the_run_does(new_trainer):
    stream = Terminal()
    trainer = new_trainer()
    trainer.fit(1)
    live = progress(stream)
    trainer.callbacks.append(live)
    trainer.fit(2)
    [task] = live.bar.tasks
    assert (task.completed, task.total) == (8, 8)


def test_the_cursor_is_there_while_the_bar_is(new_trainer):
    """A process that is killed leaves the terminal as it is then."""

    class Look(Callback):
        def step_ended(self, trainer, tally):
            seen.append(stream.getvalue())

    seen = []
    stream = Terminal()
    new_trainer(callbacks=[progress(stream), Look()]).fit(1)
    assert seen[0].rindex("\x1b[?25h") > seen[0].rindex("\x1b[?25l")


def test_the_test_is_on_the_bar(new_trainer):
    class Look(Callback):
        def test_step_ended(self, trainer, tally):
            seen.append(live.bar.tasks[0].fields["what"])

    seen = []
    live = progress(Terminal())
    new_trainer(callbacks=[live, Look()]).fit(2)
    assert seen == ["epoch 1/2, test 100%", "epoch 2/2, test 100%"]


def test_a_bar_over_a_test_alone(new_trainer, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    trainer = new_trainer()
    stream = Terminal()
    with progress_of_test(60, stream) as tell:
        measure(trainer.model, trainer.test_loader, tell=tell)
    assert "test" in stream.getvalue()
    with progress_of_test(60, io.StringIO()) as tell:
        assert tell is None


@pytest.mark.parametrize(("loss", "text"), [(0.5, "0.5000"), (1.1397e32, "1.1397e+32")])
def test_losses_are_short(new_trainer, loss, text):
    trainer = new_trainer()
    entry = {"epoch": 1, "loss": loss, "accuracy": 0.5, "images_per_second": 1.0}
    trainer.history = [entry]
    assert epoch_line(trainer, 1) == f"epoch 1/1  loss {text}  accuracy  50.00%  1 images/s"


def test_without_a_standard_output(new_trainer, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert new_trainer(callbacks=[progress()]).fit(1)
    with progress_of_test(60) as tell:
        assert tell is None


def test_standard_output(new_trainer, capsys):
    new_trainer(callbacks=[progress()]).fit(1)
    assert capsys.readouterr().out.startswith("epoch 1/1  loss")
