"""Contractions: products summed over the axes that the result does not have.

`matmul` is the gate of matrices and vectors, `contract` that of einsum; everything else checks its
operands and calls one of the two.

Differs: from PyTorch, which refuses operands of unequal dtype; here they meet in their common one.
"""

import math
import string

from ..gate import composite, gate
from ..kernels import xp
from ..kernels.shapes import axes_of, axis_of, check_matmul
from .indexing import check_tensors, getitem
from .joining import stack, unbind
from .reduce import bias_dx
from .shape import expand, movedim, reshape, transpose, unsqueeze

# --- matrices and vectors -------------------------------------------------------------------------


@gate(autocast="low", x=lambda g, y: matmul_dx(g, y), y=lambda g, x: matmul_dy(g, x))
def matmul(x, y):
    """The matrix product; a vector counts as a row on the left and as a column on the right.

    Shape: (..., I, J) and (..., J, K) -> (..., I, K); leading axes broadcast, and the axis of a
    vector is left out again.

    Rule: dx = g yᵀ, dy = xᵀ g.

    Raises: RuntimeError if the inner sizes differ or an operand has no axes.
    """
    check_matmul(x, y)
    return x @ y


@gate(
    autocast="low",
    x=lambda g, w: linear_dx(g, w),
    w=lambda g, x: linear_dw(g, x),
    b=lambda g: bias_dx(flattened(g)) if g.ndim > 1 else g,
)
def linear(x, w, b):
    """x wᵀ, plus b where it is not None.

    Shape: x (..., I), w (O, I), b (O,) -> (..., O).

    Rule: dx = g w, dw = gᵀ x summed over leading axes, db = Σ g over them.
    """
    z = xp(x).matmul(x, w.T)
    return z if b is None else z + b


@composite
def linear_dx(g, w):
    """The gradient of linear for its input: g w.

    Shape: g (..., O), w (O, I) -> (..., I).
    """
    return matmul(g, w)


@composite
def linear_dw(g, x):
    """The gradient of linear for its weights: gᵀ x.

    Shape: g (..., O), x (..., I) -> (O, I).
    """
    return matmul(swap(flattened(g)), flattened(x))


def flattened(x):
    """x with all its axes but the last made one."""
    return x if x.ndim == 2 else reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def matmul_dx(g, y):
    """The gradient of matmul for x: g yᵀ. Where x is a vector, g is made a row."""
    if y.ndim == 1:
        return unsqueeze(g, -1) * y
    return matmul(unsqueeze(g, -2) if g.ndim < y.ndim else g, swap(y))


def matmul_dy(g, x):
    """The gradient of matmul for y: xᵀ g. Where y is a vector, it is the row gᵀ x."""
    if x.ndim == 1:
        return unsqueeze(x, -1) * unsqueeze(g, -2) if g.ndim else x * g
    return matmul(unsqueeze(g, -2), x) if g.ndim < x.ndim else matmul(swap(x), g)


def swap(x):
    """x with its last two axes exchanged."""
    return transpose(x, -1, -2)


def check_ranks(name: str, x, y, ranks: tuple[int, int]) -> None:
    """Raise RuntimeError unless x and y have so many axes, TypeError if they have none to count."""
    check_tensors(name, x, y)
    if (x.ndim, y.ndim) != ranks:
        raise RuntimeError(
            f"{name}: takes tensors of {ranks[0]} and {ranks[1]} axes, got shapes "
            f"{tuple(x.shape)} and {tuple(y.shape)}; matmul takes all"
        )


def mm(x, mat2):
    """The product of two matrices.

    Shape: (I, J) and (J, K) -> (I, K).

    Raises: RuntimeError for other shapes.
    """
    check_ranks("mm", x, mat2, (2, 2))
    return matmul(x, mat2)


def bmm(x, mat2):
    """The products of two equally long lists of matrices.

    Shape: (N, I, J) and (N, J, K) -> (N, I, K).

    Raises: RuntimeError for other shapes.
    """
    check_ranks("bmm", x, mat2, (3, 3))
    if x.shape[0] != mat2.shape[0]:
        raise RuntimeError(
            f"bmm: {tuple(x.shape)} holds {x.shape[0]} matrices, {tuple(mat2.shape)} holds "
            f"{mat2.shape[0]}; matmul broadcasts"
        )
    return matmul(x, mat2)


