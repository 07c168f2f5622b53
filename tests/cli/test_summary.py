"""`tinygrad-cnn summary`."""

import json
from pathlib import Path

import pytest

from tinygrad_cnn import models
from tinygrad_cnn.cli import main


@pytest.mark.parametrize(("model", "total"), [("lenet5", "60,850"), ("lenet", "61,706")])
def test_the_command(capsys, model, total):
    assert main(["summary", model]) == 0
    assert total in capsys.readouterr().out


def test_depth_batch_and_input_size(capsys):
    options = ["--depth", "1", "--batch-size", "8", "--input-size", "3x64x64"]
    assert main(["summary", "resnet50", *options]) == 0
    out = capsys.readouterr().out
    assert "ResNet on inputs of 3×64×64; bytes for a batch of 8." in out
    assert "layer4 " in out
    assert "    0 " not in out


def test_settings_and_markdown(capsys):
    assert main(["summary", "lenet5", "--set", "output=rbf", "--markdown", "--formulas"]) == 0
    out = capsys.readouterr().out
    assert "| **total** |  |  |  | **60,000** | **340,908** |" in out
    assert "| c1 | (32 − 5 + 2·0)/1 + 1 = 28 | 6 · (5·5·1 + 1) = 156 |" in out
    assert main(["summary", "resnet18", "--set", "num_classes=10", "--depth", "0"]) == 0
    assert "(10,)" in capsys.readouterr().out


def test_formulas(capsys):
    assert main(["summary", "alexnet", "--formulas"]) == 0
    out = capsys.readouterr().out
    assert "(227 − 11 + 2·0)/4 + 1 = 55" in out
    assert "96 · (11·11·3 + 1) = 34,944" in out


def test_json(capsys):
    assert main(["summary", "resnet50", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["multiply_adds"] == 4_089_184_256


def test_help_names_every_model(capsys):
    with pytest.raises(SystemExit):
        main(["summary", "--help"])
    words = capsys.readouterr().out.replace(",", " ").replace(".", " ").split()
    assert set(models.INPUT_SIZES) <= set(words)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["lenet6"], "there is no model 'lenet6'; did you mean lenet"),
        (["???"], "there is no model '???'; see --help for all of them"),
        (["lenet5", "--input-size", "1,a"], "'1,a' is no shape such as 3,224,224"),
        (["lenet5", "--input-size", "1,0,3"], "'1,0,3' is no shape"),
        (["lenet5", "--batch-size", "0"], "whole number of at least 1"),
        (["lenet5", "--set", "output"], "'output' is no setting such as num_classes=10"),
        (["lenet5", "--json", "--markdown"], "not allowed with"),
    ],
)
def test_wrong_arguments(capsys, args, sentence):
    with pytest.raises(SystemExit) as left:
        main(["summary", *args])
    assert left.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["lenet5", "--set", "width=3"], "takes the settings num_classes, in_channels, output"),
        (["lenet5", "--set", "output=tanh"], "output is 'softmax' or 'rbf', got 'tanh'"),
        (["lenet5", "--set", "num_classes=abc"], "num_classes is a whole number, such as 10, got"),
        (["lenet5", "--set", "num_classes=1.5"], "num_classes is a whole number"),
        (["alexnet", "--set", "dropout=a"], "dropout is a number, such as 0.5, got 'a'"),
        (["googlenet", "--set", "aux_logits=0"], "aux_logits is True or False"),
        (["lenet5", "--input-size", "1,28,28"], "expected images of 32 x 32"),
        (["lenet5", "--input-size", f"1,{10**11},{10**11}"], "give a smaller --input-size"),
        (["lenet5", "--batch-size", f"{10**400}"], "that can be counted"),
    ],
)
def test_settings_and_sizes_that_do_not_fit(capsys, args, sentence):
    assert main(["summary", *args]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        "summary lenet5 --set output=rbf --markdown --formulas",
        "summary alexnet --markdown --formulas",
    ],
)
def test_the_tables_of_the_documentation(capsys, command):
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    assert main(command.split()) == 0
    assert f"by `tinygrad-cnn {command}`:\n\n{capsys.readouterr().out}" in text
