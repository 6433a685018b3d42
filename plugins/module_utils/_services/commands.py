# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run commands of the application and of its operator. Only codes and counts of their output leave this file."""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .._errors.application import CommandFailed, CommandTimedOut
from .._errors.options import InvalidOption
from .._system import child_processes, users
from .._system.child_processes import working_folder

RECORD = "test record"  # a purpose, and that of its removal
REMOVAL = f"removal of the {RECORD}"
VERIFICATION = "verification_commands"  # the option with the commands, unless their purpose has one of its own
OPTIONS = dict.fromkeys((RECORD, REMOVAL), "test_record")

_ID = re.compile(r"\(([\w.]+\.[CEIW]\d+)\)")  # of a system check message, Django's "System check framework"
_WRONG = r"(?:errors?|failures?|failed|invalid|unreadable|undecryptable|corrupt(?:ed)?|broken)"
_N = r"\d+(?:,\d+)*"  # no comma at its end: of "100, 5 failed" the 5
_NUMBER = rf"({_N})"
_WORD = r"(?:[^\W\d]\w* )?"
_BLANKS = re.compile(r"[^\S\n]+")  # by which columns are aligned; each is one blank in what is searched
_TIME = re.compile(  # "22:04:11 ERROR" reports no 11 errors
    r"(?:\b\d{4}-\d\d-\d\d[T ])?(?<!\d)\d\d?:\d\d:\d\d(?:[.,]\d+)?(?:Z\b|[+-]\d\d:?\d\d\b)?"
)
_AFTER = r"(?: \w+)?[\"']? ?[:=] ?\d"
# A number after it is the count, unless it is a part of one before it: of "5 errors: 3 in users" the 5 is.
_COUNTED_AFTER = rf"{_AFTER}[\d,]*(?![\d,])(?! (?:in|on|at|for|from) [^\d\s])"
_WELL = r"(?:passed|ok|valid|verified|decrypted|succeeded|successful)"  # what a number after it counts
_ERRORS = re.compile(
    rf"(?<!\d )\b{_WELL} ?[:=]? ?{_N}(?![\d,])(?= {_WORD}{_WRONG}{_AFTER})|"
    rf"(?<!\d )\b{_WELL} {_N} {_WRONG} {_NUMBER}|"  # so are all numbers of that line
    rf"\b{_WELL} {_N} {_WRONG} {_NUMBER}(?=[^\w\n]*(?:\n|$))|"
    rf"{_NUMBER} ?(?:/|(?:out )?of) ?{_N} {_WORD}{_WRONG}\b(?!{_COUNTED_AFTER})|"  # of "5 of 100 failed" the 5
    rf"{_NUMBER} {_WORD}{_WRONG}\b(?!{_COUNTED_AFTER})|"
    rf"\b{_WRONG}(?: \w+)?[\"']?\s*[:=]\s*{_NUMBER}",
    re.IGNORECASE,
)
_FAILED = re.compile(
    r"\b(?:FAIL(?:ED|URE)?|ERROR|InvalidToken|decrypt_failed)\b|"
    r"(?i:\bdecryption failed\b|\b(?:could not|cannot|can't|unable to|failed to) (?:be )?decrypt(?:ed)?\b)"
)
# Errors are counted by field and taken from the records: the share may be negative (docs/design/django-encryption.md).
_PASSED = r"(?:passed|ok|valid|verified|decrypted)"
_OF = r"(-?\d[\d,]*)\s*(?:/|of|out of)\s*(\d[\d,]*)"
_SHARE = re.compile(rf"{_OF}\s+(?:\w+\s+)?{_PASSED}\b|\b{_PASSED}:?\s+{_OF}", re.IGNORECASE)


def check(seconds: float) -> dict[str, int]:
    """Run ``manage.py check --deploy``. Return how often each message ID came, and the exit code as ``exit code``.

    Raise E_COMMAND_TIME after ``seconds``.
    """
    return of_check(*_run_in_fork("check", seconds, deploy=True))


def of_check(rc: int, text: str) -> dict[str, int]:
    """Return what is kept of the exit code and output of that command."""
    return {**Counter(_ID.findall(text)), "exit code": rc}


def verify_encryption(seconds: float) -> dict[str, int]:
    """Run the application's own command, and return what it counts as wrong. Such commands always end with 0.

    Raise E_COMMAND_TIME after ``seconds``.
    """
    return of_verify_encryption(*_run_in_fork("verify_encryption", seconds))


