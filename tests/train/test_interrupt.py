"""Ctrl-C while something is under way: it waits for the end, unless it is pressed again."""

import signal
import threading

import pytest

from tinygrad_cnn.train.interrupt import held_back

pytestmark = pytest.mark.usefixtures("interruptible")


def press():
    signal.raise_signal(signal.SIGINT)


def test_it_waits_for_the_end():
    done = []
    with pytest.raises(KeyboardInterrupt), held_back():
        press()
        done.append(1)
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_does_not_wait():
    done = []
    with pytest.raises(KeyboardInterrupt), held_back():
        press()
        press()
        done.append(1)
    assert not done


def test_an_error_comes_first():
    with pytest.raises(ZeroDivisionError), held_back():
        press()
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_handlers_of_others_stay():
    heard = []
    signal.signal(signal.SIGINT, lambda *what: heard.append(what))
    with held_back():
        press()
        assert heard


def test_threads_do_not_hear_of_it():
    done = []

    def work():
        with held_back():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done
