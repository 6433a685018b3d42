# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which former keys leave SECRET_KEY_FALLBACKS, and what is said of those that stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.action import secret_key_fallbacks
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import django_project
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.application import InvalidProject
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._options import application_start
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import FallbacksEvent
from ansible_collections.tetech.key_rotation.plugins.module_utils._tasks.set_fallbacks import set_fallbacks
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys import fallback_keys
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store

VERSIONS = {f"r{number}": KeySet({"SECRET_KEY": f"secret-of-{number}" * 6}) for number in range(4)}
FIRST, SECOND, THIRD, FOURTH = (keys.values["SECRET_KEY"] for keys in VERSIONS.values())
OWN = "of-the-operator"


@pytest.fixture
def rotated(store_path, loader) -> None:
    """Three rotations, of which the second was taken back: the versions 0 and 2 have no stage."""
    (_, first), *others = VERSIONS.items()
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.adopt(first)
        for rotation_id, keys in others:
            history.add_pending(keys, rotation_id)
            history.promote()
            if rotation_id == "r2":
                history.roll_back()
            history.close(rotation_id)
        assert set(history.stages) == {"previous", "current"}


@pytest.fixture
def listed(tmp_path) -> Path:
    path = tmp_path / ".env"
    path.write_text(f"DEBUG=\nSECRET_KEY_FALLBACKS={THIRD},{SECOND},{OWN},{FIRST}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def revoke(store_path, loader, listed, monkeypatch):
    """Revoke while the settings of the application have these keys, and what is said."""

    def run(settings: list[str], start: Callable[..., None] = lambda params: None) -> list[str]:
        said: list[str] = []
        monkeypatch.setattr(application_start, "read_settings", start)
        monkeypatch.setattr(django_project, "setting", {"SECRET_KEY_FALLBACKS": settings}.__getitem__)
        monkeypatch.setattr(secret_key_fallbacks.display, "warning", said.append)
        action = object.__new__(secret_key_fallbacks.ActionModule)
        monkeypatch.setattr(action, "store", lambda args: open_store({"path": store_path}, {}, loader), raising=False)
        args = {"state": "revoked", "env_file": str(listed), "dialect": "dotenv", "store": {}, "record_dir": ""}
        action.judge(args, set_fallbacks(Task(**action.ask(args))))
        return said

    return run


def test_retiring_a_version_also_takes_out_the_key_of_an_older_one_that_nobody_retired(
    run_action, rotated, listed, tmp_path
):
    asked = {"env_file": str(listed), "project_dir": str(tmp_path), "rotation_id": "r9", "state": "absent"}
    done = run_action("secret_key_fallbacks", **asked, key_id=VERSIONS["r2"].key_id)
    assert done["changed"], done
    assert listed.read_text() == f"DEBUG=\nSECRET_KEY_FALLBACKS={SECOND},{OWN}\n", "the previous one is not asked for"
    run_action("secret_key_fallbacks", **asked, key_id=VERSIONS["r1"].key_id)
    assert listed.read_text() == f"DEBUG=\nSECRET_KEY_FALLBACKS={OWN}\n"


class Task:
    """What set_fallbacks is given."""

    check_mode = False
    _diff = False

    def __init__(self, **params: Any) -> None:
        self.params = params
        self.no_log_values: set[str] = set()


def test_after_a_compromise_no_former_key_is_left_in_the_list_and_others_are_named(rotated, listed, revoke):
    said = revoke([OWN])
    assert listed.read_text() == f"DEBUG=\nSECRET_KEY_FALLBACKS={OWN}\n"
    assert [each[:53] for each in said] == ["SECRET_KEY_FALLBACKS has keys (1) of no version in th"]
    assert revoke([]) == []


@pytest.mark.parametrize("line", ["", "SECRET_KEY_FALLBACKS=\n"])
def test_former_keys_that_the_settings_have_from_elsewhere_are_said(rotated, listed, revoke, line):
    listed.write_text(f"DEBUG=\n{line}", encoding="utf-8")
    (said,) = revoke([FIRST, THIRD])
    assert said.startswith("SECRET_KEY_FALLBACKS still has former keys (2), which the application does not read from")
    assert FIRST not in said


def test_a_list_with_which_the_application_does_not_start_gets_its_keys_back(rotated, listed, revoke):
    def refuse(params: Any) -> None:
        raise InvalidProject(path="/srv/shop", fault="does not start")

    with pytest.raises(RotationError, match="is unchanged"):
        revoke([], refuse)
    assert {*listed.read_text().strip().partition("FALLBACKS=")[2].split(",")} == {FIRST, SECOND, THIRD, OWN}


def test_only_keys_that_the_store_still_has_are_put_back(store_path, loader):
    removed = [{"key_id": "1" * 16, "name": "SECRET_KEY"}, {"key_id": "2" * 16, "name": "SECRET_KEY"}]
    kept = SimpleNamespace(key_id="2" * 16, values={"SECRET_KEY": "kept"})
    history = SimpleNamespace(versions=[SimpleNamespace(key_id="1" * 16, values={}), kept])
    changes = [FallbacksEvent(removed=removed), FallbacksEvent(removed=removed[1:])]
    assert fallback_keys.find_removed_keys(changes, history) == ["kept"]
