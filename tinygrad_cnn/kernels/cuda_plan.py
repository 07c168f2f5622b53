"""Plans of NVIDIA's cuDNN for convolutions: how one is described, found, kept and run.

A plan is one kernel of cuDNN, with its settings, for arrays of given shapes that lie in memory in a
given way. Its front end (the package nvidia-cudnn-frontend) ranks the plans that there are, and
this module takes the first, or with `tg.backends.cudnn.benchmark` the fastest of the first few.
That choice is kept on disk, by cuDNN's own name of the plan: a later process builds it at once.
Whatever goes wrong on the way is a reason not to use cuDNN, and is in `tg.kernels.report()`.

Every array is described in full, with the strides of each axis: what cuDNN infers by itself it may
infer otherwise.

Not yet confirmed on a GPU.
"""

import functools
import itertools
import json
import operator
import os
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType

from . import cuda_runtime as runtime
from .capture import HERE
from .flags import CUDNN
from .served import UNUSABLE

DTYPES = {"float32": "FLOAT", "float16": "HALF", "bfloat16": "BFLOAT16"}
X, W, Y, B = 1, 2, 3, 4  # how arrays are named in a plan: images, weights, results, bias
READ = {"conv": (X, W), "conv_dx": (Y, W), "conv_dw": (X, Y)}
WRITTEN = {"conv": Y, "conv_dx": X, "conv_dw": W}
TIMED = 10  # plans that benchmark tries at most, as in PyTorch
ALIGNMENT = 16  # bytes: what plans take for granted of addresses
BUILDING = threading.Lock()


@functools.cache
def cudnn() -> ModuleType | None:
    """NVIDIA's front end with the library behind it; None where either cannot be used.

    The package finds the library only when it is asked for something, and raises what it likes.
    """
    try:
        import cudnn

        cudnn.backend_version()
    except Exception as error:
        UNUSABLE["cudnn"] = sentence(error)
        return None
    return cudnn


@functools.cache
def version() -> int:
    """The version of the library, 92800 for 9.28."""
    return cudnn().backend_version()


