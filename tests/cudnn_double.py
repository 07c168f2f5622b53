"""A strict stand-in for NVIDIA's cuDNN front end and for cuBLAS, on addresses of host memory.

What it refuses was seen to be refused by the front end 1.32 with cuDNN 9.28, which plans without a
GPU: tensors with gaps, results without dimensions, calls out of order, plans that were deselected.
What it computes it reads and writes through the strides that a graph declares, so that wrong ones
give wrong numbers. It says nothing about speed or about cuDNN's rounding.
"""

import contextlib
import ctypes
import enum
import math
import types

import numpy as np

try:
    from ml_dtypes import bfloat16
except ImportError:  # then no test asks for it
    bfloat16 = None

from tinygrad_cnn.kernels.shapes import out_size
from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx

cudnn_types = enum.Enum("data_type", "FLOAT HALF BFLOAT16")
heur_modes = enum.Enum("heur_mode", "A B FALLBACK")
notes = enum.Enum("numerical_note", "TENSOR_CORE DOWN_CONVERT_INPUTS NONDETERMINISTIC WINOGRAD")
DTYPES = {
    cudnn_types.FLOAT: np.dtype("f4"),
    cudnn_types.HALF: np.dtype("f2"),
    cudnn_types.BFLOAT16: bfloat16 and np.dtype(bfloat16),
}


class NotSupported(RuntimeError):
    """cudnnGraphNotSupportedError."""


def at(address, shape, strides, dtype):
    """The numbers at an address; strides count numbers."""
    size = sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + 1
    raw = (ctypes.c_char * (size * dtype.itemsize)).from_address(address)
    flat = np.frombuffer(raw, dtype)
    return np.lib.stride_tricks.as_strided(flat, shape, [s * dtype.itemsize for s in strides])


class Tensor:
    """A tensor of a graph: all of it must be said before the graph is validated."""

    def __init__(self, dim=None, stride=None, dtype=None, uid=None):
        self.dim, self.stride, self.dtype, self.uid = dim, stride, dtype, uid
        self.output = False

    def set_output(self, value):
        self.output = value
        return self

    def set_data_type(self, dtype):
        self.dtype = dtype
        return self

    def set_uid(self, uid):
        self.uid = uid
        return self

    def set_dim(self, dim):
        self.dim = dim
        return self

    def set_stride(self, stride):
        self.stride = stride
        return self

    def check(self):
        """Raise RuntimeError unless this is a tensor without gaps whose memory is known."""
        for sizes in (self.dim, self.stride):
            if type(sizes) is not list or not all(type(n) is int and n > 0 for n in sizes):
                raise RuntimeError(f"CUDNN_STATUS_BAD_PARAM: {sizes}")
        if len(self.dim) != len(self.stride) or not 4 <= len(self.dim) <= 5:
            raise RuntimeError(f"CUDNN_STATUS_BAD_PARAM: {self.dim}, {self.stride}")
        reach = sum((n - 1) * s for n, s in zip(self.dim, self.stride, strict=True)) + 1
        if reach != math.prod(self.dim):
            raise RuntimeError("getNumElementsWithStride() != getNumElementsWithoutStride()")
        if self.dtype not in DTYPES or type(self.uid) is not int or self.uid < 1:
            raise RuntimeError(f"CUDNN_STATUS_BAD_PARAM: dtype {self.dtype}, uid {self.uid}")

    def read(self, addresses):
        """The tensor's numbers."""
        return at(addresses[self.uid], self.dim, self.stride, DTYPES[self.dtype])


