"""The commands on a folder of pictures: from weights in a file to names of what is in a picture."""

import re

import pytest
from pictures import COLOURS, bytes_of, write_folder, write_picture

import tinygrad_cnn as tg
from tinygrad_cnn import models
from tinygrad_cnn.cli import main
from tinygrad_cnn.io import load, save

pytest.importorskip("PIL.Image", reason="pictures need Pillow: install pillow")

QUICK = ("--epochs", "2", "--batch-size", "8", "--workers", "0", "--lr", "0.01")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("pictures"), each=10)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    tg.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "resnet20.safetensors"
    save(models.resnet20().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def run(root, weights, tmp_path_factory):
    """The folder of a run that began with weights, one part frozen."""
    folder = tmp_path_factory.mktemp("runs") / "colours"
    options = ("--weights", weights, "--freeze", "conv1,bn1, layer1", "--augment", "flip")
    argv = ("train", "resnet20", "--data", f"folder:{root}", *options, *QUICK, "--output", folder)
    assert main([str(word) for word in argv]) == 0
    return folder


def test_what_is_said_and_kept(command, root, weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ("--weights", weights, "--freeze", "conv1,bn1,layer1")
    code, out, err = command("train", "resnet20", "--data", f"folder:{root}", *options, *QUICK)
    assert (code, err) == (0, "")
    head, *epochs, accuracy, _, hint = out.splitlines()
    assert head == (
        f"resnet20 (269,267 parameters, 14,480 of them frozen) on folder:{root}: 3 classes, "
        "24 images for training, 6 for the test; seed 0"
    )
    assert len(epochs) == 2
    assert re.match(r"accuracy on the 6 pictures held out: \d", accuracy)
    place = f"runs/resnet20-{root.name}/checkpoint.safetensors"
    assert hint.endswith(f"predict {place} PICTURE")
    settings = load(place)["settings"]
    assert settings["classes"] == tuple(sorted(COLOURS))
    assert settings["freeze"] == ("conv1", "bn1", "layer1")
    assert settings["head_lr_factor"] == 10
    assert settings["augment"] == ("crop", "flip")


def test_resume(command, run, root):
    code, out, _ = command(
        "train", "resnet20", "--data", f"folder:{root}", "--resume", "--output", run
    )
    assert code == 0
    assert "going on after epoch 2 of 2" in out
    resume = ("train", "resnet20", "--resume", "--output", run, "--data", f"folder:{root}")
    code, _, err = command(*resume, "--freeze", "layer2")
    assert code == 2
    assert "was begun with freeze ('conv1', 'bn1', 'layer1'), not ('layer2',)" in err


def test_resume_from_any_folder_by_any_path(command, run, root, monkeypatch):
    monkeypatch.chdir(root.parent)
    data = ("--data", f"folder:{root.name}")
    assert command("train", "resnet20", *data, "--resume", "--output", run)[0] == 0
    assert command("evaluate", run, *data)[1].startswith("resnet20 on 6 test images")


def test_from_scratch_with_all_augmentation(command, root, tmp_path):
    options = ("--augment", "--val-split", "0.5", "--output", tmp_path / "run")
    code, out, err = command("train", "resnet20", "--data", f"folder:{root}", *QUICK, *options)
    assert (code, err) == (0, "")
    assert "15 images for training, 15 for the test" in out
    settings = load(tmp_path / "run" / "checkpoint.safetensors")["settings"]
    assert settings["augment"] == ("crop", "flip", "jitter", "pca")
    assert (settings["weights"], settings["head_lr_factor"]) == ("", 1)


def test_evaluate(command, run, root, tmp_path):
    entry = load(run / "checkpoint.safetensors")["history"][-1]
    code, out, err = command("evaluate", run)
    assert (code, err) == (0, "")
    assert out == (
        f"resnet20 on 6 test images of folder:{root}\n"
        f"accuracy {entry['test_accuracy']:.2%}  loss {entry['test_loss']:.4f}\n"
    )
    out = command("evaluate", run, "--ten-crop")[1]
    assert re.match(rf"resnet20 on 6 test images of folder:{root}\naccuracy [\d.]+%  loss \d", out)
    write_folder(tmp_path, each=2)
    out = command("evaluate", run, "--data", f"folder:{tmp_path}")[1]
    assert out.startswith(f"resnet20 on 6 test images of folder:{tmp_path}\n")


def test_predict(command, run, root):
    code, out, err = command("predict", run, root / "red" / "0.jpg", "--top", "2")
    assert (code, err) == (0, "")
    head, *lines = out.splitlines()
    assert head == f"{root}/red/0.jpg:"
    found = [re.match(r" *(\w+) +(\d+\.\d\d)%(?: #+)?$", line).groups() for line in lines]
    assert len(found) == 2
    assert {name for name, _ in found} < set(COLOURS)
    assert float(found[0][1]) >= float(found[1][1])
    everything = command("predict", run, root / "red" / "0.jpg")[1]
    assert len(everything.splitlines()) == 4


def test_predict_by_published_weights(command, tmp_path, monkeypatch):
    """A file as torchvision publishes it, with random numbers; a smaller network stands in."""

    def small(num_classes=1000, in_channels=3):
        return tg.nn.Sequential(
            tg.nn.AdaptiveAvgPool2d(2), tg.nn.Flatten(), tg.nn.Linear(12, num_classes)
        )

    monkeypatch.setattr(models, "resnet18", small)
    save(small().state_dict(), tmp_path / "file.safetensors")
    write_picture(tmp_path / "cat.png", bytes_of(0, 30, 40, 3))
    argv = ("predict", "resnet18", tmp_path / "cat.png", "--weights", tmp_path / "file.safetensors")
    code, out, err = command(*argv, "--top", "3")
    assert (code, err) == (0, "")
    names = [re.match(r" *(.+?) +\d+\.\d\d%", line)[1] for line in out.splitlines()[1:]]
    assert len(names) == 3
    assert set(names) < set(models.weights.classes())
    code, _, err = command("predict", "resnet6", "cat.png", "--weights", "file")
    assert (code, "with --weights the model is named" in err) == (2, True)
    code, _, err = command("predict", "resnet18", "--index", "1", "--weights", "file")
    assert (code, "give picture files" in err) == (2, True)


def test_what_is_refused(command, run, root, tmp_path):
    def refused(*argv):
        code, _, err = command(*argv)
        assert code == 2
        assert "Traceback" not in err
        return err

    train = ("train", "resnet20", "--output", tmp_path / "run")
    data = (*train, "--data", f"folder:{root}")
    assert "there is no folder nowhere" in refused(*train, "--data", "folder:nowhere")
    assert "'flowers' is not one of digits, mnist" in refused(*train, "--data", "flowers")
    assert "no parameters in 'layer9'" in refused(*data, "--freeze", "layer1,layer9")
    assert "there is no such file" in refused(*data, "--weights", tmp_path / "no.pth")
    assert "'blur' is not one of crop, flip, jitter, pca, none" in refused(
        *data, "--augment", "blur"
    )
    assert "'1.5' is not a share between 0 and 1" in refused(*data, "--val-split", "1.5")
    assert "--split is for digits" in refused(*data, "--split", "writers")
    assert "--freeze is for pictures" in refused("train", "lenet5", "--freeze", "c1")
    assert "lenet5 with weights on digits" in refused("train", "lenet5", "--weights", "x")
    assert "there is no recipe for resnet20 on digits" in refused(*train)
    assert "--index is for data sets" in refused("predict", run, "--index", "1")
    assert "there is no such file" in refused("predict", run, tmp_path / "no.png")
    assert "cannot be measured on digits" in refused("evaluate", run, "--data", "digits")


def test_ten_crops_are_of_pictures(command, run_folder):
    code, _, err = command("evaluate", run_folder, "--ten-crop")
    assert (code, "--ten-crop is for pictures in a folder, not for digits" in err) == (2, True)
