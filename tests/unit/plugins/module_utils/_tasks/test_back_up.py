# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import age
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._tasks import back_up


@pytest.fixture(scope="module")
def identity() -> str:
    return subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout


def recipients(**given: Any) -> list[str]:
    asked = {"backup_dir": "/b", "environment": "production", "encrypt": True, "proof": "full", "recipients": []}
    return back_up._recipients({**asked, "identity": None, **given})


def refused(**given: Any) -> str:
    with pytest.raises(RotationError) as error:
        recipients(**given)
    return error.value.code


def test_the_identity_says_who_the_recipients_are(identity):
    assert recipients(identity=identity) == age.recipients_of(identity)


@pytest.mark.parametrize(
    ("environment", "encrypt", "allowed"),
    [
        ("production", True, False),
        ("production", False, False),
        ("staging", True, False),
        ("staging", False, True),
        ("demo", True, True),
    ],
)
def test_an_unencrypted_backup_is_allowed_if_it_was_asked_for(environment, encrypt, allowed):
    if allowed:
        assert recipients(environment=environment, encrypt=encrypt) == []
    else:
        assert refused(environment=environment, encrypt=encrypt) == "E_BACKUP_UNENCRYPTED"


def test_production_is_proved(identity):
    assert refused(identity=identity, proof="none") == "E_PROOF_NONE"
    assert recipients(identity=identity, proof="none", environment="staging")


def test_to_prove_what_nobody_here_can_open_is_refused(identity):
    assert refused(recipients=age.recipients_of(identity)) == "E_BACKUP_IDENTITY"
    assert recipients(recipients=age.recipients_of(identity), proof="none", environment="staging")


def test_an_identity_that_is_no_recipients_is_refused(identity):
    other = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    assert refused(identity=identity, recipients=age.recipients_of(other)) == "E_BACKUP_IDENTITY"


def test_the_key_of_the_backup_is_not_one_of_those_being_rotated(identity):
    secret = identity.splitlines()[-1]
    for value in (secret, f"{secret}\nsomething", f"other,{secret}"):
        with pytest.raises(RotationError) as error:
            back_up._refuse_own_key(identity, {"current": {"SECRET_KEY": value}})
        assert (error.value.code, error.value.where) == ("E_BACKUP_OWN_KEY", {"name": "SECRET_KEY"})
    assert back_up._refuse_own_key(identity, {"current": {"SECRET_KEY": "another"}}) is None
    assert back_up._refuse_own_key("", {"current": {"SECRET_KEY": "another"}}) is None
