"""DataLoader: a data set, batch by batch, in a seeded order, made ahead by threads, resumable.

Nothing is remembered that can be computed: an epoch is one draw (seed, counter) of a generator, and
with it go the order of the samples and the random numbers of every batch (see draws.py). So a
position is that draw and the number of batches that were handed out.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from numbers import Integral
from typing import Any

import numpy as np

from ..random import Generator, default_generator, named
from ..tensor import Tensor
from .dataset import Dataset, collate, mapped, take
from .draws import drawing_from


@dataclass
class Epoch:
    """One time through the data: its draw, and how many of its batches were handed out."""

    draw: tuple[int, int]
    batch: int = 0


class DataLoader:
    """Batches of `dataset` as Tensors; each loop over the loader is one epoch.

    shuffle: a new order each epoch. sampler: an iterable of indices in place of shuffle. drop_last:
    leave out a last batch that is not full. collate_fn: makes the batch from a list of samples.
    num_workers: threads that make batches while the loop works on others; with 0 each is made when
    it is asked for. prefetch: batches made ahead, by default two per thread; given alone it means
    one thread. generator: where the epochs' draws come from, by default the library's own, which
    `manual_seed` restarts. pin_memory: batches lie where a GPU copies them from by itself, which a
    DevicePrefetcher then does beside other work; without a GPU it changes nothing.

    Batches are the same for any number of threads and any prefetch. What is random in a data set or
    a sampler keeps to that if it draws from `draws.batch_rng()`. An error in a thread is raised
    where the loop would have got the batch, with its own traceback; when a loop ends, early or not,
    its threads have ended too.

    Raises: ValueError for a batch size below 1, negative threads or prefetch, shuffle with sampler;
    TypeError where these are no whole numbers.
    Differs: workers are threads, not processes; no random number depends on their number.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        sampler: Iterable[int] | None = None,
        *,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        drop_last: bool = False,
        generator: Generator | None = None,
        prefetch: int | None = None,
        pin_memory: bool = False,
    ) -> None:
        counts = {"batch_size": batch_size, "num_workers": num_workers, "prefetch": prefetch}
        for name, count in counts.items():
            if not isinstance(count, Integral) and not (name == "prefetch" and count is None):
                raise TypeError(f"{name} must be a whole number, got {count!r}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if num_workers < 0 or (prefetch is not None and prefetch < 0):
            raise ValueError(
                f"num_workers and prefetch must be 0 or more, got {num_workers} and {prefetch}"
            )
        if shuffle and sampler is not None:
            raise ValueError("shuffle=True and a sampler both set the order; give only one of them")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.sampler = sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.generator = default_generator if generator is None else generator
        self.prefetch = 2 * num_workers if prefetch is None else prefetch
        self.pin_memory = pin_memory
        self.epoch = 0  # epochs that are over, finished or left early
        self.present: Epoch | None = None  # the latest that was begun and is not over
        self.resuming = False  # whether the next loop goes on in the present epoch

    def __len__(self) -> int:
        samples = self.samples()
        return samples // self.batch_size if self.drop_last else -(-samples // self.batch_size)

    def samples(self) -> int:
        """How many samples an epoch is made from."""
        return len(self.dataset if self.sampler is None else self.sampler)

    def __iter__(self) -> Iterator[Any]:
        if not self.resuming:
            if self.present is not None:
                self.epoch += 1
            self.present = Epoch(self.generator.take())
        self.resuming = False
        return self.batches(self.present)

    def batches(self, epoch: Epoch) -> Iterator[Any]:
        """The batches of `epoch` that were not handed out yet."""
        lists = self.index_lists(epoch.draw)

        def make(number: int) -> Any:
            with drawing_from(named(*epoch.draw, number + 1)):
                batch = self.fetch(lists[number])
            return mapped(Tensor.pin_memory, batch) if self.pin_memory else batch

        for batch in ahead(make, range(epoch.batch, len(lists)), self.num_workers, self.prefetch):
            epoch.batch += 1
            yield batch
        if self.present is epoch:
            self.present = None
            self.epoch += 1

    def index_lists(self, draw: tuple[int, int]) -> list[list[int]]:
        """The indices of each batch of the epoch of `draw`."""
        rng = named(*draw)
        if self.sampler is not None:
            with drawing_from(rng):
                order = list(self.sampler)
        elif self.shuffle:
            order = rng.permutation(len(self.dataset)).tolist()
        else:
            order = list(range(len(self.dataset)))
        size = self.batch_size
        lists = [order[start : start + size] for start in range(0, len(order), size)]
        if self.drop_last and lists and len(lists[-1]) < size:
            lists.pop()
        return lists

    def fetch(self, indices: Sequence[int]) -> Any:
        """The batch of the samples at `indices`."""
        if self.collate_fn is not None:
            return self.collate_fn([self.dataset[i] for i in indices])
        batch = take(self.dataset, indices)
        if isinstance(batch, list):
            return collate(batch)
        return tuple(Tensor(part) if isinstance(part, np.ndarray) else part for part in batch)

    def state_dict(self) -> dict[str, Any]:
        """The position, in integers and lists: after the batch that was last handed out."""
        present = self.present
        return {
            "epoch": self.epoch,
            "batch": 0 if present is None else present.batch,
            "samples": self.samples(),
            "draw": None if present is None else list(present.draw),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a position that `state_dict` returned: the next loop gives what was left.

        The generator goes back with it, so that the epochs after that are the same too. A position
        after the last batch of an epoch gives a loop without batches.

        Raises: ValueError if the position lies behind the end of an epoch of this loader, or is one
        among more or fewer samples, whose order would be another.
        """
        if state["batch"] > len(self):
            raise ValueError(
                f"the saved position is batch {state['batch']} of an epoch, but this loader has "
                f"{len(self)}; give it the data set and batch size of the run that was saved"
            )
        saved = state.get("samples", self.samples())  # older positions do not say
        if saved != self.samples():
            raise ValueError(
                f"the saved position is one in {saved} samples, but this loader has "
                f"{self.samples()}; give it the data set of the run that was saved"
            )
        self.generator.set_state(state["generator"])
        self.epoch = state["epoch"]
        self.resuming = state["draw"] is not None
        self.present = Epoch(tuple(state["draw"]), state["batch"]) if self.resuming else None


def ahead(
    make: Callable[[int], Any], numbers: Iterable[int], threads: int, depth: int
) -> Iterator[Any]:
    """make(n) for every n of `numbers`, in order, up to `depth` of them made in advance.

    Handing the jobs out from the consumer's side bounds what lies ready without a queue to block
    on: a thread is never left waiting, so nothing can hang when the consumer stops early.
    """
    if threads == 0 and depth == 0:
        yield from map(make, numbers)
        return
    todo = iter(numbers)
    pool = ThreadPoolExecutor(max(threads, 1), thread_name_prefix="tinygrad_cnn.data")
    try:
        waiting = deque(pool.submit(make, n) for n in islice(todo, max(depth, 1)))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(make, n) for n in islice(todo, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
