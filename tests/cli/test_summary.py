"""`tinygrad-cnn summary`."""

import pytest

from tinygrad_cnn.cli import main


@pytest.mark.parametrize(("model", "total"), [("lenet5", "60,850"), ("lenet", "61,706")])
def test_the_command(capsys, model, total):
    assert main(["summary", model]) == 0
    assert total in capsys.readouterr().out


def test_an_unknown_model(capsys):
    with pytest.raises(SystemExit):
        main(["summary", "lenet6"])
    assert "lenet6" in capsys.readouterr().err
