# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stdout callback steps: a line for each step, every error whole and once, and -v for Ansible's own output."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import BIN, CHECKOUT, PLAYBOOKS, Outcome, Site

HOSTS = """
all:
  hosts: {one: {}, two: {}, three: {}}
  vars: {ansible_connection: local, ansible_python_interpreter: auto_silent}
"""
STEPS = "tetech.key_rotation.steps"
PLAY = """
- name: Rotate the keys
  hosts: all
  gather_facts: false
  tasks:
"""
TOOK = r"\(\d+(?:\.\d)? s\)"


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Outcome]:
    """Run tasks on three hosts that are this machine, with the callback."""

    def run(tasks: str, *options: str, terminal: bool = False, callback: str = STEPS) -> Outcome:
        (tmp_path / "hosts.yml").write_text(HOSTS, encoding="utf-8")
        (tmp_path / "play.yml").write_text(PLAY + tasks, encoding="utf-8")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".ansible/tree"),
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_STDOUT_CALLBACK": callback,
            "ANSIBLE_NOCOLOR": "1",
            "HOME": str(tmp_path),
            "COLUMNS": "120",
            "TERM": "xterm",
            "CI": "",
            # ansible-core imports DSA, of which cryptography warns from release 51 on.
            "PYTHONWARNINGS": "ignore:DSA is deprecated",
        }
        argv = [str(BIN / "ansible-playbook"), "play.yml", "-i", "hosts.yml", *options]
        if terminal:
            return on_a_terminal(argv, tmp_path, environment)
        done = subprocess.run(
            argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        return Outcome(done.returncode, done.stdout + done.stderr)

    return run


def on_a_terminal(argv: list[str], folder: Path, environment: dict[str, str]) -> Outcome:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        argv, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    text = b""
    try:
        while chunk := os.read(ours, 65_536):
            text += chunk
    except OSError:  # the terminal is closed
        pass
    return Outcome(process.wait(60), text.decode().replace("\r\n", "\n"))


TWO_STEPS = """
    - name: "Step 1/3: Check the hosts"
      block:
        - name: Check | Say the same
          ansible.builtin.debug: {msg: three were seen}
        - name: Check | Say something else
          ansible.builtin.debug: {msg: "{{ 'two files' if inventory_hostname == 'one' else 'a file' }}"}
        - name: Check | Evaluate a failure later
          ansible.builtin.debug: {msg: not yet}
          failed_when: false
    - name: "Step 2/3: Stop the services"
      when: false
      block:
        - name: Stop | Not needed
          ansible.builtin.debug: {msg: stopped}
    - name: "Step 3/3: Wait"
      block:
        - name: Wait | Wait a moment
          ansible.builtin.command: sleep 1.2
          changed_when: true
          run_once: true
    - name: Check quietly
      ansible.builtin.assert: {that: [true]}
"""


def test_a_step_is_a_line_with_what_was_said_and_names_where_hosts_differ(play: Callable[..., Outcome]) -> None:
    outcome = play(TWO_STEPS)
    assert outcome.code == 0, outcome.text
    lines = outcome.text.strip().splitlines()
    assert lines[0] == "Rotate the keys"
    said = "three were seen; one: two files; three, two: a file"
    assert re.fullmatch(rf"  ok      Step 1/3: Check the hosts {TOOK}: {said}", lines[1]), outcome.text
    assert lines[2] == "  skip    Step 2/3: Stop the services: nothing was done"
    assert re.fullmatch(rf"  ok      Step 3/3: Wait {TOOK}", lines[3]), outcome.text
    assert re.fullmatch(r"Done in [\d.]+ s", lines[-1])
    assert [line for line in lines[4:-1] if line] == [], "an assertion that holds is no step"
    assert "\r" not in outcome.text, "nothing moves without a terminal"


def test_with_v_it_is_ansible_s_own_output(play: Callable[..., Outcome]) -> None:
    outcome = play(TWO_STEPS, "-v")
    assert outcome.code == 0, outcome.text
    assert outcome.text.count("TASK [") == 6, outcome.text
    assert "PLAY RECAP" in outcome.text
    assert "  ok      Step" not in outcome.text


def test_on_a_terminal_the_last_line_moves_while_a_step_works(play: Callable[..., Outcome]) -> None:
    outcome = play(TWO_STEPS, terminal=True)
    assert outcome.code == 0, outcome.text
    moved = re.findall(r"\r  [-|/\\]     Step 3/3: Wait \((\d\.\d) s\): Wait a moment *", outcome.text)
    assert len(moved) >= 2, outcome.text
    assert list(map(float, moved)) == sorted(map(float, moved))
    stays = [line.rpartition("\r")[2] for line in outcome.text.rstrip("\n").split("\n")]
    assert [line[:6].strip() for line in stays if line.startswith("  ")] == ["ok", "skip", "ok"], outcome.text
    assert stays[-1].startswith("Done in"), "no half line is left"


def test_an_error_is_shown_once_whole_and_with_its_place(play: Callable[..., Outcome]) -> None:
    outcome = play(
        """
    - name: Rotate and keep the record
      block:
        - name: "Step 1/1: Check everything"
          block:
            - name: Check | Show the checklist
              tetech.key_rotation.rotation_checklist: {rotation_id: r1, workers: -1}
      rescue:
        - name: Fail the play
          ansible.builtin.fail: {msg: "{{ ansible_failed_result.msg }}"}
""",
        "--check",
    )
    assert outcome.code == 2, outcome.text
    text = " ".join(outcome.text.split())
    assert "Rotate the keys (dry run: nothing is changed)" in text
    failed = rf'FAILED Step 1/1: Check everything {TOOK}, task "Check \| Show the checklist" on \w+ '
    error = r"E_OPTION key_rotation_workers is -1 so far Nothing was changed\. next Set it to 0 or more\."
    assert re.search(failed + error, text), outcome.text
    assert text.count("key_rotation_workers is -1") == 1 + 1, "the step, and the message that the playbook fails with"
    assert len(re.findall(r"The same error as above, on \w+ too\.", text)) == 2, outcome.text
    assert re.search(r"Failed after [\d.]+ s on one, three, two$", text), outcome.text


@pytest.mark.parametrize("callback", ["ansible.builtin.default", STEPS])
def test_the_record_of_a_refused_run_has_the_whole_error_with_every_callback(
    play: Callable[..., Outcome], tmp_path: Path, callback: str
) -> None:
    """The default callback prints the result, in which the error has no text that the message has."""
    outcome = play(
        """
    - name: Keep the record
      block:
        - name: Check everything
          tetech.key_rotation.rotation_checklist: {rotation_id: r1, workers: -1}
      rescue:
        - name: Record the failure
          ansible.builtin.include_role: {name: tetech.key_rotation.record, tasks_from: failed}
          vars: {record_rotation_id: null, key_rotation_record_dir: "{{ playbook_dir }}/records"}
""",
        callback=callback,
    )
    assert outcome.code == 2, outcome.text
    (line,) = (tmp_path / "records/refused/record.jsonl").read_text(encoding="utf-8").splitlines()
    error = json.loads(line)["error"]
    assert {name: error[name] for name in ("code", "what", "todo")} == {
        "code": "E_OPTION",
        "what": "key_rotation_workers is -1",
        "todo": "Set it to 0 or more.",
    }
    if callback != STEPS:
        printed = re.findall(r'"error": (\{[^}]*\})', outcome.text)
        assert len(printed) == 3, "each host has it"
        assert {frozenset(json.loads(each)) for each in printed} == {frozenset({"code", "changed"})}, outcome.text


def test_what_a_program_printed_is_shown_and_what_is_secret_is_not(play: Callable[..., Outcome]) -> None:
    outcome = play(
        """
    - name: Run a program
      ansible.builtin.command: sh -c 'echo CANARY-{{ inventory_hostname }} >&2; false'
      changed_when: false
      ignore_errors: "{{ inventory_hostname == 'one' }}"
      when: inventory_hostname in ['one', 'two']
    - name: Use a password
      ansible.builtin.command: sh -c 'echo SECRET >&2; false'
      changed_when: false
      no_log: true
      when: inventory_hostname == 'three'
""",
    )
    assert outcome.code == 2, outcome.text
    assert outcome.text.count("CANARY-two\n") == 1, outcome.text
    assert "CANARY-one" not in outcome.text, "an ignored error is not an error"
    assert "SECRET" not in outcome.text
    assert "no_log: true" in outcome.text


def test_warnings_and_the_items_that_failed_are_shown(play: Callable[..., Outcome]) -> None:
    outcome = play(
        """
    - name: Try each
      ansible.builtin.command: "{{ item }}"
      changed_when: false
      loop: ["true", "false", sh -c 'exit 3']
      run_once: true
    - name: Never comes
      ansible.builtin.debug: {msg: never}
    - name: "{{ undefined_name }}"
      ansible.builtin.debug: {msg: never}
""",
    )
    assert outcome.code == 2, outcome.text
    failed = re.findall(r"item (.*): .*non-zero return code", outcome.text)
    assert failed == ["false", "sh -c 'exit 3'"], outcome.text
    assert "never" not in outcome.text
    warned = play(
        """
    - name: Warn
      ansible.builtin.file: {path: made, state: touch, mode: 420}
      run_once: true
    - name: Warn of a group that does not exist
      ansible.builtin.group_by: {key: "a-b"}
"""
    )
    assert warned.code == 0, warned.text
    assert warned.text.count("[WARNING]") >= 1, warned.text


def test_an_unreachable_host_is_a_failure(play: Callable[..., Outcome]) -> None:
    outcome = play(
        """
    - name: Reach it
      ansible.builtin.ping:
      vars: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1, ansible_ssh_retries: 0}
      when: inventory_hostname == 'two'
"""
    )
    assert outcome.code == 4, outcome.text
    assert "  FAILED  Reach it (" in outcome.text
    assert outcome.text.rstrip().endswith("on two")


def test_the_playbooks_of_the_collection_have_a_line_for_each_step(site: Site) -> None:
    rotated = site.play("rotate", ANSIBLE_STDOUT_CALLBACK=STEPS, COLUMNS="120")
    assert rotated.code == 0, rotated.text
    assert "TASK [" not in rotated.text
    assert "skipping" not in rotated.text
    unwrapped = " ".join(rotated.text.split("\n          "))
    assert re.search(r"^  ok      .*\d+ values re-encrypted in [\d.]+ s", unwrapped, re.M), rotated.text
    assert rotated.text.count("COMPLETED in") == 1
    assert not re.search(r"\d+ rows: ", rotated.text), "a census that is well is a sentence"

    for playbook, said in (
        ("plan", r"  plan  .*, hash"),
        ("verify", r"Take the census \(.*\): .*\d+ values in 9\s+columns: "),
    ):
        outcome = site.play(playbook, ANSIBLE_STDOUT_CALLBACK=STEPS, COLUMNS="120")
        assert outcome.code == 0, outcome.text
        assert re.search(said, outcome.text), outcome.text
        assert "TASK [" not in outcome.text


def test_ansible_doc_has_the_callback() -> None:
    done = subprocess.run(
        [str(BIN / "ansible-doc"), "-t", "callback", STEPS],
        cwd=PLAYBOOKS, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "stdout_callback = tetech.key_rotation.steps" in done.stdout, done.stdout + done.stderr
