# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.own_command import OwnCommand
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

SINGLE = [
    None,
    {"unit": "web"},
    {"unit": "web", "credential": "secret"},
    {"secret": "web"},
    {"read": ["get"], "write": ["set"]},
    {"file": "/etc/web.toml", "path": "vault.key"},
    {"file": "/etc/web", "dialect": "systemd"},
]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> OwnCommand:
    monkeypatch.setattr("django.core.management.get_commands", lambda: {"rotate": "vault"})
    return OwnCommand("rotate", new_keys={"SALT": "NEW_SALT"})


@pytest.mark.parametrize("destination", SINGLE)
def test_a_single_key_that_the_command_does_not_get_is_refused_wherever_it_is(command, destination):
    """The application would get both keys as one text."""
    with pytest.raises(RotationError, match="does not say how rotate gets the new SECRET_KEY") as refused:
        command.refuse_unfit([{"name": "SALT"}, {"name": "SECRET_KEY", "destination": destination}])
    assert refused.value.code == "E_OPTION"


@pytest.mark.parametrize("destination", SINGLE)
def test_a_list_and_a_key_file_have_room_for_both(command, destination):
    command.refuse_unfit([{"name": "SALT", "destination": destination}])
    command.refuse_unfit([{"name": "KEYS", "keep": 1, "destination": destination}])
    command.refuse_unfit([{"name": "KEYS", "destination": "/etc/web/keys"}])
