"""Mixed precision: products in 16 bits, sums and losses in 32, and a scale for small gradients.

Within `autocast` each gate takes its inputs in the dtype that suits it: convolutions and matrix
products in bfloat16 or float16, exponentials, sums, norms and losses in float32, everything else
as the inputs come. Weights stay float32 and so do their gradients: a cast is a gate. float16 ends
at 6e-8, and gradients below it vanish: `GradScaler` multiplies the loss and divides the gradients.

Source: Micikevicius et al. 2018, sections 3.1 to 3.3.
"""

import contextlib
import functools
from collections.abc import Callable, Iterable
from typing import Any

from .autograd import no_grad
from .graph import CASTS, STATE
from .kernels import dtype_of
from .kernels.capture import on_host, rely
from .recorder import autocasted
from .tensor import Device, Tensor

LOW = ("bfloat16", "float16")
SCALES = ("growth_factor", "backoff_factor", "growth_interval")


class autocast(contextlib.ContextDecorator):
    """Within (or in a decorated function): gates of this thread take inputs in suitable dtypes.

    device_type: "cpu" or "cuda", whose tensors are cast; None for all. dtype: bfloat16 or float16;
    bfloat16 unless device_type is "cuda". enabled=False switches an outer one off. Open it around
    the forward pass and the loss; backward follows the dtypes of the forward pass.

    Raises: TypeError for what is no dtype, ValueError for another dtype than these two, ImportError
    for bfloat16 without the package ml_dtypes.

    Differs: one policy for all devices, PyTorch's for CUDA; a batch norm computes in float32 and
    gives its result in its input's dtype; casts are not kept from one use of a weight to the next,
    so cache_enabled changes nothing.
    """

    def __init__(
        self,
        device_type: str | None = None,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if device_type is not None:
            device_type = Device(device_type).type
        self.state = None
        self.old = []
        if enabled:
            dtype = dtype_of(dtype or ("float16" if device_type == "cuda" else "bfloat16"))
            if str(dtype) not in LOW:
                raise ValueError(f"autocast takes dtype bfloat16 or float16, got {dtype}")
            self.state = (dtype, device_type)

    def __enter__(self) -> "autocast":
        self.old.append(STATE.autocast)
        CASTS.append(None)
        STATE.autocast = self.state
        return self

    def __exit__(self, *error: object) -> None:
        STATE.autocast = self.old.pop()
        CASTS.pop()


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether gates of this thread cast their inputs, on that device if one is named."""
    if STATE.autocast is None:
        return False
    return device_type is None or STATE.autocast[1] in (None, Device(device_type).type)


def follows(policy: str) -> Callable[[Callable], Callable]:
    """A decorator of functions made of several gates, which are to have one policy together."""

    def decorator(f: Callable) -> Callable:
        @functools.wraps(f)
        def call(*args: Any, **named: Any) -> Any:
            if CASTS and STATE.autocast:
                return autocasted(policy, f, args, named)
            return f(*args, **named)

        return call

    return decorator


class GradScaler:
    """Scales a loss so that its gradients stay within float16, and skips steps where they do not.

    `scale(loss).backward()`, then `step(optimizer)`, then `update()`. The scale is halved
    (backoff_factor) after gradients that are inf or nan, and doubled (growth_factor) after
    growth_interval steps without any. Names and defaults are PyTorch's.

    Raises: ValueError for a scale that is not above 0, a growth_factor not above 1, or a
    backoff_factor outside (0, 1).

    Differs: `step` reads one truth value from the device, and so waits for it.
    """

    def __init__(
        self,
        device: str | None = None,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if not init_scale > 0 or not growth_factor > 1 or not 0 < backoff_factor < 1:
            raise ValueError(
                "GradScaler needs init_scale > 0, growth_factor > 1 and backoff_factor within "
                f"(0, 1), got {init_scale!r}, {growth_factor!r} and {backoff_factor!r}"
            )
        self.factor = float(init_scale)
        self.growth_factor = growth_factor
        self.backoff_factor = backoff_factor
        self.growth_interval = growth_interval
        self.enabled = enabled
        self.good_steps = 0
        self.finite = {}  # by optimizer, since the last update: whether its gradients were finite
        self.stepped = set()  # the optimizers that have stepped since the last update

    def scale(self, outputs: Tensor | Iterable[Tensor]) -> Any:
        """outputs times the scale; a list or tuple of Tensors likewise, as one of its kind."""
        if not self.enabled:
            return outputs
        rely(lambda: self.factor)
        if isinstance(outputs, Tensor):
            return outputs * self.factor
        return type(outputs)([self.scale(each) for each in outputs])

    @on_host
    @no_grad()
    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, as before clipping them.

        Raises: RuntimeError if they were divided already since the last update; ValueError for
        float16 gradients, which cannot hold the result: parameters should be float32.
        """
        if not self.enabled:
            return
        if optimizer in self.finite:
            raise RuntimeError("unscale_ has already been called on this optimizer since update()")
        params = [p for group in optimizer.param_groups for p in group["params"]]
        grads = [p.grad for p in params if p.grad is not None]
        if any(g.dtype == "float16" for g in grads):
            raise ValueError(
                "GradScaler cannot unscale float16 gradients; keep the parameters in float32 and "
                "open tg.autocast around the forward pass"
            )
        good = None
        for g in grads:
            g.mul_(1.0 / self.factor)
            finite = g.isfinite().all()
            good = finite if good is None else good & finite
        self.finite[optimizer] = good

    @on_host
    def step(self, optimizer: Any, *args: Any, **named: Any) -> Any:
        """optimizer.step(...), on unscaled gradients; None, and no step, if one is inf or nan.

        Raises: RuntimeError if this optimizer has stepped since the last update, or for a closure.
        """
        if not self.enabled:
            return optimizer.step(*args, **named)
        if named.get("closure") is not None or any(callable(arg) for arg in args):
            raise RuntimeError("GradScaler.step takes no closure: its gradients would be scaled")
        if optimizer in self.stepped:
            raise RuntimeError("step has already been called on this optimizer since update()")
        if optimizer not in self.finite:
            self.unscale_(optimizer)
        self.stepped.add(optimizer)
        if self.finite[optimizer] is None:
            raise RuntimeError("GradScaler.step: none of the optimizer's parameters has a gradient")
        return optimizer.step(*args, **named) if bool(self.finite[optimizer]) else None

    @on_host
    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Move the scale by what the steps since the last update met, or set it.

        Raises: RuntimeError if no gradients were unscaled since, and no new scale is given.
        """
        if not self.enabled:
            return
        if new_scale is not None:
            self.factor = float(new_scale)
        elif not self.finite:
            raise RuntimeError("GradScaler.update: no gradients were unscaled since the last one")
        elif not all(good is None or bool(good) for good in self.finite.values()):
            self.factor *= self.backoff_factor
            self.good_steps = 0
        else:
            self.good_steps += 1
            if self.good_steps == self.growth_interval:
                self.factor *= self.growth_factor
                self.good_steps = 0
        self.finite.clear()
        self.stepped.clear()

    def get_scale(self) -> float:
        """The scale; 1 if not enabled."""
        return self.factor if self.enabled else 1.0

    def is_enabled(self) -> bool:
        """Whether it scales at all."""
        return self.enabled

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs; empty if not enabled."""
        if not self.enabled:
            return {}
        settings = {name: getattr(self, name) for name in SCALES}
        return {"scale": self.factor, **settings, "_growth_tracker": self.good_steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state_dict().

        Raises: RuntimeError for an empty one, of a scaler that was not enabled.
        """
        if not self.enabled:
            return
        if not state:
            raise RuntimeError("GradScaler: the state is empty; it was saved by a disabled scaler")
        self.factor = state["scale"]
        self.good_steps = state["_growth_tracker"]
        for name in SCALES:
            setattr(self, name, state[name])
