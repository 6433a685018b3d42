# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callback shows of a step that failed: never that it is ok."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import context
from ansible.utils.context_objects import CLIArgs
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._screen.step_callback import StepCallback

SEVEN, BACK = "Step 7/8: Start the application", "Roll back"
OURS, FAIL = "tetech.key_rotation.application_services", "ansible.builtin.fail"


class Screen:
    """Steps with tasks and their results by host; ``text`` is what a person reads."""

    def __init__(self) -> None:
        self.callback = StepCallback()
        self.lines: list[str] = []
        self.callback._print = lambda line, *args, **options: self.lines.append(line)

    def task(self, step: str, action: str = OURS) -> None:
        around = SimpleNamespace(name=step if step.startswith("Step ") else "", _parent=None)
        self._task = SimpleNamespace(action=action, name="Start | It", _uuid=object(), loop=None, delegate_to=None)
        self._task.get_name, self._task._parent = lambda: step, around
        self.callback.v2_playbook_on_task_start(self._task, False)

    def ok(self, host: str, message: str) -> None:
        self.callback.v2_runner_on_ok(self._result(host, {"msg": message}))

    def failed(self, host: str, message: str, **result: Any) -> None:
        self.callback.v2_runner_on_failed(self._result(host, {"msg": message, **result}))

    def _result(self, host: str, result: dict[str, Any]) -> Any:
        named = SimpleNamespace(get_name=lambda: host, name=host)
        return SimpleNamespace(host=named, task=self._task, result=result, _result=result, _host=named)

    def text(self) -> str:
        self.callback.v2_playbook_on_stats(SimpleNamespace(failures={}, dark={}))
        return re.sub(r" \(\d\.\d s\)", "", "\n".join(self.lines))


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({}))
    made = Screen()
    display = made.callback._display  # one for all tests, to which the callback gives its own method
    monkeypatch.setattr(display, "display", display.display)
    return made


def test_a_step_that_ends_with_the_failure_of_the_playbook_is_not_ok(screen: Screen) -> None:
    screen.task(BACK)
    screen.ok("one", "lease acquired")
    screen.task(BACK, FAIL)
    screen.failed("one", "The rotation stopped, and the rollback stopped too.")
    text = screen.text()
    assert "  ok " not in text, text
    assert "          Roll back: lease acquired\n  FAILED  The rotation stopped, and the rollback stopped too." in text


def test_a_step_is_not_ok_after_its_failure(screen: Screen) -> None:
    screen.task(SEVEN)
    screen.failed("one", "web did not start")
    screen.task(SEVEN)
    screen.ok("two", "the application answers")
    screen.task("Step 8/8: Finish")
    screen.ok("one", "lease released")
    text = screen.text()
    assert f"  ok      {SEVEN}" not in text, text
    assert "the application answers" in text
    assert "  ok      Step 8/8: Finish: lease released" in text


def test_a_later_play_has_its_own_steps(screen: Screen) -> None:
    screen.task(SEVEN)
    screen.failed("one", "web did not start")
    screen.callback.v2_playbook_on_play_start(SimpleNamespace(get_name=lambda: "The next hosts"))
    screen.task(SEVEN)
    screen.ok("two", "started: web")
    assert f"  ok      {SEVEN}: started: web" in screen.text()


def test_a_play_that_shows_nothing_has_no_title(screen: Screen) -> None:
    for title in ("Check the hosts", "Rotate"):
        screen.callback.v2_playbook_on_play_start(SimpleNamespace(get_name=lambda title=title: title))
    screen.task(SEVEN)
    screen.ok("one", "started: web")
    assert screen.text().splitlines()[:3] == ["", "Rotate", f"  ok      {SEVEN}: started: web"]


def test_what_a_step_did_before_it_failed_and_what_other_hosts_did_is_below_it(screen: Screen) -> None:
    screen.task(SEVEN)
    screen.ok("one", "lease acquired")
    screen.ok("two", "lease acquired")
    screen.task(SEVEN)
    screen.ok("one", "stopped: web")
    screen.failed("two", "web did not start")
    screen.ok("three", "stopped: worker")
    screen.task(SEVEN)
    screen.ok("one", "the application answers")
    lines = screen.text().splitlines()
    assert lines[0].startswith(f'  FAILED  {SEVEN}, task "Start | It" on two'), lines
    assert lines[1:4] == [
        "          web did not start",
        "          done    lease acquired; one: stopped: web; three: stopped: worker",
        f"          {SEVEN}: the application answers",
    ]


def test_each_finding_of_an_error_has_its_own_line(screen: Screen) -> None:
    error = {"code": "E_OPTIONS", "what": "2 variables are invalid", "changed": "Nothing was changed."}
    todo = (
        "Correct them:\n* key_rotation_workers is -1. Set it to 0 or more.\n* key_rotation_keys is not set. Name them."
    )
    screen.task(SEVEN)
    screen.failed("one", "E_OPTIONS", error={**error, "todo": todo})
    assert screen.text().splitlines()[1:7] == [
        "          E_OPTIONS  2 variables are invalid",
        "          so far  Nothing was changed.",
        "          next    Correct them:",
        "          * key_rotation_workers is -1. Set it to 0 or more.",
        "          * key_rotation_keys is not set. Name them.",
        "          more    docs/errors.md#e_options",
    ]


def test_the_playbook_says_on_which_host_it_failed_if_the_messages_differ(screen: Screen) -> None:
    screen.task(BACK, FAIL)
    for host, message in (("two", "Fix it."), ("one", "It was rolled back."), ("three", "Fix it.")):
        screen.failed(host, message)
    screen.task("Close the record", FAIL)
    for host in ("one", "two", "three"):
        screen.failed(host, "The run failed: see the error above.")
    assert [line for line in screen.text().splitlines() if "FAILED" in line] == [
        "  FAILED  one: It was rolled back.",
        "  FAILED  three, two: Fix it.",
        "  FAILED  The run failed: see the error above.",
    ]


def test_a_step_in_which_nothing_ran_says_no_more_than_that(screen: Screen) -> None:
    screen.task(SEVEN)
    assert f"  skip    {SEVEN}: nothing was done" in screen.text().splitlines()
