"""Thread pools done without their threads, where a delivery must play the same again."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def in_line(here: Callable[[], bool]) -> Iterator[None]:
    """What a thread for which `here` holds gives to a pool it does itself, there and then, in the order given.

    Threads of a pool would cross as the machine happens to. `tests/importing` and `tests/undo` have them real.
    """
    usual = ThreadPoolExecutor.submit

    def submit[**P, T](pool: Executor, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if not here():
            assert isinstance(pool, ThreadPoolExecutor)
            return usual(pool, work, *args, **kwargs)
        done: Future[T] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 -- raised where the result is asked for, as a pool does
            done.set_exception(error)
        return done

    ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]  # for this block alone
    try:
        yield
    finally:
        ThreadPoolExecutor.submit = usual  # type: ignore[method-assign]
