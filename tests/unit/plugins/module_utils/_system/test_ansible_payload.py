# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import ansible_payload

BEGIN = """
import importlib, json, os, sys
import {module} as payload
sys.path.insert(0, {archive!r})
import ansible.of_task
of_task = sys.modules["ansible.of_task"]

def see():
    seen = []
    for name in ("ansible.of_task", "ansible.late", "ansible.of_application"):
        try:
            seen.append(importlib.import_module(name).OWNER)
        except ImportError:
            seen.append(None)
    return seen

"""
TASK = ["task", "task", None]
APPLICATION = [None, "application", "application"]


@pytest.fixture
def run(tmp_path):
    """Run code in a process with a packed ``ansible``, and perhaps with one of the application. Return its output."""

    def of(code: str, *, installed: bool = True):
        archive, site = tmp_path / "payload.zip", tmp_path / "site"
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("ansible/__init__.py", "")
            for name in ("of_task", "late"):
                packed.writestr(f"ansible/{name}.py", "OWNER = 'task'")
        if installed:
            (site / "ansible").mkdir(parents=True)
            (site / "ansible/__init__.py").touch()
            for name in ("of_application", "late"):
                (site / f"ansible/{name}.py").write_text("OWNER = 'application'", encoding="utf-8")
        ours = Path(ansible_payload.__file__).parents[6]
        begin = BEGIN.format(module=ansible_payload.__name__, archive=str(archive))
        done = subprocess.run(
            [sys.executable, "-S", "-c", begin + textwrap.dedent(code)],
            env={**os.environ, "PYTHONPATH": f"{ours}:{site}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return of


def test_the_application_finds_its_own_and_the_module_that_of_the_task_afterwards(run):
    inside, after, same, first = run("""
        with payload.hidden():
            inside = see()
        after = see()
        same, first = sys.modules["ansible.of_task"] is of_task, sys.path[0].endswith("payload.zip")
        print(json.dumps([inside, after, same, first]))
    """)
    assert (inside, after) == (APPLICATION, TASK)
    assert same
    assert first


def test_an_application_without_one_finds_none(run):
    inside, after = run(
        """
        with payload.hidden():
            inside = see()
        print(json.dumps([inside, see()]))
        """,
        installed=False,
    )
    assert (inside, after) == ([None] * 3, TASK)


@pytest.mark.parametrize("error", ["ValueError", "SystemExit", "KeyboardInterrupt"])
def test_it_is_put_back_after_an_error(run, error):
    after = run(f"""
        try:
            with payload.hidden():
                see()
                raise {error}
        except {error}:
            print(json.dumps(see()))
    """)
    assert after == TASK


def test_our_own_code_finds_that_of_the_task_in_the_middle_of_the_application(run):
    before, shown, again, after = run("""
        with payload.hidden():
            before = see()
            of_application = sys.modules["ansible"]
            with payload.in_place():
                shown = see()
            again = see()
            assert sys.modules["ansible"] is of_application
        print(json.dumps([before, shown, again, see()]))
    """)
    assert (before, shown, again, after) == (APPLICATION, TASK, APPLICATION, TASK)


def test_a_fork_begins_with_that_of_the_application(run):
    child = run("""
        receiver, sender = os.pipe()
        with payload.hidden():
            if not os.fork():
                os.write(sender, json.dumps(see()).encode())
                os._exit(0)
        os.wait()
        print(os.read(receiver, 1000).decode())
    """)
    assert child == APPLICATION


def test_an_installed_one_stays_where_it_is():
    before = sys.modules["ansible"], list(sys.path)
    with ansible_payload.hidden(), ansible_payload.in_place():
        assert (sys.modules["ansible"], sys.path) == before
