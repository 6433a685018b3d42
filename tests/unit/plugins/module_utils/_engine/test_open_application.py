# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import open_application
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import Request
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError


@pytest.mark.parametrize("entry", ["", "profile", "profile.name", "profile:7", ":", "7:profile.name"])
def test_a_row_that_is_not_named_in_full_is_refused_before_the_application_starts(entry):
    request = Request("/none", None, {}, leave_alone=["profile.name:7", entry])
    with pytest.raises(RotationError) as refused, open_application.open_application(request):
        pass
    assert (refused.value.code, refused.value.where) == ("E_LEAVE_ALONE", {"index": 1})


@pytest.mark.parametrize("entry", ["profile.name:7", "profile.name:7,de", "profile.name:2026-01-01 10:00:00"])
def test_a_row_that_is_named_in_full_is_taken(entry):
    request = Request("/none", None, {}, leave_alone=[entry])
    with pytest.raises(RotationError) as refused, open_application.open_application(request):
        pass
    assert refused.value.code == "E_PROJECT"


def test_what_feeds_a_setting_is_looked_for_in_the_files_too(monkeypatch):
    """After a change by hand the application runs on keys that no version has."""
    asked = []
    monkeypatch.setattr(open_application.custom_functions, "processes", lambda *given: contextlib.nullcontext({}))
    for name, found in (("start", None), ("aliases", []), ("texts", {}), ("setting", None)):
        monkeypatch.setattr(open_application.django_project, name, lambda *given, found=found: found)
    monkeypatch.setattr(open_application.django_project, "feeds", lambda key_sets: asked.extend(key_sets) or {})
    request = Request("/srv/app", None, {"current": {"KEY": "a"}}, file_keys={"KEY": "by hand", "NEW": "b"})
    with pytest.raises(RotationError, match="E_DB_REPLICA"), open_application.open_application(request):
        pass
    assert asked == [{"KEY": "by hand"}, {"KEY": "a"}]
