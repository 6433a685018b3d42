# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validate the arguments of a task. Ansible's own errors would show values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils._errors.base import RotationError, word
from ..module_utils._errors.options import InvalidArgument
from ..module_utils._options.option_spec import Options, OptionSpec, Spec
from ._task_types import TaskArguments

TEXTS = {"str", "path"}
KINDS = {  # one of them, and several
    "bool": ("true or false", "booleans"),
    "dict": ("a dictionary", "dictionaries"),
    "float": ("a number", "numbers"),
    "int": ("an integer", "integers"),
    "list": ("a list", "lists"),
    "path": ("a path", "paths"),
    "str": ("a string", "strings"),
}
PLAIN: Mapping[str, type] = {"bool": bool, "dict": dict, "int": int, "str": str}
NO_PATH = "{\n"  # a dictionary as a text has them, and a path in practice has not


def validated(spec: Spec, given: Options, action: str) -> TaskArguments:
    """The arguments with every option of ``spec``, paths as they were written. Raise E_ARGUMENT.

    One that is null has its default, as on the host's side.
    """
    refuse_unknown(spec, given, action)
    refuse_wrong(spec, given, action)
    asked = {name: value for name, value in given.items() if value is not None}
    return dict(ArgumentSpecValidator(on_controller(spec)).validate(asked).validated_parameters)


def on_controller(options: Spec) -> Spec:
    """Return the same options for an action plugin, which expands no path: ~ usually belongs to the host's user."""
    return {name: _on_controller(option) for name, option in options.items()}


def _on_controller(option: OptionSpec) -> OptionSpec:
    option = option.copy()
    if option["type"] == "path":
        option["type"] = "str"
    if "options" in option:
        option["options"] = on_controller(option["options"])
    return option


def refuse_unknown(spec: Spec, given: Options, action: str) -> None:
    """Raise E_ARGUMENT for an argument that is not in ``spec``."""
    for name in given:
        if name not in spec:
            raise _refusal(word(name), f"is not an option of {action}", action)


def refuse_wrong(spec: Spec, given: Options, action: str) -> None:
    """Raise E_ARGUMENT for an option of ``spec`` that is missing, or is not what it must be."""
    for place, fault in find_wrong(spec, given):
        raise _refusal(place, fault, action)


def find_wrong(spec: Spec, given: Options, within: str = "") -> Iterator[tuple[str, str]]:
    """Each option of ``spec`` that is missing or is not what it must be, and what it must be."""
    for name, option in spec.items():
        place, value = f"{within}{name}", given.get(name)
        if value is None:
            if option.get("required"):
                yield place, "is not set"
            continue
        members = list(_wrong_members(option, value, place))
        yield from members
        if not members and not _fits(option, value):
            yield place, f"must be {_expected(option)}"


def _wrong_members(option: OptionSpec, value: Any, place: str) -> Iterator[tuple[str, str]]:
    if "options" not in option:
        return
    entries = enumerate(value) if isinstance(value, list) else [("", value)]
    for number, entry in entries:
        if isinstance(entry, Mapping):
            whole = f"{place}[{number}]" if isinstance(value, list) else place
            known = ", ".join(option["options"])
            unknown = (word(name) for name in entry if name not in option["options"])
            yield from ((f"{whole}.{name}", f"is not one of {known}") for name in unknown)
            yield from find_wrong(option["options"], entry, f"{whole}.")


def _fits(option: OptionSpec, value: Any) -> bool:
    if _is_plain(option, value):
        return True
    texts = value if option.get("elements") in TEXTS and isinstance(value, list) else [value]
    if TEXTS & {option["type"], option.get("elements")} and not all(map(_may_be_text, texts)):
        return False
    if option["type"] == "path" and not _may_be_path(value):
        return False
    return not ArgumentSpecValidator(on_controller({"value": option})).validate({"value": value}).error_messages


def _is_plain(option: OptionSpec, value: Any) -> bool:
    """Return whether a value without members has the type of its option. Ansible's own validation takes a millisecond
    each."""
    if {"options", "elements"} & set(option) or not isinstance(value, PLAIN.get(option["type"], ())):
        return False
    return value in option["choices"] if "choices" in option else True


def _may_be_text(value: Any) -> bool:
    """Ansible itself takes a dictionary for a string too."""
    return not isinstance(value, (Mapping, list))


def _may_be_path(value: Any) -> bool:
    return isinstance(value, str) and not set(NO_PATH) & set(value)


def _expected(option: OptionSpec) -> str:
    choices: Sequence[str] = option.get("choices", ())
    if choices:
        return f"one of {', '.join(choice for choice in choices if choice)}"
    kind, _ = KINDS[option["type"]]
    return f"{kind} of {KINDS[option['elements']][1]}" if "elements" in option else kind


def _refusal(place: str, fault: str, action: str) -> RotationError:
    return InvalidArgument(argument=place, fault=fault, advice=f"See ansible-doc {action}.")
