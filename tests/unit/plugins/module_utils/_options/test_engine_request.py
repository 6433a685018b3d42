# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.django_project import (
    ApplicationStart,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.env_file import EnvExported
from ansible_collections.tetech.key_rotation.plugins.module_utils._options.engine_request import (
    Purpose,
    refuse_other_source,
    request_of,
)

KEY_SETS = {"pending": {"SECRET_KEY": "CANARY"}}


@pytest.fixture
def params(tmp_path) -> dict[str, Any]:
    (tmp_path / ".env").write_text("SECRET_KEY=CANARY-of-the-file\n")
    (tmp_path / ".env").chmod(0o600)
    return {
        "project_dir": "/srv/app",
        "settings_module": None,
        "environment_from": [],
        "schemes": "auto",
        "targets": "auto",
        "leave_alone": ["profile.name:7"],
        "settlements": {"profile.theirs": {"not_ours": "of a partner"}},
        "ignore": ["profile.theirs"],
        "application_external": ["shop.Profile.key"],
        "keys": [{"name": "SECRET_KEY"}],
        "env_file": str(tmp_path / ".env"),
        "dialect": "dotenv",
        "key_sets": {},
        "key_set_ids": {},
        "base": "current",
        "direct": {"default": {"port": 5432}},
        "progress": None,
    }


def test_without_versions_the_keys_of_the_env_file_are_current(params):
    request = request_of(params, Purpose("census"))
    assert request.key_sets == {"current": {"SECRET_KEY": "CANARY-of-the-file"}}
    assert request.keys_from == params["env_file"]


def test_versions_of_the_store_go_before_the_env_file(params):
    request = request_of({**params, "key_sets": KEY_SETS, "env_file": None}, Purpose("r1"))
    assert request.key_sets == KEY_SETS
    assert request.keys_from == "the key store"
    assert (request.project_dir, request.leave_alone, request.label) == ("/srv/app", ["profile.name:7"], "r1")
    assert request.ignore == ["profile.theirs"]
    assert request.acting == ["shop.Profile.key"]
    assert request.settlements == {"profile.theirs": {"not_ours": "of a partner"}}


def test_besides_the_versions_of_the_store_it_is_known_what_the_env_file_holds(params):
    request = request_of({**params, "key_sets": KEY_SETS}, Purpose("census"))
    assert request.key_sets == KEY_SETS
    assert request.file_keys == {"SECRET_KEY": "CANARY-of-the-file"}


@pytest.mark.parametrize("change", [{"env_file": None}, {"env_file": "/none/.env"}, {"keys": [{"name": "OTHER"}]}])
def test_with_versions_of_the_store_an_env_file_that_cannot_be_read_stops_nothing(params, change):
    assert request_of({**params, "key_sets": KEY_SETS, **change}, Purpose("census")).file_keys == {}


def test_a_request_never_shows_a_value(params):
    assert "CANARY" not in repr(request_of(params, Purpose("census")))
    assert "CANARY" not in repr(request_of({**params, "key_sets": KEY_SETS}, Purpose("census")))


def test_only_a_plan_or_a_dry_run_tries_new_values_and_never_shows_them(params):
    assert request_of(params, Purpose("census")).trial == {}
    keys = [{"name": "SECRET_KEY", "keep": 1}]
    request = request_of({**params, "keys": keys}, Purpose("plan", tried=True))
    new, old = request.trial["SECRET_KEY"].split(",")
    assert old == "CANARY-of-the-file"
    assert len(new) == 32
    assert new not in repr(request)
    of_a_pair = [*keys, {"name": "PUBLIC", "type": "openpgp", "destination": "/none/public.key"}]
    assert request_of({**params, "keys": of_a_pair, "key_sets": KEY_SETS}, Purpose("plan", tried=True)).trial == {}


def test_an_env_file_that_is_refused_is_refused_here(params):
    with pytest.raises(RotationError) as refused:
        request_of({**params, "keys": [{"name": "OTHER"}]}, Purpose("census"))
    assert refused.value.code == "E_ENV_KEY_MISSING"


def test_a_first_look_needs_not_every_key(params):
    keys = [{"name": "SECRET_KEY"}, {"name": "OTHER"}]
    request = request_of({**params, "keys": keys}, Purpose("plan", every_key=False))
    assert request.key_sets == {"current": {"SECRET_KEY": "CANARY-of-the-file"}}
    with pytest.raises(RotationError, match="E_ENV_KEY_MISSING"):
        request_of({**params, "keys": keys}, Purpose("census"))


def test_the_env_file_is_read_in_its_dialect(params, tmp_path):
    (tmp_path / ".env").write_text("SECRET_KEY=a #b\n")
    assert request_of(params, Purpose("census")).key_sets["current"] == {"SECRET_KEY": "a"}
    assert request_of({**params, "dialect": "systemd"}, Purpose("census")).key_sets["current"] == {"SECRET_KEY": "a #b"}


def test_the_other_names_of_the_env_file_are_read_once_for_a_request_and_again_for_the_next(params, tmp_path):
    request = request_of(params, Purpose("census"))
    assert request.env() == {"SECRET_KEY": "CANARY-of-the-file"}
    (tmp_path / ".env").write_text("SECRET_KEY=CANARY-of-the-file\nOTHER=1\n")
    assert request.env() is request.env()
    assert request.env().keys() == {"SECRET_KEY"}
    assert request_of(params, Purpose("census")).env().keys() == {"SECRET_KEY", "OTHER"}


def test_a_variable_that_overrides_the_default_in_a_module_is_refused(tmp_path):
    settings = tmp_path / "settings.py"
    settings.write_text('import os\nK = os.getenv("APP_K", "CANARY")\n')
    settings.chmod(0o600)
    keys = [{"name": "K", "destination": {"file": str(settings)}}]
    params = {"env_file": None, "keys": keys, "dialect": "dotenv"}
    with pytest.raises(EnvExported, match="APP_K"):
        refuse_other_source(params, ApplicationStart(frozenset({"APP_K"})))
