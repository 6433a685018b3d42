# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import (
    destination_options,
    key_generation,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.options import InvalidKeySpec

COMMANDS = {"read": ["get", "K"], "write": ["set", "K"]}
RIGHT: list[Any] = [
    None,
    "/a.key",
    "~/a.key",
    {"file": "/a.toml", "path": "a.b"},
    {"file": "/a.toml", "path": ["a", "b.c"], "exported": True},
    {"file": "/settings.py"},
    {"file": "/a", "format": "yaml"},
    {"file": "/a.env", "dialect": "compose"},
    {"unit": "web"},
    {"unit": ["web", "worker.service"]},
    {"unit": "web", "credential": "field-key.1", "encrypt": ["--with-key=host"]},
    {"secret": "app-keys"},
    {"secret": "app-keys", "namespace": "n", "entry": "K", "context": "arn:aws:eks:c", "kubeconfig": "~/.kube/other"},
    COMMANDS,
]
WRONG: list[tuple[Any, str]] = [
    ("a.key", "not an absolute path"),
    (["/a"], "neither a path nor a dictionary"),
    ({}, ""),
    ({"file": "a.toml"}, "not an absolute path"),
    ({"file": "/a.txt"}, "format cannot be derived"),
    ({"file": "/a.toml", "format": "xml"}, "format cannot be derived"),
    ({"file": "/a.toml", "pth": "a"}, "not one of file, path"),
    ({"file": "/a.toml", "path": 3}, "path has another type"),
    ({"file": "/a.env", "dialect": "bash"}, "dialect is not one of"),
    ({"file": "/a.env", "dialect": "shell", "path": "a"}, "and nothing else"),
    ({"unit": "web", "file": "/a"}, "members other than credential"),
    ({"unit": "web", "encrypt": ["-H"]}, "credential and encrypt"),
    ({"unit": "web", "credential": "a/b"}, "credential is not a name"),
    ({"unit": "web", "credential": "a", "encrypt": "-H"}, "encrypt is not a list"),
    ({"unit": [3]}, "not a name"),
    ({"secret": "a", "path": "x"}, "not one of context, entry"),
    ({"secret": "a/b"}, "secret is not a valid Kubernetes name"),
    ({"read": ["get"]}, "needs read and write"),
    ({**COMMANDS, "file": "/a"}, "needs read and write"),
    ({**COMMANDS, "write": "set K"}, "write is not a list of words"),
    ({**COMMANDS, "read": []}, "read is not a list of words"),
]


@pytest.mark.parametrize("destination", RIGHT)
def test_a_destination_is_a_path_or_one_of_the_dictionaries(destination: Any) -> None:
    assert destination_options.find_wrong(destination) == ""
    key_generation.check_keys([{"name": "K", "destination": destination}])


@pytest.mark.parametrize(("destination", "words"), WRONG)
def test_any_other_is_refused_by_what_is_wrong_with_it(destination: Any, words: str) -> None:
    wrong = destination_options.find_wrong(destination)
    assert words in wrong
    if words:
        with pytest.raises(InvalidKeySpec, match="entry 0 has a destination "):
            key_generation.check_keys([{"name": "K", "destination": destination}])


@pytest.mark.parametrize("destination", [{"file": "/s.py"}, {"unit": "web"}, {"file": "/a.env", "dialect": "shell"}])
def test_two_keys_may_be_in_one_file_under_their_names(destination: Any) -> None:
    key_generation.check_keys([{"name": name, "destination": destination} for name in "AB"])


@pytest.mark.parametrize("destination", ["/a.key", {"file": "/a.toml", "path": "a"}, COMMANDS])
def test_two_keys_may_not_be_in_one_place(destination: Any) -> None:
    with pytest.raises(InvalidKeySpec, match="destination of an earlier one"):
        key_generation.check_keys([{"name": name, "destination": destination} for name in "AB"])


def test_a_new_value_has_no_character_that_its_place_does_not_carry() -> None:
    places: list[Any] = [{"file": "/a.ini"}, {"file": "/a.yml", "exported": True}, {"file": "/e", "dialect": "shell"}]
    places.append({"unit": "web"})
    for place in places:
        key = {"name": "K", "type": "django_secret_key", "destination": place}
        for _ in range(20):
            value = key_generation.generate([key])["K"]
            assert destination_options.can_carry(place, value)
            assert "$" not in value or place.get("dialect") or place.get("unit")


def test_a_unit_carries_what_both_of_its_files_give_back() -> None:
    assert destination_options.can_carry({"unit": "web"}, "a-b_c=$(x)#y z")
    for character in "%\\\"'\n":
        assert not destination_options.can_carry({"unit": ["web", "worker"]}, f"a{character}b")
