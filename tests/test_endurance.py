"""Long runs: memory that stays, and threads that do not disturb each other."""

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STATM = Path("/proc/self/statm")
STEPS = """
import gc, resource
from pathlib import Path
import tinygrad_cnn as tg
from tinygrad_cnn import nn

gc.disable()
model = nn.Sequential(
    nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    nn.Dropout(0.1), nn.Linear(8, 3),
)
optimizer = tg.optim.Adam(model.parameters())
x, target = tg.randn(4, 1, 6, 6), tg.tensor([0, 1, 2, 1])

def step():
    loss = nn.functional.cross_entropy(model(x), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

for _ in range(500):
    step()
before = resident()
for _ in range(10_000):
    step()
print(resident() - before)
"""


@pytest.mark.host("another process, which runs on the CPU")
@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="resident memory is read from Linux's /proc")
def test_ten_thousand_steps_without_the_garbage_collector_grow_less_than_5_mb():
    root = Path(tg.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", STEPS],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
    )
    assert int(done.stdout) < 5e6


def test_a_graph_dropped_without_backward_is_freed_at_once():
    x = tg.ones(1000, requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(20):
            y = x
            for _ in range(100):
                y = (y * x).tanh()
            del y
        assert len(gc.get_objects()) - before < 20
    finally:
        gc.enable()


def train(seed: int, losses: list, device: tg.device) -> None:
    """A model of its own, its losses step by step; now and then it is evaluated without a graph."""
    with device:  # each thread has a default of its own
        train_there(seed, losses)


def train_there(seed: int, losses: list) -> None:
    """As `train`, on the default device."""
    rng = np.random.default_rng(seed)
    x = tg.tensor(rng.standard_normal((8, 1, 8, 8)))
    target = tg.tensor(rng.integers(0, 3, 8))
    generator = tg.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten())
    model.append(nn.Linear(108, 3)).double()
    for p in model.parameters():
        p.data.copy_(tg.tensor(rng.standard_normal(p.shape) * 0.1))
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(30):
        hidden = tg.dropout(x, 0.2, generator=generator)
        loss = nn.functional.cross_entropy(model(hidden), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with tg.no_grad():
            assert not model(x).requires_grad
        losses.append(loss.item())


def test_two_threads_train_two_models_as_if_alone():
    device = tg.get_default_device()
    alone = [[], []]
    for seed in (0, 1):
        train(seed, alone[seed], device)
    together = [[], []]
    threads = [
        threading.Thread(target=train, args=(seed, together[seed], device)) for seed in (0, 1)
    ]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads change places often
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert together == alone
    assert all(len(losses) == 30 and losses[-1] < losses[0] for losses in alone)