def mv(x, vec):
    """A matrix times a vector.

    Shape: (I, J) and (J,) -> (I,).

    Raises: RuntimeError for other shapes.
    """
    check_ranks("mv", x, vec, (2, 1))
    return matmul(x, vec)


def dot(x, tensor):
    """The sum of the products of two vectors.

    Shape: (I,) and (I,) -> ().

    Raises: RuntimeError for other shapes.
    """
    check_ranks("dot", x, tensor, (1, 1))
    return matmul(x, tensor)


def outer(x, vec2):
    """All products of an element of x with one of vec2.

    Shape: (I,) and (J,) -> (I, J).

    Raises: RuntimeError for other shapes.
    """
    check_ranks("outer", x, vec2, (1, 1))
    return unsqueeze(x, 1) * unsqueeze(vec2, 0)


def inner(x, other):
    """The products of two tensors summed over the last axis of both; a number multiplies.

    Shape: (..., J) and (*, J) -> (..., *).

    Raises: RuntimeError if the last sizes differ.
    """
    check_tensors("inner", x, other)
    if not x.ndim or not other.ndim:
        return x * other
    if x.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner: the last sizes differ: {tuple(x.shape)} and {tuple(other.shape)}"
        )
    return tensordot(x, other, ([-1], [-1]))


def addmm(x, mat1, mat2, *, beta=1, alpha=1):
    """beta x + alpha (mat1 @ mat2); with beta = 0 x does not count, whatever is in it.

    Shape: mat1 (I, J), mat2 (J, K), x broadcasts to (I, K) -> (I, K).
    """
    return weighted("addmm", x, mm(mat1, mat2), beta, alpha)


def addmv(x, mat, vec, *, beta=1, alpha=1):
    """beta x + alpha (mat @ vec); with beta = 0 x does not count, whatever is in it.

    Shape: mat (I, J), vec (J,), x broadcasts to (I,) -> (I,).
    """
    return weighted("addmv", x, mv(mat, vec), beta, alpha)


def baddbmm(x, batch1, batch2, *, beta=1, alpha=1):
    """beta x + alpha bmm(batch1, batch2); with beta = 0 x does not count, whatever is in it.

    Shape: batch1 (N, I, J), batch2 (N, J, K), x broadcasts to (N, I, K) -> (N, I, K).
    """
    return weighted("baddbmm", x, bmm(batch1, batch2), beta, alpha)


def weighted(name: str, x, product, beta, alpha):
    """beta x + alpha product.

    Raises: RuntimeError if x does not broadcast to the product's shape.
    """
    pairs = zip(x.shape[::-1], product.shape[::-1], strict=False)
    if x.ndim > product.ndim or not all(m in (1, n) for m, n in pairs):
        raise RuntimeError(
            f"{name}: what is added has shape {tuple(x.shape)}, which does not broadcast to the "
            f"product's shape {tuple(product.shape)}"
        )
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    return (x if beta == 1 else x * beta) + product


# --- any axes -------------------------------------------------------------------------------------


@gate(
    autocast="low",
    many=True,
    all=lambda g, xs, terms, out, needs: contract_dx(g, xs, terms, out, needs),
)
def contract(xs, *, terms, out):
    """einsum with one letter per axis, none twice in a term; sizes of 1 broadcast.

    Rule: the gradient for one operand is the contraction of g with all the others.
    """
    return xp(xs[0]).einsum(f"{','.join(terms)}->{out}", *xs, optimize=True)


