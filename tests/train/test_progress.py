"""Progress: a line an epoch, and on a terminal a bar."""

import io
import re

from tinygrad_cnn.train import progress


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


def test_standard_output(new_trainer, capsys):
    new_trainer(callbacks=[progress()]).fit(1)
    assert capsys.readouterr().out.startswith("epoch 1/1  loss")
