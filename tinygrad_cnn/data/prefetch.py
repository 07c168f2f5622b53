"""Batches on their way to a device while it works on the one before.

Not yet confirmed on a GPU.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..kernels import Device, named
from ..tensor import Tensor, wrap
from .dataset import mapped


class DevicePrefetcher:
    """The batches of a loader on a device, the next one copied while the present one is used.

        transform = tg.data.device_transforms.Normalize(0.5, 0.25)
        for images, labels in DevicePrefetcher(loader, "cuda", transform):
            ...

    loader: of Tensors on the CPU, in tuples, lists and dicts; with pin_memory=True its threads put
    them where the GPU reads by itself, otherwise that is done here. transform: of a batch's first
    part, the images, on the device. Each loop is one loop over the loader. The position of
    `state_dict` is that behind the batch that was handed out last, not the one that is under way.

    On the CPU it hands the loader's batches on, transformed.
    """

    def __init__(
        self,
        loader: Iterable,
        device: Device | str | int = "cuda",
        transform: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.loader = loader
        self.device = Device("cuda", device) if isinstance(device, int) else Device(device)
        self.transform = transform
        self.position = None  # of the loader, if a loop is under way

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        route = Route(self.device)
        waiting = None
        for batch in self.loader:
            sent = (*route.start(batch), self.loader_position())
            if waiting is not None:
                yield self.arrived(route, *waiting)
            waiting = sent
        if waiting is not None:
            yield self.arrived(route, *waiting)
        self.position = None

    def arrived(self, route: "Route", batch: Any, event: Any, position: Any) -> Any:
        """A batch that was sent, transformed."""
        route.finish(event)
        self.position = position
        if self.transform is None:
            return batch
        if isinstance(batch, Tensor):
            return self.transform(batch)
        if isinstance(batch, dict):
            name = next(iter(batch))
            return {**batch, name: self.transform(batch[name])}
        return type(batch)([self.transform(batch[0]), *batch[1:]])

    def loader_position(self) -> Any:
        """Where the loader is; None if it does not tell."""
        ask = getattr(self.loader, "state_dict", None)
        return None if ask is None else ask()

    def state_dict(self) -> Any:
        """The loader's position behind the batch that was handed out last.

        Raises: TypeError for a loader that has no state_dict.
        """
        if not hasattr(self.loader, "state_dict"):
            raise TypeError(f"a {type(self.loader).__name__} does not tell its position")
        return self.loader_position() if self.position is None else self.position

    def load_state_dict(self, state: Any) -> None:
        """Go on from a position that `state_dict` returned."""
        self.position = None
        self.loader.load_state_dict(state)


class Route:
    """The way of batches to a device: by a stream of its own to a GPU, at once to others."""

    def __init__(self, device: Device) -> None:
        self.device = device
        space = named(str(device))
        uploads = getattr(space, "Upload", None)
        self.upload = None if uploads is None else uploads(device.index)

    def start(self, batch: Any) -> tuple[Any, Any]:
        """The batch on the device, and the event that says that it is there."""
        if self.upload is None:
            return mapped(lambda x: x.to(self.device), batch), None
        tensors = []
        mapped(tensors.append, batch)
        host = [x.raw for x in tensors if x.device.type == "cpu"]
        raws, event = self.upload.start(host)
        fresh = iter(raws)

        def on_device(x: Tensor) -> Tensor:
            return wrap(next(fresh), None) if x.device.type == "cpu" else x.to(self.device)

        return mapped(on_device, batch), event

    def finish(self, event: Any) -> None:
        """Let what is asked of the device from now on wait for a batch."""
        if event is not None:
            self.upload.finish(event)
