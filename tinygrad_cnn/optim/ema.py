"""EMA: an exponential moving average of the weights, which is often better than the last ones."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..autograd import no_grad
from ..tensor import Tensor


class EMA:
    """An exponential moving average of parameters: `update` after each step, `applied` to use it.

    params: the parameters, in an order that a loaded state shares. decay: how much of the average
    is kept at each update. `averages` are Tensors in the order of the parameters.

    Rule: a <- p at first, then a <- decay a + (1 - decay) p.

    Raises: ValueError for a decay outside [0, 1] or no parameters; TypeError for what is no Tensor.
    Source: Polyak and Juditsky (1992), Acceleration of Stochastic Approximation by Averaging; with
    this decay, Tarvainen and Valpola (2017), Mean Teachers Are Better Role Models, section 2.
    Differs: PyTorch has swa_utils.AveragedModel, a copy of the model, with get_ema_multi_avg_fn;
    here only parameters have averages, and buffers are the model's.
    """

    def __init__(self, params: Iterable[Tensor], decay: float = 0.999) -> None:
        if isinstance(params, Tensor):
            raise TypeError("EMA takes an iterable of Tensors, got a single one; put it in a list")
        self.params = list(params)
        if not self.params:
            raise ValueError(
                "EMA needs at least one parameter, got an empty list; pass model.parameters() of "
                "a model that has some"
            )
        for p in self.params:
            if not isinstance(p, Tensor):
                raise TypeError(f"EMA takes Tensors, got {type(p).__name__}: {p!r}")
        if not 0 <= decay <= 1:
            raise ValueError(f"EMA needs a decay within [0, 1], got {decay!r}")
        self.decay = decay
        self.averages = [p.detach().clone() for p in self.params]

    @no_grad()
    def update(self) -> None:
        """Take the present parameters into the averages."""
        for average, p in zip(self.averages, self.params, strict=True):
            average.add_((p.detach() - average) * (1.0 - self.decay))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """A block in which the parameters have the averages' numbers; after it, their own again.

        What changes parameters within the block, such as an optimiser's step, is lost after it.
        """
        kept = [p.detach().clone() for p in self.params]
        self.write(self.averages)
        try:
            yield
        finally:
            self.write(kept)

    @no_grad()
    def write(self, numbers: list[Tensor]) -> None:
        """Give the parameters these numbers, for good."""
        for p, x in zip(self.params, numbers, strict=True):
            p.copy_(x)

    def state_dict(self) -> dict[str, Any]:
        """Decay and averages; the Tensors in it are shared."""
        return {"decay": self.decay, "averages": list(self.averages)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned; its Tensors are copied.

        Raises: ValueError if the parameters have other shapes.
        """
        shapes = [p.shape for p in self.params]
        saved = [average.shape for average in state_dict["averages"]]
        if saved != shapes:
            raise ValueError(
                f"the loaded averages have the shapes {saved}, the parameters {shapes}; load into "
                "the model that was saved"
            )
        pairs = zip(state_dict["averages"], self.params, strict=True)
        self.averages = [x.detach().to(p.device, p.dtype).clone() for x, p in pairs]
        self.decay = state_dict["decay"]
