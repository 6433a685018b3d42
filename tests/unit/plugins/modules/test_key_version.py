# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._module.sealed_result import Envelope
from ansible_collections.tetech.key_rotation.plugins.modules import key_version, key_version_info

from ...conftest import NOBODY

KEYS = {"SECRET_KEY": "CANARY-key", "ENCRYPTION_SALT": "CANARY-salt"}


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    made = tmp_path / ".env"
    made.write_text("".join(f"{name}={value}\n" for name, value in KEYS.items()))
    made.chmod(0o600)
    return made


@pytest.fixture
def read(run_module, env_file):
    def run(**arguments):
        ended = run_module(
            key_version.main, {"state": "adopted", "rotation_id": "r1", "env_file": str(env_file), **arguments}
        )
        assert "CANARY" not in ended.output
        return ended

    return run


def test_the_keys_come_back_sealed_and_only_the_envelope_opens_them(read):
    envelope = Envelope()
    ended = read(seal_to=envelope.address)
    assert ended.code == 0
    assert envelope.open(ended.result["sealed"]) == KEYS
    assert "key_id" not in ended.result  # whoever opens it makes that, once for all hosts
    assert ended.result["changed"] is False


def test_only_the_settings_asked_for_are_read(read):
    envelope = Envelope()
    ended = read(seal_to=envelope.address, keys=[{"name": "SECRET_KEY"}])
    assert envelope.open(ended.result["sealed"]) == {"SECRET_KEY": KEYS["SECRET_KEY"]}


def test_without_an_envelope_nothing_is_read(read):
    ended = read()
    assert (ended.code, ended.error) == (1, "E_ACTION_MISSING")
    assert "sealed" not in ended.result


@pytest.mark.parametrize("module", [key_version, key_version_info])
def test_the_module_that_was_called_without_its_action_plugin_is_named(run_module, module):
    name = module.__name__.rpartition(".")[2]
    ended = run_module(module.main, {"rotation_id": "r1", "state": "adopted"} if module is key_version else {})
    assert f"the module {name} ran without its action plugin" in ended.result["msg"]


def test_a_file_that_could_not_be_rewritten_later_is_refused_now(public_folder, as_ordinary_user):
    path = public_folder / ".env"
    path.write_text("SECRET_KEY=CANARY\n")
    path.chmod(0o400)
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)

    params = {"seal_to": Envelope().address, "env_file": str(path), "dialect": "dotenv"}
    params["keys"] = [{"name": "SECRET_KEY"}]

    def asked() -> str:
        with pytest.raises(RotationError) as refused:
            key_version.read_keys(SimpleNamespace(params=params))
        return str(refused.value)

    assert as_ordinary_user(asked).startswith(f"E_ENV_WRITE: {path} cannot be written")


def test_an_env_file_that_is_missing_is_an_error_of_the_catalog(read, env_file):
    os.unlink(env_file)
    ended = read(seal_to=Envelope().address)
    assert (ended.code, ended.error) == (1, "E_ENV_MISSING")
    assert str(env_file) in ended.result["msg"]
