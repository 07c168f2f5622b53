"""Layers of vectors: linear, bilinear, and a table of vectors."""

from collections.abc import Callable

from ..autograd import no_grad
from ..tensor import Tensor
from . import functional as F
from . import init
from .functional.linear import row_number
from .module import Module, Parameter
from .weighted import Weighted, blank, inverse_root


class Linear(Weighted):
    """A layer of F.linear: every output sees every input.

    Shape: (*, in_features) -> (*, out_features); weight (out_features, in_features).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        device: object = None,
        dtype: object = None,
    ) -> None:
        self.in_features = in_features
        self.out_features = out_features
        self.weight = blank((out_features, in_features), device, dtype)
        self.bias = blank((out_features,), device, dtype) if bias else None
        self.reset_parameters()

    @property
    def fan_in(self) -> int:
        """How many inputs an output sees."""
        return self.in_features

    def forward(self, x: Tensor) -> Tensor:
        """x times the weights, plus the bias."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Weighted):
    """A layer of F.bilinear: every output has a matrix between two inputs.

    Shape: (*, in1_features) and (*, in2_features) -> (*, out_features); weight (out_features,
    in1_features, in2_features).

    Raises: ValueError if in1_features is not positive.
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: object = None,
        dtype: object = None,
    ) -> None:
        if in1_features < 1:
            raise ValueError(f"Bilinear: in1_features is at least 1, got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = blank((out_features, in1_features, in2_features), device, dtype)
        self.bias = blank((out_features,), device, dtype) if bias else None
        self.reset_parameters()

    @property
    def fan_in(self) -> int:
        """How many products of two inputs an output sees."""
        return self.in1_features * self.in2_features

    def reset_parameters(self, bound: Callable[[int], float] = inverse_root) -> None:
        """Draw weights and biases anew, uniformly from within ±bound(in1_features)."""
        limit = bound(self.in1_features)
        for p in self.parameters():
            init.uniform_(p, -limit, limit)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """The bilinear map of two inputs."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class Embedding(Module):
    """A layer of F.embedding: a vector for each of some numbers.

    padding_idx: the number of a vector that begins at zero and is not trained.

    Shape: (*) of whole numbers -> (*, embedding_dim); weight (num_embeddings, embedding_dim).

    Raises: AssertionError for a padding_idx that is no row.

    Differs: there are no max_norm, scale_grad_by_freq and sparse.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        device: object = None,
        dtype: object = None,
    ) -> None:
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None
        if padding_idx is not None:
            self.padding_idx = row_number("Embedding", padding_idx, num_embeddings)
        self.weight = blank((num_embeddings, embedding_dim), device, dtype)
        self.reset_parameters()

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None
    ) -> "Embedding":
        """A layer whose weight is `embeddings`, on the same memory; if `freeze`, not trained.

        Raises: AssertionError if embeddings is no matrix.
        """
        if embeddings.ndim != 2:
            raise AssertionError(
                f"from_pretrained: expected embeddings (V, D), got shape {embeddings.shape}"
            )
        made = cls(0, embeddings.shape[1])
        made.num_embeddings = len(embeddings)
        if padding_idx is not None:
            made.padding_idx = row_number("Embedding", padding_idx, len(embeddings))
        made.weight = Parameter(embeddings, requires_grad=not freeze)
        return made

    def reset_parameters(self) -> None:
        """Draw the vectors anew from the normal distribution; that of padding_idx is zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, input: Tensor) -> Tensor:
        """The vectors of these numbers."""
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The settings."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"