def sentence(error: Exception) -> str:
    """The first line of an error, and its kind."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


# --- what is asked for ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """All that the choice of a plan depends on.

    x, w, y: the shapes of images, weights and results; groups are x[1] / w[1]. rows: whether
    channels lie innermost, in all three. strict: float32 is multiplied as it is, not as TF32.
    """

    gate: str
    dtype: str
    x: tuple[int, ...]
    w: tuple[int, ...]
    y: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    rows: bool
    bias: bool
    relu: bool
    strict: bool
    deterministic: bool
    benchmark: bool
    device: int
    version: int

    def __str__(self) -> str:
        shapes = " by ".join("x".join(map(str, shape)) for shape in (self.x, self.w))
        also = [name for name in ("bias", "relu", "strict", "deterministic") if getattr(self, name)]
        return " ".join([self.gate, shapes, self.dtype, "rows" if self.rows else "planes", *also])


def channels_last(dtype: str) -> bool:
    """Whether cuDNN gets arrays of this dtype with the channels innermost: where tensor cores
    multiply. Others would have to copy them into planes first.

    This is the only place that decides about layouts.
    """
    return dtype != "float32" or CUDNN.allow_tf32


def strides(shape: tuple, rows: bool) -> list[int]:
    """How many numbers each axis of (N, C, *space) steps over, in rows or in planes."""
    axes = [0, *range(2, len(shape)), 1] if rows else range(len(shape))
    sizes = [shape[axis] for axis in reversed(axes)]
    inner = [*itertools.accumulate(sizes, operator.mul, initial=1)]
    steps = dict(zip(reversed(axes), inner, strict=False))
    return [steps[axis] for axis in range(len(shape))]


def graph_of(key: Key, **where):
    """cuDNN's graph of a key, its plans ranked.

    where: the handle of a GPU, or the description of one that is not there.

    Raises: what the front end raises where there is no plan.
    """
    library = cudnn()
    dtype, exact = getattr(library.data_type, DTYPES[key.dtype]), library.data_type.FLOAT
    types = {"io_data_type": dtype, "intermediate_data_type": exact, "compute_data_type": exact}
    graph = library.pygraph(**types, **where)
    shapes = {X: key.x, W: key.w, Y: key.y}
    first, second = (tensor(graph, uid, shapes[uid], dtype, key.rows) for uid in READ[key.gate])
    how = {
        "padding": [*key.padding],
        "stride": [*key.stride],
        "dilation": [*key.dilation],
    }
    if key.gate == "conv":
        z = graph.conv_fprop(image=first, weight=second, **how)
        z = followed(graph, key, z, dtype)
    elif key.gate == "conv_dx":
        z = graph.conv_dgrad(loss=first, filter=second, **how)
    else:
        z = graph.conv_wgrad(image=first, loss=second, **how)
    uid = WRITTEN[key.gate]
    z.set_output(True).set_data_type(dtype).set_uid(uid)
    z.set_dim([*shapes[uid]]).set_stride(strides(shapes[uid], key.rows))
    graph.validate()
    graph.build_operation_graph()
    # The fallbacks are needed: without them there is no plan that is strict.
    graph.create_execution_plans([library.heur_mode.A, library.heur_mode.FALLBACK])
    notes = library.numerical_note
    unwanted = [notes.TENSOR_CORE, notes.DOWN_CONVERT_INPUTS] if key.strict else []
    if key.deterministic:
        unwanted.append(notes.NONDETERMINISTIC)
    if unwanted:
        graph.deselect_numeric_notes(unwanted)
    graph.check_support()
    return graph


def tensor(graph, uid: int, shape: tuple, dtype, rows: bool):
    """An input of a graph."""
    step = strides(shape, rows)
    return graph.tensor(name=f"t{uid}", dim=[*shape], stride=step, data_type=dtype, uid=uid)


def followed(graph, key: Key, z, dtype):
    """What follows the sums in the same sweep: a bias, and what is below 0 made 0."""
    if key.bias:
        shape = (1, key.w[0], *[1] * len(key.stride))
        z = graph.bias(input=z, bias=tensor(graph, B, shape, dtype, key.rows))
    return graph.relu(input=z) if key.relu else z


# --- plans ----------------------------------------------------------------------------------------


class Plan:
    """A plan that is built."""

    def __init__(self, graph, size: int) -> None:
        self.graph = graph
        self.size = size  # of its workspace, in bytes

    def run(self, addresses: dict[int, int]) -> None:
        """Send the work off, on arrays that lie at these addresses."""
        space = workspace(self.size)  # named: it must live until the work is sent off
        self.graph.execute(addresses, start(space), handle=HANDLES.ready())


PLANS: dict[Key, Plan | None] = {}  # None for what cuDNN does not compute


def plan_for(key: Key, addresses: dict[int, int]) -> Plan | None:
    """The plan of a key, made at its first call; None where there is none.

    addresses: of arrays that plans may be timed with. While a step is being recorded nothing is
    timed, and the plan that is ranked first is taken for this key from then on.
    """
    found = PLANS.get(key, key)
    if found is not key:
        return found
    with BUILDING:
        if key not in PLANS:
            try:
                PLANS[key] = made(key, addresses)
            except Exception as error:
                UNUSABLE[f"cuDNN for {key}"] = sentence(error)
                PLANS[key] = None
    return PLANS[key]


def is_refused(key: Key) -> bool:
    """Whether cuDNN was asked for a plan and had none."""
    return PLANS.get(key, key) is None


def made(key: Key, addresses: dict[int, int]) -> Plan:
    """The plan of a key, built.

    Raises: what the front end raises where there is none.
    """
    graph = graph_of(key, handle=HANDLES.ready())
    if key.benchmark and HERE.recording is None:
        index = chosen(graph, key, addresses)
        graph.build_plan_at_index(index)
        return Plan(graph, graph.get_workspace_size_plan_at_index(index))
    graph.build_plans()
    return Plan(graph, graph.get_workspace_size())


def chosen(graph, key: Key, addresses: dict[int, int]) -> int:
    """The place of the fastest plan among the first: the one that is kept on disk, else timed."""
    names = [graph.get_plan_name_at_index(i) for i in range(graph.get_execution_plan_count())]
    path = place(key)
    kept = read(path).get(text_of(key))
    if kept in names:
        return names.index(kept)
    times = timed(graph, len(names), addresses)
    best = min(times, key=times.__getitem__)
    keep(path, text_of(key), names[best])
    return best


def timed(graph, count: int, addresses: dict[int, int]) -> dict[int, float]:
    """By place how long plans take, for the first that can be built.

    Raises: RuntimeError where none can.
    """
    times = {}
    for index in range(count):
        try:
            graph.build_plan_at_index(index)
            space = workspace(graph.get_workspace_size_plan_at_index(index))
        except Exception:
            continue  # it was deselected, is not for this GPU, or wants too much memory

        def work(index=index, space=space):
            handle = HANDLES.ready()
            graph.execute_plan_at_index(addresses, start(space), index, handle=handle)

        work()
        times[index] = runtime.milliseconds(work)
        if len(times) == TIMED:
            break
    if not times:
        raise RuntimeError(f"none of {count} plans could be built")
    return times


# --- choices on disk ------------------------------------------------------------------------------


def place(key: Key) -> Path:
    """The file with the choices for a model of GPU and a version of cuDNN."""
    model = "-".join(runtime.model().split())
    return folder() / f"cudnn-{key.version}-{model}.json"


def folder() -> Path:
    """Where the files with the choices lie."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "tinygrad_cnn")