def contract_dx(g, xs: tuple, terms: tuple, out: str, needs: tuple) -> tuple:
    """The gradients of contract; letters that only one operand has are repeated."""
    grads = []
    for i, (x, term) in enumerate(zip(xs, terms, strict=True)):
        if needs[i] is None:
            grads.append(None)
            continue
        others = [j for j in range(len(xs)) if j != i]
        found = out + "".join(terms[j] for j in others)
        seen = "".join(c for c in term if c in found)
        operands = [g, *(xs[j] for j in others)]
        grad = contract(operands, terms=(out, *(terms[j] for j in others)), out=seen)
        sizes = dict(zip(seen, grad.shape, strict=True))
        grad = reshape(grad, tuple(sizes.get(c, 1) for c in term))
        full = tuple(sizes.get(c, 1) if s == 1 else s for c, s in zip(term, x.shape, strict=True))
        grads.append(expand(grad, full))
    return tuple(grads)


def tensordot(x, y, dims=2):
    """The products of two tensors summed over pairs of axes.

    dims: the axes of x and those of y, in pairs; or how many of the last of x and the first of y.

    Shape: the other axes of x, then those of y.

    Raises: RuntimeError if the sizes or the numbers of the axes differ.
    """
    check_tensors("tensordot", x, y)
    if isinstance(dims, int):
        if not 0 <= dims <= min(x.ndim, y.ndim):
            raise RuntimeError(
                f"tensordot: dims is at least 0 and at most the number of axes, got {dims} for "
                f"shapes {tuple(x.shape)} and {tuple(y.shape)}"
            )
        dims = (range(x.ndim - dims, x.ndim), range(dims))
    left, right = (listed(z.ndim, d) for z, d in zip((x, y), dims, strict=True))
    if len(left) != len(right):
        raise RuntimeError(f"tensordot: dims pairs axes, got {len(left)} and {len(right)} of them")
    a = string.ascii_letters[: x.ndim]
    b = list(string.ascii_letters[x.ndim : x.ndim + y.ndim])
    for i, j in zip(left, right, strict=True):
        if x.shape[i] != y.shape[j] and 1 not in (x.shape[i], y.shape[j]):
            raise RuntimeError(
                f"tensordot: sizes differ: {tuple(x.shape)} has {x.shape[i]} along dim {i}, "
                f"{tuple(y.shape)} has {y.shape[j]} along dim {j}"
            )
        b[j] = a[i]
    out = [c for i, c in enumerate(a) if i not in left]
    out += [c for j, c in enumerate(b) if j not in right]
    return contract([x, y], terms=(a, "".join(b)), out="".join(out))


def listed(ndim: int, dims) -> tuple[int, ...]:
    """An axis or several as a tuple, counted from the front."""
    return axes_of(ndim, (dims,) if isinstance(dims, int) else tuple(dims))


def kron(x, other):
    """The Kronecker product: every element of x times the whole of `other`, side by side."""
    check_tensors("kron", x, other)
    ndim = max(x.ndim, other.ndim)
    a, b = ((1,) * (ndim - z.ndim) + tuple(z.shape) for z in (x, other))
    left = reshape(x, tuple(s for n in a for s in (n, 1)))
    right = reshape(other, tuple(s for n in b for s in (1, n)))
    return reshape(left * right, tuple(m * n for m, n in zip(a, b, strict=True)))


