# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.playbook.task import Task
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._module_runner import HostCaller

KEY = "mB7wG0t3kJ8dJ2u5cQeYzWq1sVnL4xRfTaHpKoUiEyM="
TRACEBACK = f"""Traceback (most recent call last):
  File "/srv/app/config/settings.py", line 12, in <module>
    SECRET = read(SECRET_KEY)
  File "/srv/app/config/keys.py", line 7, in read
    raise ValueError(key)
ValueError: {KEY}
"""


@pytest.fixture
def die(run_action, env_file, monkeypatch):
    """The error of a task whose module leaves this output and no result."""

    def of(module: str, output: dict[str, object] | None = None, **args):
        known = {"failed": True, "msg": "MODULE FAILURE", "rc": 1, "module_stdout": "", "module_stderr": ""}
        monkeypatch.setattr(HostCaller, "_execute_module", lambda self, **asked: {**known, **(output or {})})
        keys = {"env_file": env_file} if module.startswith("key_version") else {}
        result = run_action(module, **keys, **args)
        assert (result["failed"], result["error"]["code"]) == (True, "E_MODULE_DIED")
        assert KEY not in str(result)
        return result["error"]

    return of


@pytest.mark.parametrize("stream", ["module_stderr", "module_stdout"])  # a terminal has only one
def test_the_exception_is_named_with_its_place_and_without_its_text(die, stream):
    error = die("key_version", state="adopted", rotation_id="r1", output={stream: TRACEBACK})
    expected = 'the step "key_version" ended without a result (exit code 1): ValueError at /srv/app/config/keys.py:7'
    assert error["what"] == expected


def test_without_a_traceback_it_may_have_been_killed(die):
    killed = {"rc": -9, "module_stderr": f"Killed {KEY}"}
    error = die("key_version", killed, state="adopted", rotation_id="r1")
    assert error["what"].endswith("(exit code -9): it was killed, or the application ended the process")
    assert "If Python runs in a container, check that it was not stopped, and start it." in error["todo"]


def test_the_step_is_named_as_in_the_playbook_and_not_its_modules(die, monkeypatch):
    monkeypatch.setattr(Task, "name", "Plan | Find the encrypted columns", raising=False)
    what = die("key_version", state="adopted", rotation_id="r1")["what"]
    assert what.startswith('the step "Find the encrypted columns" ended without a result')
    assert "key_version" not in what


def test_the_record_is_named_only_if_there_is_one(die):
    changed = "See the record for what was done."
    assert die("key_version", state="adopted", rotation_id="r1")["changed"] == changed
    unknown = "It is unknown what this step changed."
    assert die("application_services", state="stopped", services=[{"systemd": "web"}])["changed"] == unknown
    dry = die("key_version", state="adopted", rotation_id="r1", check=True)
    assert dry["changed"] == "Nothing was changed."
    assert die("key_version_info", rotation_id="r1")["changed"] == "Nothing was changed."
