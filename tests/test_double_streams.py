"""The double's graphs, pools and GPUs do what a test relies on."""

import pytest

double = pytest.importorskip("double", reason="the device double takes CuPy's names from CuPy")
import double_streams  # noqa: E402

cuda, xp = double_streams.CUDA, double.xp
REFUSED = cuda.runtime.CUDARuntimeError


@pytest.fixture(autouse=True)
def two():
    with double_streams.machine(2):
        yield


@pytest.fixture
def stream():
    made = cuda.Stream(non_blocking=True)
    with made:
        yield made
    if made.is_capturing():
        with pytest.raises(REFUSED):
            made.end_capture()


def test_names_are_cupys():
    real = double.cupy.cuda
    for name in vars(cuda):
        assert hasattr(real, name), name
    for kind in ("Device", "Event", "Graph", "MemoryHook", "MemoryPool", "Stream"):
        mine, theirs = getattr(cuda, kind), getattr(real, kind)
        own = {"used", "took", "gave", "touch", "add", "undo", "append", "entered", "count"}
        own |= {"clock", "current"}
        assert {n for n in dir(mine) if n[0] != "_"} - own <= set(dir(theirs)), kind


def test_what_is_captured_is_not_done_before_a_launch(stream):
    x, y = xp.zeros(3), xp.ones(3)
    stream.begin_capture()
    z = (x + y) * 2
    z[0] = 7.0
    x += z
    made = xp.where(x > 0, x, y)
    graph = stream.end_capture()
    assert double.asnumpy(x).tolist() == [0, 0, 0]
    assert double.asnumpy(made).tolist() != [7, 2, 2]  # whatever lay there
    graph.launch(stream)
    assert double.asnumpy(x).tolist() == double.asnumpy(made).tolist() == [7, 2, 2]
    y[...] = 0.0
    graph.launch(stream)
    assert double.asnumpy(x).tolist() == [14, 6, 6]  # 7 + 7 and 2 + 2 * 2


@pytest.mark.parametrize(
    "use",
    [
        lambda x: float(x.sum()),
        lambda x: x.get(),
        lambda x: xp.asarray([1.0]),
        lambda x: double.asnumpy(x),
        lambda x: x[x > 0],
        lambda x: x.set(double.asnumpy(x)),
        lambda x: cuda.Device().synchronize(),
        lambda x: cuda.get_current_stream().synchronize(),
    ],
)
def test_waiting_breaks_a_capture(stream, use):
    x = xp.ones(2)
    stream.begin_capture()
    with pytest.raises(REFUSED):
        use(x)
    with pytest.raises(REFUSED):
        stream.end_capture()
    assert float(x.sum()) == 2.0


def test_the_default_stream_is_not_captured():
    with pytest.raises(REFUSED):
        cuda.Stream.null.begin_capture()


def test_operators_keep_to_the_current_gpu():
    x = xp.ones(2)
    with cuda.Device(1):
        for use in (lambda: x + 1, lambda: xp.exp(x), lambda: x.sum(), lambda: x.fill(1.0)):
            with pytest.raises(ValueError, match="array device = 0 while current = 1"):
                use()
        with pytest.raises(ValueError, match="array device = 0"):
            xp.ones(2) + x
        assert xp.ones(2).device.id == 1
    assert (x + 1)[:1].device.id == 0
    with pytest.raises(REFUSED), cuda.Device(2):
        pass


def test_pools_count_what_arrays_hold():
    pool = cuda.MemoryPool()
    with cuda.using_allocator(pool.malloc):
        x = xp.zeros(100)
        view = x[:10]
    assert pool.used_bytes() == 800
    xp.zeros(100)
    assert pool.used_bytes() == 800
    del x
    assert pool.used_bytes() == 800  # the view keeps it
    del view
    assert (pool.used_bytes(), pool.total_bytes()) == (0, 800)
