# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In a process of its own, as a module is: what it writes after its result is part of the test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ansible_collections.tetech.key_rotation.plugins.module_utils._module import result_output

# The work of a module whose application prints in every way, and looks for the output in what it starts.
MODULE = """
import atexit, os, signal, subprocess, sys, time
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from module_utils._module.runner import run

OUTPUT = os.readlink("/proc/self/fd/1")


def is_held_by(process):
    listed = subprocess.run(["ls", "-l", f"/proc/{process}/fd"], close_fds=False, capture_output=True, text=True)
    return OUTPUT in listed.stdout


def is_held_by_a_fork():
    ready, pipe = os.pipe()
    fork = os.fork()
    if fork == 0:
        os.write(pipe, b"1")
        time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    try:
        return is_held_by(fork)
    finally:
        os.kill(fork, signal.SIGKILL)
        os.waitpid(fork, 0)


def work(module):
    AT_EXIT
    print('{"CANARY": "print"}')
    print('{"CANARY": "really"}', file=sys.__stdout__)
    os.write(1, b'{"CANARY": "write"}\\n')
    os.system("echo '{\\"CANARY\\": \\"system\\"}'")
    atexit.register(print, '{"CANARY": "at exit"}')
    atexit.register(os.write, 1, b'{"CANARY": "written at exit"}\\n')
    held = {"by_this": is_held_by(os.getpid()), "by_a_program": is_held_by("self"), "by_a_fork": is_held_by_a_fork()}
    return {"changed": False, **held, **FAILED}


with patch_module_args({}):
    run(AnsibleModule({}), work, needs=())
"""


def run_module(failed: dict[str, object], at_exit: str = "") -> subprocess.CompletedProcess[str]:
    plugins = Path(result_output.__file__).parents[2]
    code = MODULE.replace("FAILED", repr(failed)).replace("AT_EXIT", f"pass; {at_exit}")
    return subprocess.run(
        [sys.executable, "-c", code], cwd=plugins, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_result_is_all_that_is_in_the_output_whatever_the_application_prints():
    ended = run_module({})
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["changed"] is False
    assert "CANARY" not in ended.stdout + ended.stderr


def test_so_is_a_failure():
    ended = run_module({"failed": True, "msg": "E_ENV_MISSING: it failed"})
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["msg"] == "E_ENV_MISSING: it failed"
    assert "CANARY" not in ended.stdout + ended.stderr


def test_the_result_is_written_before_the_application_can_end_the_process():
    ended = run_module({}, "atexit.register(os._exit, 0)")
    assert json.loads(ended.stdout)["changed"] is False


def test_nothing_that_the_application_starts_has_the_output():
    result = json.loads(run_module({}).stdout)
    assert (result["by_this"], result["by_a_program"], result["by_a_fork"]) == (True, False, False)
