"""The section of `gpu_day` that says what it costs to feed a network from the host.

Not yet run on a GPU.
"""

import time
from collections.abc import Callable
from typing import Any

from .turns import turns


def feeding(report: Any) -> None:
    """Training on images that come from the host, as bytes, and on images that are there."""
    import numpy as np

    import tinygrad_cnn as tg
    from tinygrad_cnn.data import DataLoader, DevicePrefetcher, TensorDataset, device_transforms

    from .networks import our_network

    name, batch, side, count = ("lenet", 8, 28, 5) if report.quick else ("resnet50", 128, 224, 25)
    channels = 1 if name == "lenet" else 3
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch * 4, channels, side, side), dtype=np.uint8)
    data = TensorDataset(tg.tensor(images), tg.tensor(rng.integers(0, 10, len(images))))
    transform = device_transforms.Compose(
        [device_transforms.RandomHorizontalFlip(), device_transforms.Normalize(0.5, 0.25)]
    )
    model = our_network(name).to("cuda")
    optimizer = tg.optim.SGD(model.parameters(), lr=0.01)

    def step(images: Any, labels: Any) -> None:
        optimizer.zero_grad()
        tg.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    def fed() -> int:
        done = 0
        while done < count:
            loader = DataLoader(data, batch, shuffle=True, num_workers=4, pin_memory=True)
            for pair in DevicePrefetcher(loader, "cuda", transform):
                step(*pair)
                done += 1
        return done

    there = next(iter(DevicePrefetcher(DataLoader(data, batch), "cuda", transform)))
    step(*there)

    def kept() -> int:
        for _ in range(count):
            step(*there)
        return count

    def seconds(work: Callable[[], int]) -> float:
        tg.cuda.synchronize()
        start = time.perf_counter()
        done = work()
        tg.cuda.synchronize()
        return (time.perf_counter() - start) / done

    found = turns({"fed": lambda: seconds(fed), "kept": lambda: seconds(kept)}, 2, 1)
    fed_time, kept_time = (min(found[name]) for name in ("fed", "kept"))
    report.add("images on the GPU, images/s", batch / kept_time)
    report.add("images from the host, images/s", batch / fed_time)
    lost = fed_time / kept_time - 1
    report.add("time lost to feeding", lost, "< 0.05", lost < 0.05)
