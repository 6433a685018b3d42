# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of a task against what an action takes. Ansible's own errors would show what was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils._errors.base import RotationError, word
from ..module_utils._errors.options import InvalidOption

Spec = Mapping[str, Mapping[str, Any]]
NO_PATH = "{\n"  # a dictionary as a text has them, and a path in practice has not


def validated(spec: Spec, given: Mapping[str, Any], action: str) -> dict[str, Any]:
    """The arguments with every option of ``spec``, paths as they were written. Raises E_OPTION."""
    refuse_unknown(spec, given, action)
    refuse_wrong(spec, given, action)
    return dict(ArgumentSpecValidator(on_controller(spec)).validate(dict(given)).validated_parameters)


def on_controller(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same options for an action plugin, which expands no path: ~ in most of them is that of the host's user."""
    return {
        name: {
            **option,
            **({"type": "str"} if option["type"] == "path" else {}),
            **({"options": on_controller(option["options"])} if "options" in option else {}),
        }
        for name, option in options.items()
    }


def refuse_unknown(spec: Spec, given: Mapping[str, Any], action: str, within: str = "") -> None:
    """Raise E_OPTION for an argument that is none of ``spec``."""
    for name in given:
        if name not in spec:
            raise _refusal(word(name), f"is no option of {within or action}", action)


def refuse_wrong(spec: Spec, given: Mapping[str, Any], action: str, within: str = "") -> None:
    """Raise E_OPTION for an option of ``spec`` that is missing, or is not what it is to be."""
    for name, option in spec.items():
        place, value = f"{within}{name}", given.get(name)
        if value is None:
            if option.get("required"):
                raise _refusal(place, "is not set", action)
            continue
        for number, entry in enumerate(value if isinstance(value, list) else [value]):
            if "options" in option and isinstance(entry, Mapping):
                refuse_unknown(option["options"], entry, action, f"{place}[{number}]")
                refuse_wrong(option["options"], entry, action, f"{place}[{number}].")
        if option["type"] == "path" and not _may_be_path(value):
            raise _refusal(place, "is no path", action)
        if ArgumentSpecValidator(on_controller({name: option})).validate({name: value}).error_messages:
            raise _refusal(place, _expected(option), action)


def _may_be_path(value: Any) -> bool:
    return isinstance(value, str) and not set(NO_PATH) & set(value)


def _expected(option: Mapping[str, Any]) -> str:
    choices: Sequence[str] = option.get("choices", ())
    if choices:
        return f"is none of {', '.join(choices)}"
    kind = f"{option['type']} of {option['elements']}" if "elements" in option else option["type"]
    return f"is not of its type, {kind}"


def _refusal(place: str, found: str, action: str) -> RotationError:
    return InvalidOption(name=place, found=found, advice=f"See ansible-doc {action}.")
