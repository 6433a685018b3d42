# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values in another known format than their column's, which an application wrote after a rotation: the way back."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import census_findings
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

from .conftest import rewrite
from .test_nested import VALUE, fill, keyring, sealed, take, target  # noqa: F401  # a fixture


def stored(database: Database) -> list[bytes]:
    return [value.encode() for (value,) in database.rows("SELECT a FROM secrets ORDER BY id")]


def test_a_rollback_brings_each_back_in_its_own_format(database: Database, keyring: Keyring) -> None:
    formats = ("plain", "prefixed", "gcm_text", "inner")
    fill(database, "text", [sealed(keyring, name, ("pending",)) for name in formats])
    held = target(database, "plain")
    before = take(database, held, keyring)
    assert before.classes == {"pending": 1, "other_scheme": 3}
    assert census_findings.needing([before], keyring, []) == [], "re-encryption brings them back"

    rewrite(database, [held], keyring, "current", stop_at_unreadable=False)

    found = [keyring.stage_of(name, token) for name, token in zip(formats, stored(database))]
    assert [(stage, inside.plaintext) for stage, inside in found] == [("current", VALUE)] * 4
    assert census_findings.needing([take(database, held, keyring)], keyring, ["pending"]) == []
    again = stored(database)
    rewrite(database, [held], keyring, "current", stop_at_unreadable=False)
    assert stored(database) == again, "what is where it should be stays"


def test_one_with_another_token_in_it_stays_and_is_named(database: Database, keyring: Keyring) -> None:
    inner = sealed(keyring, "prefixed", ("pending",))
    fill(database, "text", [sealed(keyring, "plain", ("pending",)), sealed(keyring, "prefixed", ("pending",), inner)])
    held, twice = target(database, "plain"), stored(database)[1]
    rewrite(database, [held], keyring, "current", stop_at_unreadable=False)
    assert stored(database)[1] == twice
    (needing,) = census_findings.needing([take(database, held, keyring)], keyring, ["pending"])
    assert (needing["class"], needing["rows"]) == ("other_scheme", ["secrets.a:1"])


def test_a_rotation_still_stops_at_them(database: Database, keyring: Keyring) -> None:
    fill(database, "text", [sealed(keyring, name, ("current",)) for name in ("plain", "prefixed")])
    before = stored(database)
    with pytest.raises(RotationError, match="E_OTHER_SCHEME"):
        rewrite(database, [target(database, "plain")], keyring, "pending")
    assert stored(database)[1] == before[1]
