# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ends of a run: each plays one rotation next to a stale writer, and types what an operator types next.

Each returns the last run, which is judged.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

from .application import Application, Run

PATIENCE = 300  # seconds to wait for a moment
OURS = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'key_rotation %'"


def undisturbed(app: Application) -> Run:
    """The writer goes on until the run has ended: nobody stops it, and it would write under its keys afterwards."""
    with app.writer():
        run = app.play("rotate")
    assert not app.conditions.fence or "E_STALE_WRITER" in run.text, run.text[-6000:]
    return run


def undisturbed_writer_stops(app: Application) -> Run:
    """The writer ends when the .env has changed."""
    run = writer_stops(app)
    assert not app.conditions.fence or run.code == 0, run.text[-6000:]
    return run


def writer_stops(app: Application) -> Run:
    with app.writer() as writer:
        process = app.start("rotate")
        wait(app, process, switched(app))
        writer.stop()
        return app.ended("rotate", process)


def ctrl_c_after_the_switch(app: Application) -> Run:
    with app.writer():
        process = app.start("rotate")
        wait(app, process, switched(app))
        os.killpg(process.pid, signal.SIGINT)
        app.ended("rotate", process)
    return app.play("rotate")


def killed_before_the_switch(app: Application) -> Run:
    with app.writer():
        kill(app, re_encrypting(app))
    return app.play("rotate")


def killed_after_the_switch(app: Application) -> Run:
    with app.writer():
        kill(app, switched(app))
    return app.play("rotate")


def rolled_back_after_a_kill(app: Application) -> Run:
    with app.writer():
        kill(app, switched(app))
    return app.play("rollback")


def rolled_back(app: Application) -> Run:
    """The writer is a process that has the new keys. It continues through the rollback, or without a fence through the
    re-encryption: nobody can name what it writes after the last look."""
    run = app.play("rotate")
    assert run.code == 0, run.text[-6000:]
    if not app.conditions.fence:
        return writer_stops_while_values_go_back(app)
    with app.writer():
        run = app.play("rollback")
    assert "E_STALE_WRITER" in run.text, run.text[-6000:]
    return run


def writer_stops_while_values_go_back(app: Application) -> Run:
    """The rollback waits for a row that is locked until the writer has written to every table and has stopped."""
    with app.writer() as writer:
        with app.locked_row():
            process = app.start("rollback")
            wait(app, process, re_encrypting(app))
            app.wait_for_rounds(1)
            writer.stop()
        return app.ended("rollback", process)


def health_failure(app: Application) -> Run:
    """The writer ends, and the application answers no more, when the .env has changed."""
    with healthy_until(switched(app)) as (address, refusals):
        app.write_inventory(key_rotation_health_url=address, key_rotation_health_timeout=2)
        run = writer_stops(app)
    assert not app.conditions.fence or refusals, run.text[-6000:]
    assert run.code != 0, run.text[-6000:]
    return run


ENDS: dict[str, Callable[[Application], Run]] = {
    end.__name__: end
    for end in (
        undisturbed,
        undisturbed_writer_stops,
        ctrl_c_after_the_switch,
        killed_before_the_switch,
        killed_after_the_switch,
        health_failure,
        rolled_back_after_a_kill,
        rolled_back,
    )
}


def switched(app: Application) -> Callable[[], bool]:
    """Whether the .env is another one than now."""
    before = app.env_file.read_bytes()
    return lambda: app.env_file.exists() and app.env_file.read_bytes() != before


def re_encrypting(app: Application) -> Callable[[], bool]:
    """Whether a value that no writer touches has changed."""
    before = app.silent_rows()
    return lambda: app.silent_rows() != before


def wait(app: Application, process: subprocess.Popen[str], moment: Callable[[], bool]) -> None:
    """Until the moment comes, which must be while the process is at work: otherwise the end is another one."""
    deadline = time.monotonic() + PATIENCE
    while not moment():
        assert time.monotonic() < deadline, app.screen()
        assert process.poll() is None, app.screen()
        time.sleep(0.01)


def kill(app: Application, moment: Callable[[], bool]) -> None:
    """SIGKILL for a rotation and all it has started, and wait until the database knows."""
    process = app.start("rotate")
    wait(app, process, moment)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 60
    while app.sql(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ '^key_rotation '"
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextlib.contextmanager
def healthy_until(moment: Callable[[], bool]) -> Iterator[tuple[str, list[int]]]:
    """The address of a server that answers with an error once the moment has come, and these answers."""
    refusals: list[int] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = 500 if moment() else 200
            refusals.extend([status] if status == 500 else [])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", refusals
    finally:
        server.shutdown()
        server.server_close()
