"""Trainer: the loop that trains a classifier, and what it tells while it runs.

    trainer = Trainer(model, optimizer, train_loader, test_loader, scheduler=scheduler)
    trainer.fit(epochs=30)
    print(trainer.evaluate(test_loader).accuracy)

Everything that a user may want to see or keep happens in callbacks.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..autograd import no_grad
from ..capture import graph_step
from ..data import DataLoader
from ..models import cross_entropy_with_heads
from ..nn import Module
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from ..random import default_generator
from ..tensor import Tensor
from .interrupt import held_back
from .transfer import train_unfrozen


class Modes(NamedTuple):
    """What a model is set to: which modules are in training, and which parameters learn."""

    training: tuple[bool, ...]
    learning: tuple[bool, ...]


class Score(NamedTuple):
    """The mean loss of some images, and the share of them that was classified rightly."""

    loss: float
    accuracy: float


@dataclass
class Tally:
    """Sums over the images seen so far, and the time that went by between `start` and `stop`."""

    images: int = 0
    loss: float = 0.0
    right: int = 0
    spent: float = 0.0
    began: float | None = None  # by time.perf_counter, between start and stop

    def add(self, loss: float, outputs: Tensor | tuple[Tensor, ...], labels: Tensor) -> None:
        """Count a batch with this mean loss; of several outputs the first one names the class.

        Shape: outputs (N, classes), labels (N,).
        """
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        self.images += len(labels)
        self.loss += loss * len(labels)
        self.right += (outputs.detach().argmax(1) == labels).sum().item()

    def score(self) -> Score:
        """The means; nan before the first image."""
        if not self.images:
            return Score(math.nan, math.nan)
        return Score(self.loss / self.images, self.right / self.images)

    def start(self) -> None:
        """Let the time count from here on."""
        self.began = time.perf_counter()

    def stop(self) -> None:
        """Let the time count no more, until the next `start`."""
        self.spent = self.seconds()
        self.began = None

    def seconds(self) -> float:
        """The time that was counted."""
        return self.spent + (0.0 if self.began is None else time.perf_counter() - self.began)

    def state_dict(self) -> dict[str, Any]:
        """The sums and the time so far."""
        sums = {"images": self.images, "loss": self.loss, "right": self.right}
        return {**sums, "seconds": self.seconds()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the sums and the time that `state_dict` returned."""
        self.images = state["images"]
        self.loss = state["loss"]
        self.right = state["right"]
        self.spent = state["seconds"]


class Callback:
    """What a Trainer tells as it fits; a subclass overrides what it wants to hear."""

    def fit_began(self, trainer: "Trainer", epochs: int) -> None:
        """Training goes on until `epochs` epochs are done."""

    def step_ended(self, trainer: "Trainer", tally: Tally) -> None:
        """One more batch is done; `tally` is over the epoch so far."""

    def test_step_ended(self, trainer: "Trainer", tally: Tally) -> None:
        """One more batch of the test at an epoch's end; `tally` is over the test so far."""

    def epoch_ended(self, trainer: "Trainer") -> None:
        """One more epoch is done; the last entry of `trainer.history` is about it."""

    def fit_ended(self, trainer: "Trainer") -> None:
        """Training is over, or an error or Ctrl-C is about to end it."""


