# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring import log_window
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

PATTERNS = ["InvalidToken", "decrypt_failed"]


def log(path: Path, *lines: str) -> None:
    with path.open("a") as handle:
        handle.write("".join(f"{line}\n" for line in lines))


def both(folder: Path, between: list[tuple[str, str]]) -> dict[str, Any]:
    asked = log_window.LogWindow([str(folder / "*.log")], [], PATTERNS)
    memory = json.loads(json.dumps(log_window.begun(asked)))  # as it goes over the controller
    for name, line in between:
        log(folder / name, line)
    return log_window.counted(memory, asked)


def test_what_was_logged_in_between_is_counted_and_nothing_from_before(tmp_path):
    log(tmp_path / "app.log", "InvalidToken of yesterday")
    lines = [("app.log", "InvalidToken CANARY"), ("app.log", "started"), ("new.log", "decrypt_failed CANARY")]
    found = both(tmp_path, lines)
    app, new = str(tmp_path / "app.log"), str(tmp_path / "new.log")
    assert found == {"errors": {app: {"InvalidToken": 1}, new: {"decrypt_failed": 1}}, "problems": [], "notes": []}
    sources = f"{app}: 1 with InvalidToken; {new}: 1 with decrypt_failed"
    with expect_error("E_LOG_ERRORS", count=2, sources=sources) as refused:
        log_window.refuse(found)
    assert "CANARY" not in str(refused.value)


def test_if_nothing_was_logged_all_is_well(tmp_path):
    log(tmp_path / "app.log", "InvalidToken of yesterday")
    found = both(tmp_path, [("app.log", "started")])
    assert found == {"errors": {}, "problems": [], "notes": []}
    log_window.refuse(found)


def test_if_a_log_cannot_be_looked_at_nothing_counted_is_no_proof(tmp_path):
    found = log_window.counted({}, log_window.LogWindow([str(tmp_path / "typo.log")], [], PATTERNS))
    with expect_error("E_LOG_UNSEEN", problems=Containing("/typo.log", "No such file")):
        log_window.refuse(found)


def test_that_there_is_no_file_if_nobody_named_one_is_well(tmp_path):
    log_window.refuse(log_window.counted({}, log_window.LogWindow(None, [], PATTERNS, [str(tmp_path / "logs/*.log")])))
