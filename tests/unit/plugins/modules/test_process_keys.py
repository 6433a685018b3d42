# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine.keysets import KeySet
from ansible_collections.tetech.key_rotation.plugins.modules import process_keys

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no proc file system")

KEYS = KeySet({"SECRET_KEY": "CANARY-new-key", "ENCRYPTION_SALT": "CANARY-new-salt"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / ".env"
    made.touch(mode=0o600)
    made.write_text("".join(f"{name}={value}\n" for name, value in KEYS.values.items()))
    return made


@pytest.fixture
def look(run_module, path):
    def run(check: bool = False, **options):
        given = {
            "env_file": str(path),
            "keys": [{"name": name} for name in KEYS.values],
            "expected": KEYS.key_id,
            **options,
        }
        ended = run_module(process_keys.main, given, check=check)
        assert "CANARY" not in ended.output
        return ended

    return run


def test_every_process_asked_for_is_judged_once_in_a_dry_run_too(look, start):
    word = f"unlikely_{os.getpid()}_word"
    children = [start(word, SECRET_KEY="CANARY").pid, start(word, **KEYS.values).pid]
    for check in (False, True):
        ended = look(check, pids=children, patterns=[word])
        assert (ended.code, ended.result["changed"], ended.result["key_id"]) == (0, False, KEYS.key_id)
        found = {each["pid"]: each["stale"] for each in ended.result["processes"]}
        assert found == {children[0]: True, children[1]: False}
        assert [each["pid"] for each in ended.result["processes"]] == sorted(children)
        assert word not in str(ended.result["processes"])


def test_a_file_with_other_keys_is_told_first(look, start, path):
    path.write_text("SECRET_KEY=CANARY\nENCRYPTION_SALT=CANARY\n")
    assert look(pids=[start().pid]).error == "E_ENV_NOT_SWITCHED"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"units": ["nowhere.service"]}, "unit nowhere.service"),
        ({"pids": [2**31 - 1]}, f"pid {2**31 - 1}"),
        ({"patterns": ["no such [c]ommand"]}, "pattern no such [c]ommand"),
    ],
)
def test_what_has_no_process_is_shown_by_none(look, start, options, what):
    ended = look(**{"pids": [start().pid], **options} if "pids" not in options else options)
    assert ended.error == "E_PROCESS_NONE"
    assert f"no process belongs to {what}" in ended.result["msg"]


def test_a_pattern_that_is_none_is_an_option_to_correct(look):
    assert look(patterns=["("]).error == "E_OPTION"


def test_asking_for_nothing_shows_nothing(look):
    assert look().error == "E_OPTION"


def test_the_file_is_read_in_its_dialect(look, start, path):
    path.write_text(f"export {path.read_text()}")
    child = start(**KEYS.values)
    assert look(pids=[child.pid], dialect="systemd").error == "E_ENV_SYNTAX"
    assert look(pids=[child.pid], dialect="shell").code == 0


def test_a_hidden_environment_passes_only_where_it_is_accepted(look, start, tell, path):
    while time.time() <= path.stat().st_ctime + 0.05:
        time.sleep(0.005)
    child = start(OTHER="x")
    tell(child, "hide")
    for options, stale in (({}, True), ({"hidden_environment": "accept"}, False)):
        (found,) = look(pids=[child.pid], **options).result["processes"]
        assert found["stale"] is stale
