"""What sections measure is what they say: the same step everywhere, the work that is counted."""

import types

import numpy as np
import pytest

import tinygrad_cnn as tg
from benchmarks import libraries, limits, networks
from tinygrad_cnn.kernels import cpu

OPTIONS = types.SimpleNamespace(json=True, quick=True)


def test_all_libraries_find_the_same_losses(torch, capsys):
    threads = tg.get_num_threads()
    report = {"left out": {}}
    steps = libraries.contestants(report, OPTIONS)
    tg.set_num_threads(threads)
    assert {"ours", "PyTorch"} <= set(steps)
    assert set(steps) | set(report["left out"]) == set(libraries.LIBRARIES)
    said = capsys.readouterr().err
    assert all(f"{name} is left out: " in said for name in report["left out"])


@pytest.mark.skipif(not cpu.NUMBA, reason="Numba is not installed")
def test_limits(monkeypatch):
    monkeypatch.setattr(limits, "CALLS", 20)
    monkeypatch.setattr(limits, "SIZE", 1 << 17)
    assert limits.peak(1, 2)["best"] > 0.1
    found = limits.bandwidth(1, 2)
    assert set(found) == {"copy", "triad"}
    assert all(row["best"] >= row["median"] > 0 for row in found.values())


@pytest.mark.skipif(not cpu.NUMBA, reason="Numba is not installed")
def test_the_triad_is_computed():
    a, b, c = (np.full(256, i, np.float32) for i in range(3))
    from tinygrad_cnn.kernels.workers import address, run

    run(limits.workers()[2], 4, limits.Sweep(*map(address, (a, b, c)), 64))
    assert np.array_equal(a, np.full(256, 7, np.float32))


SMALL = [work for work in networks.WORKLOADS if work.network in ("lenet", "resnet20", "vgg11_bn")]


@pytest.mark.parametrize("network", ["lenet", "resnet20", "vgg11_bn"])
def test_pytorch_computes_the_same_networks(torch, network):
    """As many parameters, and the same outputs for the same weights."""
    pytest.importorskip("torchvision", reason="the blocks are torchvision's")
    work = next(work for work in SMALL if work.network == network)
    model, other = networks.our_network(network).eval(), networks.torch_network(network).eval()
    state = other.state_dict()
    own = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    theirs = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    pairs = zip(own.values(), theirs.values(), strict=True)
    assert [tuple(a.shape) for a, _ in pairs] == [tuple(v.shape) for v in theirs.values()]
    renamed = dict(zip(own, [tg.tensor(v.numpy()) for v in theirs.values()], strict=True))
    model.load_state_dict({**model.state_dict(), **renamed})
    x = np.random.default_rng(0).standard_normal((2, work.channels, work.side, work.side), "f4")
    with torch.no_grad(), tg.no_grad():
        expected = other(torch.from_numpy(x)).numpy()
        found = model(tg.tensor(x)).numpy()
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