def cross(x, other, dim: int | None = None):
    """The cross products of the vectors of three numbers along `dim`, by default the first axis
    of size 3.

    Raises: RuntimeError if there are no three numbers, or the numbers of axes differ.
    """
    check_tensors("cross", x, other)
    if x.ndim != other.ndim:
        raise RuntimeError(
            f"cross: takes tensors of as many axes, got shapes {tuple(x.shape)} and "
            f"{tuple(other.shape)}"
        )
    if dim is None and 3 in x.shape:
        dim = x.shape.index(3)
    axis = None if dim is None else axis_of(x.ndim, dim)
    if axis is None or (x.shape[axis], other.shape[axis]) != (3, 3):
        raise RuntimeError(
            f"cross: takes vectors of three numbers along dim {dim}, got shapes "
            f"{tuple(x.shape)} and {tuple(other.shape)}"
        )
    a, b = unbind(x, axis), unbind(other, axis)
    rows = [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return stack(rows, axis)


# --- einsum ---------------------------------------------------------------------------------------


def einsum(equation: str, *operands):
    """Products of the operands, summed over the letters that the output leaves out.

    A term has a letter for each axis; a letter that a term has twice takes the diagonal, and "..."
    stands for axes that broadcast. Without "->" the letters that stand once remain, in order.

    Raises: RuntimeError for an equation that does not fit the operands, ValueError if there are no
    operands, TypeError for an equation that is no string or operands that are no tensors.
    """
    if not isinstance(equation, str):
        raise TypeError(f"einsum: takes the equation first, as in 'ij,jk->ik', got {equation!r}")
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    if not operands:
        raise ValueError(f"einsum: {equation!r} needs operands, got none")
    if not all(hasattr(x, "ndim") for x in operands):
        raise TypeError(f"einsum: operands are tensors, got {[type(x).__name__ for x in operands]}")
    terms, out = parsed(equation, [x.ndim for x in operands])
    pairs = [without_repeats(x, t) for x, t in zip(operands, terms, strict=True)]
    xs, terms = [x for x, _ in pairs], tuple(t for _, t in pairs)
    check_sizes(equation, xs, terms)
    return contract(xs, terms=terms, out=out)


def parsed(equation: str, ndims: list) -> tuple[list[str], str]:
    """The terms of an equation and its output, with "..." spelled out in letters not yet taken."""
    left, arrow, out = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise RuntimeError(f"einsum: {equation!r} names {len(terms)} operands, got {len(ndims)}")
    for term in (*terms, out):
        check_term(equation, term)
    free = [c for c in string.ascii_letters[::-1] if c not in equation]
    widest = ""
    for i, (term, ndim) in enumerate(zip(terms, ndims, strict=True)):
        dots = ndim - len(term.replace("...", ""))
        if dots < 0 or (dots and "..." not in term):
            raise RuntimeError(f"einsum: {term!r} in {equation!r} does not fit {ndim} axes")
        hidden = "".join(free[:dots][::-1])
        widest = max(hidden, widest, key=len)
        terms[i] = term.replace("...", hidden)
    if not arrow:
        joined = "".join(terms)
        named = {c for c in joined if joined.count(c) == 1 and c not in widest}
        return terms, widest + "".join(sorted(named))
    out = out.replace("...", widest)
    if len(set(out)) != len(out) or not set(out) <= set("".join(terms)):
        raise RuntimeError(
            f"einsum: the output of {equation!r} must name letters of the operands once"
        )
    return terms, out


def check_term(equation: str, term: str) -> None:
    """Raise RuntimeError unless a term is made of letters and at most one "..."."""
    letters = term.replace("...", "", 1)
    bad = [c for c in letters if c not in string.ascii_letters]
    if bad:
        raise RuntimeError(
            f"einsum: {term!r} in {equation!r} holds {bad[0]!r}; a term is made of letters and at "
            "most one '...'"
        )


def without_repeats(x, term: str) -> tuple:
    """x and its term with axes of the same letter made one: their diagonal.

    Raises: RuntimeError if they are not equally long.
    """
    for letter in term:
        while term.count(letter) > 1:
            i = term.index(letter)
            j = term.index(letter, i + 1)
            if x.shape[i] != x.shape[j]:
                raise RuntimeError(
                    f"einsum: the axes {letter!r} of one operand have sizes {x.shape[i]} and "
                    f"{x.shape[j]}; a diagonal needs equal ones"
                )
            x = movedim(x, (i, j), (0, 1))
            rows = list(range(x.shape[0]))
            x = getitem(x, (rows, rows))
            term = letter + "".join(c for k, c in enumerate(term) if k not in (i, j))
    return x, term


def check_sizes(equation: str, xs: list, terms: tuple) -> None:
    """Raise RuntimeError unless every letter has one size beside sizes of 1."""
    sizes = {}
    for x, term in zip(xs, terms, strict=True):
        for letter, size in zip(term, x.shape, strict=True):
            known = sizes.get(letter, 1)
            if known != size and 1 not in (known, size):
                shapes = " and ".join(str(tuple(x.shape)) for x in xs)
                raise RuntimeError(
                    f"einsum: {letter!r} in {equation!r} has sizes {known} and {size} in operands "
                    f"of shapes {shapes}"
                )
            sizes[letter] = size if known == 1 else known
