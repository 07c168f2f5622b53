"""The demo of filters on a photograph."""

import pytest

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: install matplotlib")


def test_sums_and_brightness(run, tmp_path):
    pytest.importorskip("sklearn", reason="the photograph is scikit-learn's: install scikit-learn")
    pytest.importorskip("PIL", reason="the photograph is read by pillow: install pillow")
    lines = run("photo_filters", "--fast").splitlines()[1:10]
    assert [line[22:].split()[0] for line in lines] == list("191110000")
    before, nine_times = [float(line.split()[-1]) for line in lines[:2]]
    assert nine_times == pytest.approx(9 * before, rel=0.01)
    assert (tmp_path / "filters.png").read_bytes().startswith(b"\x89PNG")


def test_without_scikit_learn_it_says_what_to_do(run, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install 'tinygrad_cnn\[demos\]'"):
        run("photo_filters")
