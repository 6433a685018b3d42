# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes on one table: spans are dealt out one by one, so that a slow one does not delay the rest.

Each worker has a connection of its own, and is forked with the keys already derived. Its only tie to us is its pipe. If
that breaks, the worker commits or rolls back its current batch, and ends.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from ..._errors.base import RotationError
from ..._errors.errors_by_code import build_error
from ..._errors.run import StoppedBySignal, WorkersKilled
from ..._errors.unexpected import internal
from ..postgres.connection import Database

STANDARD_OUTPUT = 1
MOST_LOST = 3  # workers; one more, and whatever kills them will continue
WAIT_SECONDS = 1.0  # for a word of any worker, before it is seen whether to stop
Task = tuple[Any, ...]
# From a connection and a task, what it comes to, batch by batch.
Perform = Callable[..., Iterator[Any]]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


class Crew:
    """A number of workers. A single worker is this process itself, with its own connection."""

    def __init__(self, count: int, perform: Perform, connect: Callable[[], Database], stop: Stop) -> None:
        self._count = count
        self._perform = perform
        self._connect = connect
        self._stop = stop
        self.lost = 0  # workers that were killed; others took over their tasks

    def batches(self, database: Database, tasks: Sequence[Task]) -> Iterator[Any]:
        """Yield the batches of all tasks, in any order. If a worker is killed, another one does its task.

        Raise the first error of any worker, or E_WORKER.
        """
        count = min(self._count, len(tasks))
        if count > 1:
            yield from self._spread(count, tasks)
            return
        with uncollected():
            for task in tasks:
                yield from self._perform(database, *task)
                self._stop.refuse_to_go_on()

    def refuse_to_go_on(self) -> None:
        """Raise E_STOPPED if it was asked for."""
        self._stop.refuse_to_go_on()

    def _spread(self, count: int, tasks: Sequence[Task]) -> Iterator[Any]:
        left = list(reversed(tasks))
        with contextlib.ExitStack() as stack:
            workers: dict[Connection, Any] = {}
            at: dict[Connection, Task] = {}  # who works, and at what

            def begin() -> None:
                pipe, process = stack.enter_context(self._worker(list(workers)))
                workers[pipe] = process
                at[pipe] = _send_task(pipe, left.pop())

            for _ in range(count):
                begin()
            while at:
                if self._stop.is_requested:
                    for process in workers.values():
                        process.terminate()  # it finishes its batch, and waits for nothing more
                for pipe in [pipe for pipe in wait(list(at), WAIT_SECONDS) if isinstance(pipe, Connection)]:
                    kind, content = _receive_word(pipe)
                    if kind == "batch":
                        yield content
                        continue
                    if kind == "failed":
                        raise build_error(content[0], **content[1])
                    task = at.pop(pipe)
                    if kind == "lost":  # what it committed is found done by who has its task now
                        self.lost += 1
                        left.append(task)
                    if self.lost > MOST_LOST:
                        raise WorkersKilled(count=self.lost)
                    if left and not self._stop.is_requested:
                        if kind == "lost":
                            begin()
                        else:
                            at[pipe] = _send_task(pipe, left.pop())
        self._stop.refuse_to_go_on()

    @contextlib.contextmanager
    def _worker(self, others: Sequence[Connection]) -> Iterator[tuple[Connection, Any]]:
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(
            target=_work, args=(theirs, [ours, *others], self._perform, self._connect, self._stop)
        )
        process.start()
        theirs.close()
        try:
            yield ours, process
        finally:
            ours.close()
            process.terminate()
            process.join()


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Turn off the collector of cycles: the work makes no cycles, and it would take a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _send_task(pipe: Connection, task: Task) -> Task:
    with contextlib.suppress(OSError):  # one that is gone is found when it is listened to
        pipe.send(task)
    return task


def _receive_word(pipe: Connection) -> tuple[str, Any]:
    """Return a word of a worker: batch, done or failed; lost if the worker is gone."""
    try:
        kind, content = pipe.recv()
    except (EOFError, OSError):
        return "lost", None
    return kind, content


def _work(
    pipe: Connection,
    others: Sequence[Connection],
    perform: Perform,
    connect: Callable[[], Database],
    stop: Stop,
) -> None:
    """One worker: tasks in, batches out, until the other end is closed. SIGTERM makes it stop after its batch."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; who deals out the spans decides
    signal.signal(signal.SIGTERM, stop.ask)
    for other in others:
        other.close()  # otherwise the pipe never closes
    with contextlib.suppress(EOFError, OSError):
        try:
            with uncollected(), contextlib.closing(connect()) as database:
                while True:
                    for batch in perform(database, *pipe.recv()):
                        pipe.send(("batch", batch))
                    pipe.send(("done", None))
        except RotationError as exc:
            pipe.send(("failed", (exc.code, exc.where)))
        except (EOFError, OSError):
            raise
        except Exception as exc:
            error = internal(exc)
            pipe.send(("failed", (error.code, error.where)))


class Stop:
    """SIGTERM and Ctrl-C during the work: the current batches are committed, then E_STOPPED is raised.

    Over SSH no signal comes. But the reader of this process' output is gone then, which counts as a request too.
    """

    def __init__(self) -> None:
        self._is_requested = False

    @property
    def is_requested(self) -> bool:
        """Return whether the work is to stop."""
        self._is_requested = self._is_requested or _unheard()
        return self._is_requested

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the two signals as a wish to stop."""
        before = {number: signal.signal(number, self.ask) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def refuse_to_go_on(self) -> None:
        """Raise E_STOPPED if it was asked for."""
        if self.is_requested:
            raise StoppedBySignal()

    def ask(self, *_signal: object) -> None:
        """The handler of the two signals."""
        self._is_requested = True


def _unheard() -> bool:
    """Return whether standard output is a pipe whose other end is closed, because the process that started this one is
    gone."""
    poll = select.poll()
    poll.register(STANDARD_OUTPUT, 0)  # an error or the end of the other side is reported unasked (poll(2))
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
