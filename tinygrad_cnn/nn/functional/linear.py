"""Linear maps of vectors: dense ones, bilinear ones, and those that pick a row by its number."""

from ...amp import follows
from ...ops import comparison, contract, indexing, pointwise, shape
from ...tensor import Tensor
from .window import check_tensors


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input · weightᵀ + bias.

    Shape: input (*, in), weight (out, in), bias (out,) -> (*, out); or weight (in,) and bias ()
    -> (*).

    Raises: RuntimeError where shapes do not fit one another.
    """
    check_tensors("linear", input=input, weight=weight)
    if weight.ndim not in (1, 2) or not input.ndim or input.shape[-1] != weight.shape[-1]:
        raise RuntimeError(
            "linear: expected an input (*, in) and a weight (out, in) or (in,), got shapes "
            f"{input.shape} and {weight.shape}"
        )
    check_bias("linear", weight, bias)
    if weight.ndim == 1:
        z = contract.matmul(input, weight)
        return z if bias is None else z + bias
    return contract.linear(input, weight, bias)


def check_bias(name: str, weight: Tensor, bias: Tensor | None) -> None:
    """Raise unless there is one bias for each output of weight, or none."""
    if bias is None:
        return
    check_tensors(name, bias=bias)
    outputs = weight.shape[:1] if weight.ndim > 1 else ()
    if bias.shape != outputs:
        raise RuntimeError(
            f"{name}: a weight of shape {weight.shape} takes a bias of shape {outputs}, got "
            f"{bias.shape}"
        )


@follows("low")
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1ᵀ · weight · input2 + bias, for each output's own matrix in weight.

    Shape: input1 (*, in1), input2 (*, in2), weight (out, in1, in2), bias (out,) -> (*, out).

    Raises: RuntimeError where shapes do not fit one another.
    """
    check_tensors("bilinear", input1=input1, input2=input2, weight=weight)
    alike = input1.shape[:-1] == input2.shape[:-1] and input1.ndim and input2.ndim
    if not alike or weight.shape[1:] != (input1.shape[-1], input2.shape[-1]):
        raise RuntimeError(
            "bilinear: expected inputs (*, in1) and (*, in2) and a weight (out, in1, in2), got "
            f"shapes {input1.shape}, {input2.shape} and {weight.shape}"
        )
    check_bias("bilinear", weight, bias)
    z = contract.einsum("...i,oij,...j->...o", input1, weight, input2)
    return z if bias is None else z + bias


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """The rows of weight that input names by their numbers.

    padding_idx: a row that is not trained: what picks it passes no gradient on.

    Shape: input (*) of whole numbers, weight (V, D) -> (*, D).

    Rule: a row of weight gets the sum of the gradients of all places that picked it.

    Raises: RuntimeError if input holds no whole numbers or weight is no matrix, IndexError for a
    number that is not that of a row, AssertionError for such a padding_idx.

    Differs: there are no max_norm, scale_grad_by_freq and sparse.
    """
    check_tensors("embedding", input=input, weight=weight)
    if weight.ndim != 2:
        raise RuntimeError(f"embedding: expected a weight (V, D), got shape {weight.shape}")
    if input.dtype.kind not in "iu":
        raise RuntimeError(f"embedding takes the whole numbers of rows, got {input.dtype}")
    check_rows(input, len(weight))
    rows = indexing.getitem(weight, input)
    if padding_idx is None:
        return rows
    padding_idx = row_number("embedding", padding_idx, len(weight))
    blocked = shape.unsqueeze(comparison.eq(input, padding_idx), -1)
    return pointwise.where(blocked, rows.detach(), rows)


def check_rows(input: Tensor, count: int) -> None:
    """Raise IndexError unless all of input lies within 0 ... count - 1; unknown numbers pass."""
    if not input.numel() or input.device.type == "meta":
        return
    low, high = int(input.amin()), int(input.amax())
    if low < 0 or high >= count:
        raise IndexError(
            f"embedding: the rows of a weight of {count} go from 0 to {count - 1}, got some from "
            f"{low} to {high}"
        )


def row_number(name: str, padding_idx: int, count: int) -> int:
    """padding_idx counted from the front.

    Raises: AssertionError, as PyTorch, if there is no such row.
    """
    if not -count <= padding_idx < count:
        raise AssertionError(
            f"{name}: padding_idx is one of {count} rows, from {-count} to {count - 1}, got "
            f"{padding_idx}"
        )
    return padding_idx % count