def text_of(key: Key) -> str:
    """A key as text; the number of the device is no part of it, its model names the file."""
    return json.dumps(asdict(replace(key, device=0)), sort_keys=True)


def read(path: Path) -> dict[str, str]:
    """The choices in a file: names of plans by keys. A file that cannot be read has none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def keep(path: Path, key: str, name: str) -> None:
    """Add a choice to a file. Where that fails the next process times again."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(read(path) | {key: name}, indent=1))
        os.replace(draft, path)
    except OSError:
        return


# --- handles and workspaces -----------------------------------------------------------------------


class Handles(threading.local):
    """This thread's handles of the library, one for each GPU, and the streams they work on."""

    def __init__(self) -> None:
        self.made: dict[int, list] = {}

    def ready(self):
        """The handle of the current GPU, on the current stream."""
        current, gpu = runtime.stream(), runtime.current()
        if gpu not in self.made:
            runtime.cublas()  # cuDNN ends the process where it finds none; CuPy raises ImportError
            self.made[gpu] = [cudnn().create_handle(), None]
        handle, stream = self.made[gpu]
        if stream != current:
            cudnn().set_stream(handle, current)
            self.made[gpu][1] = current
        return handle


HANDLES = Handles()
SPACES: dict[tuple[int, int], object] = {}  # by GPU and stream, its workspace


def workspace(size: int):
    """An array of at least so many bytes for what the current stream does next; None for none.

    There is one for each stream, and it only grows. While a step is being recorded it is an array
    like any other, of the memory that belongs to the recorded step.
    """
    if size == 0:
        return None
    if HERE.recording is not None:
        return runtime.memory(size)
    owner = (runtime.current(), runtime.stream())
    space = SPACES.get(owner)
    if space is None or space.size < size:
        space = SPACES[owner] = runtime.memory(size)
    return space


def start(space) -> int:
    """The address of a workspace."""
    return 0 if space is None else runtime.address(space)
