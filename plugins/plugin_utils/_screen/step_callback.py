# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stdout callback that shows one line for each step of a playbook, and every error in full and once."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback import CallbackBase

from ...module_utils._errors.base import address
from ...module_utils._errors.counts import counted
from ...module_utils._system.timestamps import format_duration
from . import lines
from .moving_line import MovingLine, attended
from .step_names import step_of
from .step_output import StepOutput

WIDTH = 120  # at most
BELOW = " " * 10  # in front of lines that belong to the step above
FAIL = ("fail", "ansible.builtin.fail")  # the playbook's own end, after an error was shown
NOT_SHOWN = "The playbook failed without a message."


class StepCallback(CallbackBase):
    """The stdout callback, which collects the output of each step.

    Every line that Ansible prints passes through ``_display_line``, so that none collides with the moving line.
    """

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "tetech.key_rotation.steps"

    def __init__(self) -> None:
        super().__init__()
        self._begun = time.monotonic()
        self._step: StepOutput | None = None
        self._below: list[str] = []  # lines that the tasks of the step showed
        self._title: list[str] = []  # of the play, until it has something to show
        self._note = ""  # the progress of its task
        self._failed: set[str] = set()  # titles of failed steps of the play, which are never shown as ok
        self._items: dict[str, list[Mapping[str, Any]]] = {}  # the failed items of a loop, by host
        self._told: set[str] = set()  # errors that were shown
        self._process = os.getpid()
        self._line: MovingLine | None = None
        self._print = self._display.display

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Let the tasks' own lines pass through this callback from now on."""
        lines.by_steps = True
        self._display.display = self._display_line
        self._line = MovingLine(self._moving) if attended() else None
        atexit.register(self._close)  # after Ctrl-C, no half line remains and pending lines are shown

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._end_step()
        self._failed.clear()
        dry_run = " (dry run: nothing is changed)" if context.CLIARGS.get("check") else ""
        self._title = [f"\n{play.get_name().strip()}{dry_run}"]

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        title = step_of(task)
        if self._step is None or self._step.title != title or self._step.failed or self._step.ended:
            self._end_step()
            self._step = StepOutput(title)
        self._note = str(task.name or task.get_name()).rpartition(" | ")[2]

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._handle_warnings(result.result)
        if not isinstance(result.task, TaskInclude) and self._step:
            self._step.add(result.task, result.host.get_name(), result.result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._handle_warnings(result.result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._handle_warnings(result.result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._handle_warnings(result.result)
        failed = {**result.result, "msg": f"item {self._get_item_label(result.result)}: {result.result.get('msg', '')}"}
        self._items.setdefault(result.host.get_name(), []).append(failed)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        self._handle_warnings(result.result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._handle_warnings(result.result)
        items = self._items.pop(result.host.get_name(), [])
        if not ignore_errors:
            self._fail(result, items or [result.result])

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._handle_warnings(result.result)
        if not result.task.ignore_unreachable:
            self._fail(result, [result.result])

    def v2_runner_retry(self, result: Any) -> None:
        left = result.result["retries"] - result.result["attempts"]
        self._note = f"{result.task.get_name()}, {counted(left, 'try', 'tries')} left"

    def v2_on_file_diff(self, result: Any) -> None:
        for item in result.result.get("results", [result.result]) if result.task.loop else [result.result]:
            if item.get("diff") and item.get("changed"):
                self._below += self._get_diff(item["diff"]).splitlines()

    def v2_playbook_on_no_hosts_matched(self) -> None:
        self._tell(["No host of the inventory is in this play."], C.COLOR_SKIP)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._end_step()
        took, failed = format_duration(time.monotonic() - self._begun), sorted({*stats.failures, *stats.dark})
        if failed:
            self._tell([f"\nFailed after {took} on {', '.join(failed)}"], C.COLOR_ERROR)
        else:
            self._tell([f"\nDone in {took}"], C.COLOR_OK)
        self._close()

    def _end_step(self) -> None:
        """Show the line of the step, and below it what its tasks showed. A step with nothing to do has no line.

        A failed step already has its line: what other tasks and hosts did appears below it.
        """
        step, self._step, self._note = self._step, None, ""
        if step and step.failed:
            self._tell(_wrapped(f"{BELOW}done    ", step.sentence()))
        elif step and step.title in self._failed:
            self._tell(_wrapped(BELOW, step.line() if step.sentence() else ""))
        elif step and step.ran:
            self._tell(_wrapped("  ok      ", step.line()), C.COLOR_CHANGED if step.changed else C.COLOR_OK)
        elif step and step.numbered:
            self._tell([f"  skip    {step.title}: nothing was done"], C.COLOR_SKIP)
        self._show_below()
        for ending in step.endings() if step else ():
            if self._is_new(ending):
                self._tell(_wrapped("  FAILED  ", ending), C.COLOR_ERROR)

    def _fail(self, result: Any, failures: Sequence[Mapping[str, Any]]) -> None:
        """Show where a task failed, what the tasks of its step showed, and each error."""
        host, task = result.host.get_name(), result.task
        step = self._step
        if step:
            self._failed.add(step.title)
        if step and task.action in FAIL:
            step.ended[host] = " ".join(str(failure.get("msg") or NOT_SHOWN) for failure in failures)
            return
        where = f'task "{task.name or task.get_name()}" on {self.host_label(result)}'
        took = f"{step.title} ({step.took()}), " if step else ""
        self._tell(_wrapped("  FAILED  ", f"{took}{where}"), C.COLOR_ERROR)
        if step:
            step.failed.add(host)
        self._show_below()
        for failure in failures:
            lines_of_error = list(_error(failure))
            again = [f"{BELOW}The same error as above, on {host} too."]
            self._tell(lines_of_error if self._is_new("\n".join(lines_of_error)) else again, C.COLOR_ERROR)

    def _is_new(self, text: str) -> bool:
        new = text not in self._told
        self._told.add(text)
        return new

    def _display_line(
        self,
        msg: str,
        color: str | None = None,
        stderr: bool = False,
        screen_only: bool = False,
        log_only: bool = False,
        newline: bool = True,
        **options: Any,
    ) -> None:
        """Take a line of Ansible or of a task. A task process passes it on to the main process."""
        if os.getpid() != self._process or log_only:
            self._print(msg, color, stderr, screen_only, log_only, newline, **options)
        elif msg.startswith("\r"):
            self._show_progress(msg.strip())
        elif stderr or self._step is None:
            self._tell([msg], color, stderr, screen_only, **options)
        else:
            self._below += [line for line in msg.splitlines() if line]

    def _show_progress(self, text: str) -> None:
        if self._line is None and text and self._step:
            self._tell(_wrapped("  ...     ", f"{self._step.title}: {text}"))
        self._note = text or self._note

    def _show_below(self) -> None:
        below, self._below = self._below, []
        self._tell([f"{BELOW[2:]}{line}" for line in below])

    def _tell(self, texts: Iterable[str], color: str | None = None, *options: Any, **more: Any) -> None:
        for line in texts:
            title, self._title = self._title, []
            self._tell(title)
            if self._line:
                with self._line.out_of_the_way():
                    self._print(line, color, *options, **more)
            else:
                self._print(line, color, *options, **more)

    def _moving(self) -> str:
        """The text of the moving line. Empty after Ctrl-C, which resets Ansible's signal handler: its last lines
        follow."""
        step, interrupted = self._step, signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        return f"{step.title} ({step.took()}): {self._note}" if step and not interrupted else ""

    def _close(self) -> None:
        if os.getpid() != self._process:
            return
        if self._line:
            self._line.close()
        self._show_below()
        self._display.display = self._print
        lines.by_steps = False


def _error(result: Mapping[str, Any]) -> Iterator[str]:
    """The parts of an error of the catalog; for any other error its message and the output of its program."""
    error = result.get("error")
    if isinstance(error, Mapping) and error.get("code"):
        yield from _wrapped(f"{BELOW}{error['code']}  ", str(error.get("what", "")))
        yield from _wrapped(f"{BELOW}so far  ", str(error.get("changed", "")))
        yield from _wrapped(f"{BELOW}next    ", str(error.get("todo", "")))
        yield f"{BELOW}more    {address(str(error['code']))}"
        return
    parts = (result.get(name) for name in ("msg", "reason", "censored", "module_stderr", "stderr", "stdout"))
    texts = [str(part).strip() for part in parts if part]
    for part in texts or [NOT_SHOWN]:
        yield from _wrapped(BELOW, part)


def _wrapped(begin: str, text: str) -> list[str]:
    """Wrap each line of the text separately: an error with several findings is a list."""
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    wrapped: list[str] = []
    for line in text.splitlines():
        indent = BELOW if wrapped else begin
        wrapped += textwrap.wrap(
            line,
            width,
            initial_indent=indent,
            subsequent_indent=BELOW,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return wrapped
