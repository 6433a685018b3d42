# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._options.key_options import KEY_VERSION, PROCESS_KEYS
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
        (KEY_VERSION, {**VERSION, "state": "CANARY"}, "state", "is none of adopted, pending, "),
        (KEY_VERSION, {**VERSION, "hold_days": "CANARY"}, "hold_days", "is not of its type, int"),
        (KEY_VERSION, {**VERSION, "values_file": {"SECRET_KEY": "CANARY"}}, "values_file", "is no path"),
        (KEY_VERSION, {**VERSION, "values_file": "{'SECRET_KEY': 'CANARY'}"}, "values_file", "is no path"),
        (KEY_VERSION, {**VERSION, "values_file": "SECRET_KEY: CANARY\nSALT: a"}, "values_file", "is no path"),
        (KEY_VERSION, {**VERSION, "env_file": ["CANARY"]}, "env_file", "is no path"),
        (KEY_VERSION, {**VERSION, "value_file": "CANARY"}, "value_file", "is no option of a.b.c"),
        (KEY_VERSION, {**VERSION, "seal_to": "CANARY"}, "seal_to", "is no option of a.b.c"),
        (KEY_VERSION, {**VERSION, "CANARY": "a"}, "(not shown)", "is no option of a.b.c"),
        (KEY_VERSION, {**VERSION, "keys": [{"name": "A"}, {"name": "B", "bytes": "CANARY"}]},
         "keys[1].bytes", "is not of its type, int"),
        (KEY_VERSION, {**VERSION, "keys": [{"name": "A", "keep": "CANARY"}]},
         "keys[0].keep", "is not of its type, int"),
        (KEY_VERSION, {**VERSION, "keys": [{"name": "A", "destination": {"CANARY": 1}}]},
         "keys[0].destination", "is no path"),
        (KEY_VERSION, {**VERSION, "keys": [{"type": "hex"}]}, "keys[0].name", "is not set"),
        (KEY_VERSION, {**VERSION, "keys": [{"name": "A", "CANARY": 1}]},
         "(not shown)", "is no option of keys[0]"),
        (KEY_VERSION, {**VERSION, "keys": ["CANARY"]}, "keys", "is not of its type, list of dict"),
        (PROCESS_KEYS, {**PROCESSES, "pids": [1, "CANARY"]}, "pids", "is not of its type, list of int"),
        (PROCESS_KEYS, {**PROCESSES, "stage": "CANARY"}, "stage", "is none of current, pending, previous"),
    ],
)  # fmt: skip
def test_an_option_that_is_wrong_is_named_and_not_shown(spec, given, name, found):
    with pytest.raises(RotationError) as refused:
        validated(spec, given, "a.b.c")
    assert (refused.value.code, refused.value.where["name"]) == ("E_OPTION", name)
    assert refused.value.where["found"].startswith(found)
    assert refused.value.todo == "See ansible-doc a.b.c."
    assert "CANARY" not in str(refused.value)
