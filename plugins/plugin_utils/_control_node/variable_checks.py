# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the operator's variables against the argument spec of the role key_rotation.

All problems are reported at once, without any value.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError

from ...module_utils._errors.options import InvalidOptions, InvalidVariable
from ...module_utils._options.option_spec import OptionSpec, Spec
from .._task_options import find_wrong
from .._task_types import Variables

try:
    from ansible._internal._datatag._tags import Origin  # has no public name; without it, no place is shown
except ImportError:
    Origin = None

PREFIX = "key_rotation_"
SPEC_FILE = str(Path(__file__).resolve().parents[3] / "roles/key_rotation/meta/argument_specs.yml")
REFERENCE = "See ansible-doc -t role tetech.key_rotation.key_rotation."
OWN_NAME = f"Remove it. A variable of your own needs a name that does not begin with {PREFIX}."
USE_DEFAULT = "Give it a value, or remove the line to use the default."
REQUIRED = {  # and what to do if it is empty, as any default would be a guess
    "key_rotation_keys": "List the keys, or remove the line and run the plan playbook: it proposes those it finds.",
}
PROJECT_DIR = "key_rotation_project_dir"
NO_PROJECT = (
    "Set it to the directory that contains manage.py, or in which the application runs. For an application that is "
    "installed as a package, set key_rotation_python and key_rotation_settings_module instead."
)
NO_ENV_FILE = "Set it to the file with the keys, or set the destination of each key in key_rotation_keys."
# The former names of variables, and their present ones.
RENAMED = {"key_rotation_maintenance_half": "key_rotation_maintenance_interrupted"}
NEAR = 0.85  # how much of PREFIX is there: all but a sign or two
NOTHING: tuple[object, ...] = (None, "", [], {})
_UNDEFINED = re.compile(r"'(\w+)' is undefined")


@dataclass(frozen=True)
class SettingProblem:
    """A problem with one variable: the name that the operator typed, and its place."""

    name: str
    fault: str
    advice: str


@dataclass(frozen=True)
class HostSettings:
    """The variables of one host as they are written, and the function that evaluates them.

    Only the place of the host's ``own`` variables is known.
    """

    variables: Variables
    own: Iterable[str]
    evaluate: Callable[[Any], Any]

    def typed(self) -> dict[str, str]:
        return {str(name): name for name in (*self.variables, *self.own) if name.startswith(PREFIX)}


def refuse(problems: Iterable[SettingProblem]) -> None:
    """Raise E_VARIABLE for one problem, E_OPTIONS for several."""
    different = list(dict.fromkeys(problems))
    if len(different) == 1:
        (only,) = different
        raise InvalidVariable(variable=only.name, fault=only.fault, advice=only.advice)
    if different:
        lines = [f"\n* {each.name} {each.fault}. {each.advice}" for each in different]
        raise InvalidOptions(count=len(different), problems="".join(lines))


def find_problems(spec: Spec, stand_ins: Iterable[str], host: HostSettings) -> Iterator[SettingProblem]:
    """Every problem of one host. ``stand_ins`` are variables that may replace members of the key store."""
    typed, known = host.typed(), {*spec, *stand_ins}
    for name in sorted(typed.keys() - known):
        place = _with_place(typed[name], host.variables[name])
        yield SettingProblem(place, "is not a variable of this collection", _meant(name, known))
    for name in sorted(filter(_is_near, map(str, host.variables))):
        if close := difflib.get_close_matches(name, known, n=1, cutoff=0.9):
            advice = f"Did you mean {close[0]}? A variable of your own needs a name that is not so close to it."
            yield SettingProblem(name, "is not a variable of this collection", advice)
    yield from _without_project(spec, host)
    for name, option in spec.items():
        if name in typed and option["type"] != "raw" and host.variables[name] != option.get("default"):
            place = _with_place(typed[name], host.variables[name])
            for member, fault, advice in _problems_of(name, option, host):
                yield SettingProblem(f"{member}{place.removeprefix(name)}", fault, advice)


def _without_project(spec: Spec, host: HostSettings) -> Iterator[SettingProblem]:
    """What is missing if there is no project directory, in which the Python and the keys of most applications are."""

    def is_set(name: str) -> bool:
        return host.variables.get(name) not in (None, "", spec[name].get("default"))

    if is_set(PROJECT_DIR):
        return
    if not is_set("key_rotation_python"):
        yield SettingProblem(PROJECT_DIR, "is not set", NO_PROJECT)
    elif not is_set("key_rotation_env_file") and _has_lines(host):
        yield SettingProblem("key_rotation_env_file", "is not set", NO_ENV_FILE)


