# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of the application and of its operator. Of what they print, only codes and counts leave this file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .errors import RotationError

CHECK_SECONDS = 120
VERIFY_SECONDS = 3600
NOT_FOUND, TIMED_OUT = 127, 124  # as a shell and timeout(1) say it
_ID = re.compile(r"\(([\w.]+\.[CEIW]\d+)\)")  # of a system check message, Django's "System check framework"
_ERRORS = re.compile(r"(\d+)\s+(?:errors?|failures?|invalid)\b", re.IGNORECASE)
_FAILED = re.compile(r"\bFAIL(?:ED|URE)?\b")
_SHARE = re.compile(r"(\d+)/(\d+) records? passed")


def check(project_dir: str) -> dict[str, int]:
    """``manage.py check --deploy``: how often each message id came, and its exit code as ``exit code``."""
    rc, text = _said(project_dir, ["check", "--deploy"], CHECK_SECONDS)
    return {**Counter(_ID.findall(text)), "exit code": rc}


def verify_encryption(project_dir: str) -> dict[str, int]:
    """The application's own command: what it counts as wrong, since such commands end with 0 whatever they find."""
    rc, text = _said(project_dir, ["verify_encryption"], VERIFY_SECONDS)
    return {
        "exit code": rc,
        "errors": sum(map(int, _ERRORS.findall(text))),
        "words of failure": len(_FAILED.findall(text)),
        "records not passed": sum(max(int(total) - int(passed), 0) for passed, total in _SHARE.findall(text)),
    }


def run(commands: Sequence[Sequence[str]], project_dir: str, seconds: int) -> list[dict[str, Any]]:
    """Each command of an operator in the project's folder; its program, exit code and seconds. Nothing else of it.

    Raises E_COMMAND at the first that does not end with 0.
    """
    done = []
    for number, argv in enumerate(commands, 1):
        begun = time.monotonic()
        rc = _ended(argv, project_dir, seconds)
        program = os.path.basename(argv[0])
        if rc:
            raise RotationError("E_COMMAND", number=number, program=program, rc=rc)
        done.append({"program": program, "rc": rc, "seconds": round(time.monotonic() - begun, 1)})
    return done


def _said(project_dir: str, words: Sequence[str], seconds: int) -> tuple[int, str]:
    argv = [sys.executable, "-B", "manage.py", *words, "--no-color"]
    try:
        ended = subprocess.run(
            argv, cwd=project_dir, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return TIMED_OUT, ""
    return ended.returncode, (ended.stdout + ended.stderr).decode("utf-8", "replace")


def _ended(argv: Sequence[str], folder: str, seconds: int) -> int:
    none = subprocess.DEVNULL
    try:
        return subprocess.run(
            list(argv), cwd=folder, stdin=none, stdout=none, stderr=none, timeout=seconds, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        return TIMED_OUT
    except OSError:
        return NOT_FOUND
