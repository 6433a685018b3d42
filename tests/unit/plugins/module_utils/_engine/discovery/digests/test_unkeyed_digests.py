# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.digests import unkeyed_digests
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import Column

MAIL, NAME = Column("mail", "text", None, False), Column("name", "text", None, False)
MAILS = ["Ann@Example.org ", " bo@example.org", "CY@EXAMPLE.ORG"]


def rows(digest):
    return [(digest(mail), {NAME: f"name {place}", MAIL: mail}) for place, mail in enumerate(MAILS)]


@pytest.mark.parametrize(
    "digest",
    [
        lambda mail: hashlib.md5(mail.encode()).hexdigest(),
        lambda mail: hashlib.sha1(mail.strip().encode()).hexdigest(),
        lambda mail: hashlib.sha256(mail.lower().encode()).hexdigest(),
        lambda mail: hashlib.sha512(mail.strip().lower().encode()).hexdigest(),
        lambda mail: base64.b64encode(hashlib.sha256(mail.encode()).digest()).decode(),
    ],
    ids=["md5", "sha1 stripped", "sha256 lower", "sha512 both", "base64"],
)
def test_a_digest_of_another_column_without_a_key_is_explained(digest):
    assert unkeyed_digests.is_explained(rows(digest))


def test_digests_with_a_key_are_not_explained():
    assert not unkeyed_digests.is_explained(rows(lambda mail: hmac.digest(b"key", mail.encode(), "sha256").hex()))


def test_one_digest_that_differs_leaves_the_column_unexplained():
    """Older rows may have a digest without a key, and newer ones one with a key."""
    *older, (_, texts) = rows(lambda mail: hashlib.md5(mail.encode()).hexdigest())
    newest = hmac.digest(b"key", texts[MAIL].encode(), "md5").hex()
    assert not unkeyed_digests.is_explained([*older, (newest, texts)])


def test_a_table_without_rows_explains_nothing():
    assert not unkeyed_digests.is_explained([])
