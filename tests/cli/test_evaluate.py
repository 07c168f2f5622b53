"""`evaluate`: the accuracy that training ended with, and accuracy on other data."""

import re

from tinygrad_cnn.io import load, save


def test_the_same_accuracy_as_in_training(command, run_folder):
    checkpoint = run_folder / "checkpoint.safetensors"
    entry = load(checkpoint)["history"][-1]
    for path in (run_folder, checkpoint):
        code, out, err = command("evaluate", path)
        assert (code, err) == (0, "")
        assert out == (
            "lenet5 on 360 test images of digits\n"
            f"accuracy {entry['test_accuracy']:.2%}  loss {entry['test_loss']:.4f}\n"
        )


def test_other_data(command, run_folder, few_images):
    code, out, _ = command("evaluate", run_folder, "--data", "mnist")
    assert code == 0
    assert re.match(r"lenet5 on 50 test images of mnist\naccuracy \d", out)


def test_what_is_refused(command, run_folder, tmp_path):
    code, _, err = command("evaluate", tmp_path / "nothing")
    assert (code, "there is no such file" in err) == (2, True)
    save({"weight": 1.0}, tmp_path / "weights")
    code, _, err = command("evaluate", tmp_path / "weights")
    assert (code, "is no checkpoint of a training run" in err) == (2, True)
    code, _, err = command("evaluate", run_folder, "--data", "mnist", "--root", tmp_path)
    assert (code, "pass --download" in err) == (2, True)