def _has_lines(host: HostSettings) -> bool:
    """Return whether a key is in the .env file. Keys that cannot be evaluated are a problem of their own."""
    with contextlib.suppress(AnsibleError):
        keys = host.evaluate(host.variables["key_rotation_keys"])
        return any(not key.get("destination") for key in keys if isinstance(key, dict))
    return False


def _is_near(name: str) -> bool:
    """Return whether a name begins almost like those of the collection. Names that begin with __ are internal."""
    if name.startswith((PREFIX, "_")):
        return False
    return difflib.SequenceMatcher(None, name[: len(PREFIX)], PREFIX).ratio() > NEAR


def _problems_of(name: str, option: OptionSpec, host: HostSettings) -> Iterator[tuple[str, str, str]]:
    """The name, or a member; what is wrong with it; and what to do."""
    try:
        value = host.evaluate(host.variables[name])
    except AnsibleError as exc:
        yield name, *_not_evaluated(exc)
        return
    if _is_empty(name, option, value):
        if name in REQUIRED or option.get("default") not in NOTHING:
            yield name, "is empty", REQUIRED.get(name, USE_DEFAULT)
        return
    problems = [(place, fault, REFERENCE) for place, fault in find_wrong({name: option}, {name: value})]
    yield from problems or ((name, *each) for each in CHECKS.get(name, lambda _: ())(value))


def _is_empty(name: str, option: OptionSpec, value: Any) -> bool:
    """Return whether a value counts as not set.

    An empty string, list or dictionary counts as set if the default is not empty.
    """
    if value is None or (value == "" and option["type"] != "str"):
        return True
    return value in NOTHING and (name in REQUIRED or option.get("default") in NOTHING)


def _not_evaluated(exc: Exception) -> tuple[str, str]:
    """Ansible's own text could show a value."""
    if missing := _UNDEFINED.search(str(exc)):
        return f"uses the variable {missing[1]}, which is not set", "Set that variable, or correct its name."
    return "has a template that cannot be evaluated", "Correct the template."


def _rows(value: Any) -> Iterator[tuple[str, str]]:
    if int(value) < 0:
        yield "is negative", "Set it to the number of rows of each model to read, or 0 for all."


def _seconds(value: Any) -> Iterator[tuple[str, str]]:
    if int(value) <= 0:
        yield "is not positive", "Set it to a number of seconds, such as 600."


def _patterns(value: Any) -> Iterator[tuple[str, str]]:
    for number, pattern in enumerate(value if isinstance(value, list) else [value]):
        try:
            re.compile(str(pattern))
        except re.error:
            yield f"[{number}] is not a regular expression", "Correct that entry."


def _commands(value: Any) -> Iterator[tuple[str, str]]:
    for number, words in enumerate(value):
        if not words or isinstance(words, str):
            yield f"[{number}] is not a list of words", "Write each command as [program, argument, ...]."


# What the types of the argument spec cannot say.
CHECKS: dict[str, Callable[[Any], Iterable[tuple[str, str]]]] = {
    "key_rotation_application_rows": _rows,
    "key_rotation_verification_timeout": _seconds,
    "key_rotation_verification_commands": _commands,
    "key_rotation_log_patterns": _patterns,
}


def _meant(name: str, known: Iterable[str]) -> str:
    if name in RENAMED:
        return f"It was renamed: use {RENAMED[name]}."
    short = {each.removeprefix(PREFIX): each for each in known}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), short, n=1, cutoff=0.7)
    return f"Did you mean {short[close[0]]}?" if close else f"{OWN_NAME} {REFERENCE}"


def _with_place(name: str, value: Any) -> str:
    """The name, and the file and line in which it was set."""
    origin, defined = (Origin and Origin.get_tag(value)), (Origin and Origin.get_tag(name))
    if not origin or (defined and defined.path == origin.path):  # that of a list is the line of its first entry
        origin = defined
    if not origin:
        return name
    line = f":{origin.line_num}" if origin.line_num else ""
    return f"{name} ({origin.path}{line})" if origin.path else f"{name} ({str(origin.description).strip('<>')})"
