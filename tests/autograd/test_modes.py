"""Recording modes: contexts, decorators, generators."""

import pytest

import tinygrad_cnn as tg

MODES = [
    (tg.no_grad, False),
    (tg.enable_grad, True),
    (tg.inference_mode, False),
    (lambda: tg.inference_mode(True), False),
    (lambda: tg.inference_mode(False), True),
    (lambda: tg.set_grad_enabled(False), False),
    (lambda: tg.set_grad_enabled(True), True),
]


@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize(("mode", "records"), MODES)
def test_a_mode_holds_within(mode, records, outside):
    x = tg.ones(2, requires_grad=True)
    with tg.set_grad_enabled(outside):
        with mode():
            assert tg.is_grad_enabled() is records
            assert (x * 2).requires_grad is records
        assert tg.is_grad_enabled() is outside

        @mode()
        def decorated():
            return tg.is_grad_enabled()

        assert decorated() is records
        assert tg.is_grad_enabled() is outside


@pytest.mark.parametrize("mode", [tg.no_grad, tg.inference_mode])
def test_a_decorator_needs_no_parentheses(mode):
    @mode
    def decorated(x):
        """What it says."""
        return x * 2

    assert decorated.__doc__ == "What it says."
    assert not decorated(tg.ones(2, requires_grad=True)).requires_grad


def test_a_generator_runs_within_and_its_caller_does_not(torch):
    for library in (tg, torch):
        seen = []

        @library.no_grad()
        def steps(library=library, seen=seen):
            seen.append(library.is_grad_enabled())
            try:
                seen.append((yield 1))
                seen.append(library.is_grad_enabled())
                yield 2
            except ValueError:
                seen.append("thrown")
                yield 3
            finally:
                seen.append(library.is_grad_enabled())
            return 4

        def whole(steps=steps, seen=seen):
            seen.append((yield from steps()))

        run = whole()
        assert next(run) == 1
        assert library.is_grad_enabled()
        assert run.send("sent") == 2
        assert run.throw(ValueError) == 3
        assert list(run) == []
        assert seen == [False, "sent", False, "thrown", False, 4]
        left = steps()
        next(left)
        left.close()
        assert seen[6:] == [False, False]
        assert library.is_grad_enabled()


def test_tensors_of_inference_mode_are_like_all_others():
    with tg.inference_mode():
        x = tg.ones(2) * 3
    w = tg.ones(2, requires_grad=True)
    (w * x).sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]
    assert x.requires_grad_().is_leaf