class Trainer:
    """Trains `model` on batches (images, labels), and measures it on others.

    scheduler: its `step()` is called after every batch; of a ReduceLROnPlateau, after every epoch
    with the share of images named wrongly, of the test's if there is one. loss: of (outputs,
    labels), a mean over the batch; by default cross entropy, auxiliary heads included. What is
    frozen stays in evaluation (`train_unfrozen`). Batches go to the device of the model. `history`
    has a dict for every epoch that is done: epoch, loss and accuracy in training; test_loss and
    test_accuracy if there is a test_loader; seconds and images_per_second of the training. `tally`
    is over the epoch that is being trained or was left within, None between epochs. `whole` says
    whether the weights are those behind a step that has counted, not amid one.

    record: replay steps as `tg.graph_step` does, which takes more memory and, where networks are
    small, a third to two thirds of the time. Numbers stay the same, bit for bit. Where parts of the
    model are thawed between epochs, steps are recorded anew; what hooks do is not repeated.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        train_loader: DataLoader,
        test_loader: DataLoader | None = None,
        *,
        scheduler: LRScheduler | None = None,
        loss: Callable[[Any, Tensor], Tensor] = cross_entropy_with_heads,
        callbacks: Sequence[Callback] = (),
        record: bool = False,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.train_loader = train_loader
        self.test_loader = test_loader
        self.scheduler = scheduler
        self.loss = loss
        self.callbacks = list(callbacks)
        self.step = graph_step(self.learn) if record else self.learn
        self.history: list[dict[str, Any]] = []
        self.tally: Tally | None = None
        self.whole = True
        self.modes = modes_of(model)
        self.marked: tuple[Any, Any] | None = None  # where loader and generator were at a mark

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.history)

    def fit(self, epochs: int) -> list[dict[str, Any]]:
        """The history, after training until `epochs` epochs are done in all.

        Ctrl-C ends it behind the step that is under way, a second one at once. The next `fit` goes
        on within the epoch that was left so, with the weights of a run that was never interrupted;
        a step that was not done to its end is done again.

        Raises: RuntimeError if the loss of a batch is not a finite number; ValueError if a loader
        has no batch.
        """
        check_batches(self.train_loader)
        if self.test_loader is not None:
            check_batches(self.test_loader)
        self.whole = True
        self.mark()
        self.tell("fit_began", epochs)
        try:
            while self.epoch < epochs:
                self.tally = self.tally or Tally()
                self.tally.start()
                entry = self.train_epoch(self.tally)
                with held_back():
                    self.finish(entry)
                self.tell("epoch_ended")
        finally:
            self.go_back()
            self.tell("fit_ended")
        return self.history

    def finish(self, entry: dict[str, Any]) -> None:
        """Let an epoch be done."""
        self.history.append(entry)
        self.tally = None
        self.mark()
        self.watch_plateau()

    def mark(self) -> None:
        """Remember this place, to which `go_back` goes."""
        place = getattr(self.train_loader, "state_dict", dict)()  # a list of batches has none
        self.marked = (place, default_generator.get_state())

    def go_back(self) -> None:
        """Stand where the last mark was set, if an epoch was left within."""
        if self.tally is not None:
            self.tally.stop()
            position, drawn = self.marked
            if position:
                self.train_loader.load_state_dict(position)
            default_generator.set_state(drawn)

    def watch_plateau(self) -> None:
        """Tell a ReduceLROnPlateau the error of the epoch that has just ended."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            entry = self.history[-1]
            self.scheduler.step(1 - entry.get("test_accuracy", entry["accuracy"]))

    def train_epoch(self, tally: Tally) -> dict[str, Any]:
        """The entry for the history, after what is left of one time through the training data."""
        train_unfrozen(self.model)
        self.modes = modes_of(self.model)
        for images, labels in batches_for(self.model, self.train_loader):
            with held_back():
                self.whole = False
                loss, outputs = self.train_step(images, labels)
                if not math.isfinite(loss):
                    raise RuntimeError(self.diverged(loss, tally))
                tally.add(loss, outputs, labels)
                self.whole = True
                self.tell("step_ended", tally)
        entry = {"epoch": self.epoch + 1, **tally.score()._asdict()}
        entry["seconds"] = tally.seconds()
        entry["images_per_second"] = tally.images / entry["seconds"]
        if self.test_loader is not None:
            test = measure(self.model, self.test_loader, self.loss, self.tested)
            entry.update(test_loss=test.loss, test_accuracy=test.accuracy)
        return entry

    def train_step(self, images: Tensor, labels: Tensor) -> tuple[float, Any]:
        """The loss and the outputs of one batch, after a step of the optimiser against it."""
        loss, outputs = self.step(images, labels, self.modes)
        self.mark()  # before the schedule's step, which would be one too many if this were redone
        if self.scheduler is not None and not isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step()
        return loss.item(), outputs

    def learn(self, images: Tensor, labels: Tensor, modes: Modes) -> tuple[Tensor, Any]:
        """The loss and the outputs of one batch, after a step of the optimiser against it.

        modes: of the model, which a recording of this step depends on.
        """
        self.optimizer.zero_grad()
        outputs = self.model(images)
        loss = self.loss(outputs, labels)
        loss.backward()
        self.optimizer.step()
        return loss, outputs

    def diverged(self, loss: float, tally: Tally) -> str:
        """What to say of a loss that is no finite number."""
        step = tally.images // self.train_loader.batch_size + 1
        rate = self.optimizer.param_groups[0]["lr"]
        return (
            f"the loss became {loss} in epoch {self.epoch + 1}, step {step}, at a learning rate of "
            f"{rate:.3g}; choose a smaller learning rate, or look for nan in the images"
        )

    def evaluate(self, loader: DataLoader) -> Score:
        """Mean loss and accuracy on the images of `loader`, with the model set to evaluation.

        Raises: ValueError if it has no batch.
        """
        return measure(self.model, loader, self.loss)

    def tested(self, tally: Tally) -> None:
        """Tell of one more batch of the test."""
        self.tell("test_step_ended", tally)

    def tell(self, event: str, *what: Any) -> None:
        """Call the method `event` of every callback that has it; `Callback` has all."""
        for callback in self.callbacks:
            hear = getattr(callback, event, None)
            if hear is not None:
                hear(self, *what)


@no_grad()
def measure(
    model: Module,
    loader: DataLoader,
    loss: Callable[[Any, Tensor], Tensor] = cross_entropy_with_heads,
    tell: Callable[[Tally], object] | None = None,
) -> Score:
    """Mean loss and accuracy of `model` on the images of `loader`; it is set to evaluation for it.

    loss: of (outputs, labels), a mean over the batch. tell: is called after every batch, with what
    was counted so far.

    Raises: ValueError if the loader has no batch.
    """
    check_batches(loader)
    training = model.training
    model.eval()
    try:
        tally = Tally()
        tally.start()
        for images, labels in batches_for(model, loader):
            outputs = model(images)
            tally.add(loss(outputs, labels).item(), outputs, labels)
            if tell is not None:
                tell(tally)
    finally:
        model.train(training)
    return tally.score()


def modes_of(model: Module) -> Modes:
    """What the model is set to now."""
    training = tuple([module.training for module in model.modules()])
    return Modes(training, tuple([p.requires_grad for p in model.parameters()]))


def check_batches(loader: DataLoader) -> None:
    """Raise ValueError if a loop over `loader` would be over at once."""
    if not len(loader):
        source = getattr(loader, "loader", loader)  # that of a DevicePrefetcher
        raise ValueError(
            f"the loader has no batch: its data set has {source.samples()} samples, batch_size "
            f"is {source.batch_size} and drop_last {source.drop_last}; give it more samples, or "
            "smaller batches"
        )


def batches_for(model: Module, loader: DataLoader) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of `loader` on the device of `model`."""
    device = next(model.parameters()).device
    return ((images.to(device), labels.to(device)) for images, labels in loader)
