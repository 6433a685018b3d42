# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._options.key_options import (
    KEY_VERSION,
    PROCESS_KEYS_INFO,
)
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._task_options import validated

VERSION = {"state": "pending", "rotation_id": "r1"}
PROCESSES = {"env_file": "/.env", "keys": [{"name": "SECRET_KEY"}]}


def test_options_have_their_types_and_defaults_and_paths_are_as_they_were_written():
    keys = [{"name": "SECRET_KEY", "bytes": "64", "destination": "~/key"}]
    found = validated(KEY_VERSION, {**VERSION, "keys": keys, "values_file": "~/v.yml"}, "a.b.c")
    assert found["keys"] == [
        {
            "name": "SECRET_KEY",
            "type": "token_urlsafe",
            "bytes": 64,
            "keep": 0,
            "destination": "~/key",
            "use": "encryption",
        }
    ]
    assert (found["values_file"], found["dialect"], found["census"]) == ("~/v.yml", "dotenv", None)


@pytest.mark.parametrize(
    ("spec", "given", "name", "found"),
    [
        (KEY_VERSION, {"rotation_id": "r1"}, "state", "is not set"),
        (KEY_VERSION, {**VERSION, "state": "CANARY"}, "state", "must be one of adopted, pending, "),
        (KEY_VERSION, {**VERSION, "hold_days": "CANARY"}, "hold_days", "must be an integer"),
        (KEY_VERSION, {**VERSION, "values_file": {"SECRET_KEY": "CANARY"}}, "values_file", "must be a path"),
        (KEY_VERSION, {**VERSION, "values_file": "{'SECRET_KEY': 'CANARY'}"}, "values_file", "must be a path"),
        (KEY_VERSION, {**VERSION, "values_file": "SECRET_KEY: CANARY\nSALT: a"}, "values_file", "must be a path"),
        (KEY_VERSION, {**VERSION, "env_file": ["CANARY"]}, "env_file", "must be a path"),
        (KEY_VERSION, {**VERSION, "value_file": "CANARY"}, "value_file", "is not an option of a.b.c"),
        (KEY_VERSION, {**VERSION, "seal_to": "CANARY"}, "seal_to", "is not an option of a.b.c"),
        (KEY_VERSION, {**VERSION, "CANARY": "a"}, "(not shown)", "is not an option of a.b.c"),
        (KEY_VERSION, {**VERSION, "keys": [{"name": "A"}, {"name": "B", "bytes": "CANARY"}]},
         "keys[1].bytes", "must be an integer"),
        (KEY_VERSION, {**VERSION, "keys": [{"name": "A", "keep": "CANARY"}]},
         "keys[0].keep", "must be an integer"),
        (KEY_VERSION, {**VERSION, "env_file": {"CANARY": 1}}, "env_file", "must be a path"),
        (KEY_VERSION, {**VERSION, "keys": [{"type": "hex"}]}, "keys[0].name", "is not set"),
        (KEY_VERSION, {**VERSION, "keys": [{"name": "A", "CANARY": 1}]},
         "keys[0].(not shown)", "is not one of name, destination, "),
        (KEY_VERSION, {**VERSION, "keys": ["CANARY"]}, "keys", "must be a list of dictionaries"),
        (PROCESS_KEYS_INFO, {**PROCESSES, "pids": [1, "CANARY"]}, "pids", "must be a list of integers"),
        (PROCESS_KEYS_INFO, {**PROCESSES, "stage": "CANARY"}, "stage", "must be one of current, pending, previous"),
    ],
)  # fmt: skip
def test_an_option_that_is_wrong_is_named_and_not_shown(spec, given, name, found):
    with pytest.raises(RotationError) as refused:
        validated(spec, given, "a.b.c")
    assert (refused.value.code, refused.value.where["argument"]) == ("E_ARGUMENT", name)
    assert refused.value.where["fault"].startswith(found)
    assert refused.value.todo == "See ansible-doc a.b.c."
    assert "CANARY" not in str(refused.value)
