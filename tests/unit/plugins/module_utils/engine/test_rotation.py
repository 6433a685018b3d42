# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine import rotation
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError


@pytest.mark.parametrize("entry", ["", "profile", "profile.name", "profile:7", ":", "7:profile.name"])
def test_a_row_that_is_not_named_in_full_is_refused_before_the_application_starts(entry):
    request = rotation.Request("/none", None, {}, leave_alone=["profile.name:7", entry])
    with pytest.raises(RotationError) as refused, rotation.opened(request):
        pass
    assert (refused.value.code, refused.value.where) == ("E_LEAVE_ALONE", {"index": 1})


@pytest.mark.parametrize("entry", ["profile.name:7", "profile.name:7,de", "profile.name:2026-01-01 10:00:00"])
def test_a_row_that_is_named_in_full_is_taken(entry):
    request = rotation.Request("/none", None, {}, leave_alone=[entry])
    with pytest.raises(RotationError) as refused, rotation.opened(request):
        pass
    assert refused.value.code == "E_PROJECT"


def test_a_request_never_shows_a_value():
    assert "CANARY" not in repr(rotation.Request("/srv/app", None, {"current": {"SECRET_KEY": "CANARY"}}))