class Graph:
    """cudnn.pygraph: one convolution and what follows it."""

    STEPS = ("tensors", "validated", "built", "planned", "supported", "ready")

    def __init__(self, library, **what):
        missing = {"io_data_type", "intermediate_data_type", "compute_data_type"} - what.keys()
        assert not missing, missing
        assert what["compute_data_type"] is cudnn_types.FLOAT
        assert what["handle"] in library.handles
        self.library, self.step, self.index = library, "tensors", None
        self.tensors, self.after, self.barred = [], [], set()
        library.graphs.append(self)

    def reach(self, step, *before):
        if self.step not in before:
            raise RuntimeError(f"{step} comes after one of {before}, not after {self.step}")
        self.step = step

    def tensor(self, *, name, dim, stride, data_type, uid):
        assert self.step == "tensors" and uid not in [t.uid for t in self.tensors]
        made = Tensor(dim, stride, data_type, uid)
        self.tensors.append(made)
        return made

    def operation(self, kind, first, second, padding, stride, dilation):
        for numbers in (padding, stride, dilation):
            assert type(numbers) is list and len(numbers) == len(first.dim) - 2
        self.kind, self.first, self.second = kind, first, second
        self.how = tuple(map(tuple, (stride, padding, dilation)))
        self.result = Tensor()
        return self.result

    def conv_fprop(self, *, image, weight, padding, stride, dilation):
        return self.operation("conv", image, weight, padding, stride, dilation)

    def conv_dgrad(self, *, loss, filter, padding, stride, dilation):
        return self.operation("conv_dx", loss, filter, padding, stride, dilation)

    def conv_wgrad(self, *, image, loss, padding, stride, dilation):
        return self.operation("conv_dw", image, loss, padding, stride, dilation)

    def bias(self, *, input, bias):
        assert input is self.result
        self.after.append(bias)
        self.result = Tensor()
        return self.result

    def relu(self, *, input):
        assert input is self.result
        self.after.append("relu")
        self.result = Tensor()
        return self.result

    def roles(self):
        """Images, weights and results."""
        return {
            "conv": (self.first, self.second, self.result),
            "conv_dx": (self.result, self.second, self.first),
            "conv_dw": (self.first, self.result, self.second),
        }[self.kind]

    def validate(self):
        self.reach("validated", "tensors")
        assert self.result.output
        for tensor in (*self.tensors, self.result):
            tensor.check()
        if self.result.uid in [t.uid for t in self.tensors]:
            raise RuntimeError("one uid for two tensors")
        x, w, y = (t.dim for t in self.roles())
        axes = zip(x[2:], w[2:], *self.how, strict=True)
        out = [x[0], w[0], *(out_size(*axis) for axis in axes)]
        if y != out or x[1] % w[1] or w[0] % (x[1] // w[1]):
            raise RuntimeError(f"CUDNN_STATUS_BAD_PARAM: {x} by {w} gives {out}, not {y}")

    def build_operation_graph(self):
        self.reach("built", "validated")

    def create_execution_plans(self, modes):
        self.reach("planned", "built")
        self.plans = [(f"eng{i}_k2={i}", {notes.TENSOR_CORE} if i < 3 else set()) for i in range(5)]
        self.plans[3][1].add(notes.NONDETERMINISTIC)
        if heur_modes.FALLBACK not in modes:
            del self.plans[3:]

    def deselect_numeric_notes(self, unwanted):
        assert self.step == "planned"
        self.barred = {i for i, (_, has) in enumerate(self.plans) if has & {*unwanted}}

    def check_support(self):
        self.reach("supported", "planned")
        if self.kind in self.library.refuses or self.after == ["relu"]:
            raise NotSupported("No valid engine configs\nand much more")
        if len(self.barred) == len(self.plans):
            raise RuntimeError("no execution plans")

    def build_plans(self):
        self.reach("ready", "supported")
        self.index = next(i for i in range(len(self.plans)) if i not in self.barred)

    def build_plan_at_index(self, index):
        self.reach("ready", "supported", "ready")
        if index in self.barred:
            raise RuntimeError("this plan was deselected")
        self.index = index

    def get_execution_plan_count(self):
        return len(self.plans)

    def get_plan_name_at_index(self, index):
        return self.plans[index][0]

    def get_workspace_size(self):
        return self.get_workspace_size_plan_at_index(self.index)

    def get_workspace_size_plan_at_index(self, index):
        return 100 * index

    def execute(self, addresses, workspace, handle):
        self.execute_plan_at_index(addresses, workspace, self.index, handle)

    def execute_plan_at_index(self, addresses, workspace, index, handle):
        library = self.library
        assert self.step == "ready"
        assert handle in library.handles and library.streams[handle] == library.stream
        tensors = [*self.tensors, self.result]
        assert addresses.keys() == {t.uid for t in tensors}
        assert all(type(a) is int and a and a % 16 == 0 for a in addresses.values()), addresses
        assert type(workspace) is int
        size = self.get_workspace_size_plan_at_index(index)
        if size:
            at(workspace, [size], [1], np.dtype("u1"))[:] = 255
        library.now += [3.0, 2.0, 5.0, 1.0, 4.0][index]
        library.ran.append((self.kind, self.plans[index][0]))
        z = self.computed([t.read(addresses).astype("f8") for t in (self.first, self.second)])
        for what in self.after:
            z = np.maximum(z, 0) if what == "relu" else z + what.read(addresses).astype("f8")
        self.result.read(addresses)[...] = z.astype(DTYPES[self.result.dtype])

    def computed(self, inputs):
        """The convolution by the gate's body."""
        stride, padding, dilation = self.how
        x, w, _ = (t.dim for t in self.roles())
        how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": x[1] // w[1]}
        if self.kind == "conv":
            return conv.gate.body(*inputs, None, **how)
        if self.kind == "conv_dx":
            return conv_dx.gate.body(*inputs, space=tuple(x[2:]), **how)
        return conv_dw.gate.body(*reversed(inputs), window=tuple(w[2:]), **how)


class Library:
    """The module cudnn, and what it has seen."""

    data_type, heur_mode, numerical_note = cudnn_types, heur_modes, notes
    cudnnGraphNotSupportedError = NotSupported

    def __init__(self):
        self.handles, self.streams, self.graphs, self.ran = [], {}, [], []
        self.refuses = set()  # kinds of convolution that there is no plan for
        self.stream, self.now, self.switches = 7, 0.0, 0

    def backend_version(self):
        return 92800

    def create_handle(self):
        self.handles.append(object())
        return self.handles[-1]

    def set_stream(self, handle, stream):
        self.switches += 1
        self.streams[handle] = stream

    def pygraph(self, **what):
        return Graph(self, **what)

    def milliseconds(self, work):
        """The time by this library's own clock."""
        before = self.now
        work()
        return self.now - before


def gemm_ex(
    handle, ta, tb, m, n, k, alpha, a, atype, lda, b, btype, ldb, beta, c, ctype, ldc, *how
):
    """cublasGemmEx: c = alpha op(a) op(b) + beta c, all by columns."""
    compute, algorithm = how
    kinds = {0: "f4", 1: "f8", 2: "f2", 14: bfloat16}
    assert handle == "cublas" and algorithm == -1 and atype == btype
    assert (atype, ctype, compute) in {
        (0, 0, 68), (0, 0, 77), (1, 1, 70), (2, 0, 68), (14, 0, 68)
    }  # fmt: skip
    assert lda >= (k if ta else m) and ldb >= (n if tb else k) and ldc >= m
    number = np.dtype("f8" if compute == 70 else "f4")
    scale, keep = (at(address, [1], [1], number)[0] for address in (alpha, beta))
    dtype = np.dtype(kinds[atype])
    left = at(a, (m, k), (lda, 1) if ta else (1, lda), dtype).astype("f8")
    right = at(b, (k, n), (ldb, 1) if tb else (1, ldb), dtype).astype("f8")
    out = at(c, (m, n), (1, ldc), np.dtype(kinds[ctype]))
    out[...] = scale * (left @ right) + (keep * out if keep else 0)  # beta 0 ignores even nan


cublas = types.SimpleNamespace(gemmEx=gemm_ex)


def host_address(x):
    """Where an array of NumPy or of the device double has its first number."""
    return getattr(x, "_host", x).ctypes.data


@contextlib.contextmanager
def installed(monkeypatch, array):
    """The library in place of the genuine one, with arrays that `array` makes for memory."""
    from tinygrad_cnn.kernels import cuda_plan, cuda_runtime, served

    library = Library()
    unusable = dict(served.UNUSABLE)
    with monkeypatch.context() as patch:
        patch.setattr(cuda_plan, "cudnn", lambda: library)
        patch.setattr(cuda_plan, "version", library.backend_version)
        patch.setattr(cuda_plan, "HANDLES", cuda_plan.Handles())
        patch.setattr(cuda_plan, "PLANS", {})
        patch.setattr(cuda_plan, "SPACES", {})
        patch.setattr(cuda_runtime, "address", host_address)
        patch.setattr(cuda_runtime, "cublas", lambda: (cublas, "cublas"))
        patch.setattr(cuda_runtime, "current", lambda: 0)
        patch.setattr(cuda_runtime, "model", lambda: "A GPU")
        patch.setattr(cuda_runtime, "stream", lambda: library.stream)
        patch.setattr(cuda_runtime, "memory", lambda size: array(np.zeros(size, "u1")))
        patch.setattr(cuda_runtime, "milliseconds", library.milliseconds)
        yield library
    served.UNUSABLE.clear()
    served.UNUSABLE.update(unusable)
