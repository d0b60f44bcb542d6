"""The log's one thread: in order, and no process waits for it at its end."""

import subprocess
import sys
import threading

import pytest

from saga_shell.log.thread import OneThread

PATIENCE_SECONDS = 60.0


def test_work_is_done_in_order_on_one_thread_of_that_name() -> None:
    """DESIGN 5: commits happen in the order of the calls."""
    one = OneThread("the-thread")
    done = [one.submit(lambda n: (n, threading.current_thread().name), n) for n in range(100)]
    one.shutdown()
    assert [future.result(PATIENCE_SECONDS) for future in done] == [
        (n, "the-thread") for n in range(100)
    ]


def test_an_exception_goes_to_whoever_waits_and_the_thread_lives_on() -> None:
    """DESIGN 3: a bug in one piece of work is seen there, and costs no other."""
    one = OneThread("the-thread")
    bad, good = one.submit(lambda: 1 // 0), one.submit(lambda: 1)
    one.shutdown()
    with pytest.raises(ZeroDivisionError):
        bad.result(PATIENCE_SECONDS)
    assert good.result(PATIENCE_SECONDS) == 1


def test_work_that_was_cancelled_in_time_is_not_done() -> None:
    """What nobody waits for any more is left out; what came after it is done."""
    free = threading.Event()
    one = OneThread("the-thread")
    one.submit(free.wait, PATIENCE_SECONDS)
    done: list[int] = []
    cancelled, after = one.submit(done.append, 1), one.submit(done.append, 2)
    assert cancelled.cancel()
    free.set()
    one.shutdown()
    after.result(PATIENCE_SECONDS)
    assert done == [2]


def test_a_process_ends_though_its_work_hangs() -> None:
    """DESIGN 5: a disk that never answers must not keep the launcher alive for ever."""
    code = (
        "import threading\n"
        "from saga_shell.log.thread import OneThread\n"
        "started = threading.Event()\n"
        "one = OneThread('hangs')\n"
        "one.submit(lambda: (started.set(), threading.Event().wait()))\n"
        "started.wait()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE_SECONDS)