def of_verify_encryption(rc: int, text: str) -> dict[str, int]:
    """Return what is kept of the exit code and output of that command."""
    searched = _BLANKS.sub(" ", _TIME.sub("", text))
    return {
        "exit code": rc,
        "errors": sum(_int("".join(numbers) or "0") for numbers in _ERRORS.findall(searched)),
        "words of failure": len(_FAILED.findall(text)),
        "records not passed": sum(
            max(_int(all_before or all_after) - _int(before or after), 0)
            for before, all_before, after, all_after in _SHARE.findall(text)
        ),
    }


def _int(text: str) -> int:
    return int(text.replace(",", ""))


def refuse_unrunnable(commands: Sequence[Sequence[str]], project_dir: str, purpose: str) -> None:
    """Raise E_OPTION for the first of an operator's commands that has no program which this user can run."""
    for number, argv in enumerate(commands, 1):
        program = str(argv[0]) if argv else ""
        place = os.path.join(working_folder(project_dir), program) if os.path.dirname(program) else program
        if not shutil.which(place):
            named = (
                f"{program.split()[0]} is not a program that {users.own_name()} can run"
                if program.split()
                else "it is empty"
            )
            raise InvalidOption(
                option=OPTIONS.get(purpose, VERIFICATION),
                fault=f"has no program in its command {number} of {len(commands)}: {named}",
                advice="Write each command as a list of words. A test record has create, check and remove.",
            )


class EndedCommand(NamedTuple):
    """A command that has ended, after so many seconds. Its arguments and its output are not kept."""

    program: str
    rc: int
    seconds: float


def run(commands: Sequence[Sequence[str]], project_dir: str, seconds: int) -> list[EndedCommand]:
    """Run each command of an operator in the project's folder, or without one in ``/``.

    Raise E_COMMAND at the first that does not end with 0 within ``seconds``.
    """
    done = []
    for number, argv in enumerate(commands, 1):
        begun = time.monotonic()
        rc = child_processes.run_command(argv, seconds, working_folder(project_dir))
        program = os.path.basename(argv[0])
        if rc:
            raise CommandFailed(number=number, reason=child_processes.format_failure(rc, seconds, program))
        done.append(EndedCommand(program, rc, round(time.monotonic() - begun, 1)))
    return done


def _run_in_fork(name: str, seconds: float, **options: Any) -> tuple[int, str]:
    """Exit code and output of a command of the application, in a fork of this process that can be ended.

    A new process would inherit our environment, and with it the keys that the settings have read into that.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(theirs, name, options), daemon=False)
    process.start()
    theirs.close()
    try:
        if not ours.poll(seconds):
            raise CommandTimedOut(name=name, seconds=f"{seconds:.0f}")
        said: tuple[int, str] = ours.recv()
    except EOFError:  # it has ended this process without a word
        return 1, ""
    finally:
        if process.pid:
            child_processes.kill_session(process.pid)
        process.kill()  # it may lead no group yet
        process.join()
    return said


def _tell(pipe: Any, name: str, options: Mapping[str, object]) -> None:
    os.setsid()
    pipe.send(_called(name, options))


def _called(name: str, options: Mapping[str, object]) -> tuple[int, str]:
    from django.core.management import CommandError, call_command

    said, rc = io.StringIO(), 0
    _hear_logs(said)
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            call_command(name, stdout=said, stderr=said, no_color=True, **options)
        except CommandError as exc:  # a failed check is one, and its messages are its text
            said.write(str(exc))
            rc = getattr(exc, "returncode", 1)
        except SystemExit as exc:
            rc = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
        except Exception:  # noqa: BLE001 - whatever the application raises; its text could hold a value
            rc = 1
    return rc, said.getvalue()


def _hear_logs(said: io.StringIO) -> None:
    """Add level and message of each log entry of this process to ``said``, once, whatever the handlers.

    A console handler gets none of them. It was opened on the former stderr, and its format has numbers before the
    message. No handler is added, since logging.basicConfig() does nothing if there is one.
    """
    make, emit = logging.getLogRecordFactory(), logging.StreamHandler.emit

    def make_record(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        if record.levelno >= logging.INFO:
            with contextlib.suppress(Exception):  # as logging does with a message that its arguments do not fit
                said.write(f"{record.levelname}\n{record.getMessage()}\n")
        return record

    def emitted(handler: logging.StreamHandler[Any], record: logging.LogRecord) -> None:
        if isinstance(handler, logging.FileHandler):
            emit(handler, record)

    logging.setLogRecordFactory(make_record)
    logging.StreamHandler.emit = emitted  # type: ignore[method-assign, assignment]
