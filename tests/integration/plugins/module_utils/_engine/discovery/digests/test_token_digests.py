# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of stored tokens: a rotation changes the tokens, and the application would refuse what does not fit."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.digests import token_digests
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import (
    Finding,
    unsettled,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database

from ......conftest import Site
from ......test_discovery import survey, token
from ......test_engine import keyring  # noqa: F401  # a fixture

ROWS = 6


def sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def found(database: Database, keyring: Keyring, sql_type: str, computed: Callable[[str, str], str]) -> list[Finding]:
    """What is found of a column ``mark`` that is computed from a plaintext and its token."""
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, mark {sql_type}, note text DEFAULT 'a note')")
    for number in range(ROWS):
        plaintext = f"value {number}"
        stored = token(keyring, plaintext)
        row = (number, stored, computed(plaintext, stored))
        database.execute("INSERT INTO secrets (id, a, mark) VALUES (%s, %s, %s)", row)
    database.execute("INSERT INTO secrets (id, a) VALUES (90, %s)", (token(keyring),))
    database.execute("INSERT INTO secrets (id, mark) VALUES (91, %s)", (computed("a", token(keyring, "apart")),))
    return token_digests.find(database, survey(database, keyring), keyring)


# How an application computes its column of the stored token, its type, and what is said of it.
DIGESTS: dict[str, tuple[str, Callable[[str], str], str]] = {
    "sha256": ("varchar(64)", lambda stored: sha256(stored).hex(), "sha256 digests"),
    "md5 as an ETag": ("text", lambda stored: f'W/"{hashlib.md5(stored.encode()).hexdigest()}"', "md5 digests"),
    "sha1 in base64": (
        "text",
        lambda stored: base64.b64encode(hashlib.sha1(stored.encode()).digest()).decode(),
        "sha1",
    ),
    "integrity of HTML": ("text", lambda stored: f"sha256-{base64.b64encode(sha256(stored)).decode()}", "sha256"),
    "sha512 in capitals": ("text", lambda stored: hashlib.sha512(stored.encode()).hexdigest().upper(), "sha512"),
    "blake2b": ("text", lambda stored: hashlib.blake2b(stored.encode()).hexdigest(), "blake2b digests"),
    "raw bytes": ("bytea", lambda stored: "\\x" + sha256(stored).hex(), "sha256"),
    "the beginning": ("text", lambda stored: sha256(stored).hex()[:16], "sha256"),
    "the end": ("text", lambda stored: sha256(stored).hex()[-20:], "sha256"),
    "a UUID": ("uuid", lambda stored: str(uuid.UUID(bytes=sha256(stored)[:16])), "sha256"),
    "in a document": ("jsonb", lambda stored: json.dumps({"size": 7, "sum": sha256(stored).hex()}), "sha256"),
    "of the token's bytes": (
        "text",
        lambda stored: hashlib.sha256(base64.urlsafe_b64decode(stored)).hexdigest(),
        "sha256",
    ),
    "under a rotated key": (
        "text",
        lambda stored: hmac.digest(b"old-secret", stored.encode(), "sha256").hex(),
        "hmac_sha256 digests under SECRET_KEY",
    ),
}


@pytest.mark.parametrize(("sql_type", "computed", "words"), DIGESTS.values(), ids=DIGESTS)
def test_a_digest_of_the_stored_token_stops_until_it_is_settled(
    database: Database, keyring: Keyring, sql_type: str, computed: Callable[[str], str], words: str
) -> None:
    (finding,) = found(database, keyring, sql_type, lambda plaintext, stored: computed(stored))
    assert (finding.column, finding.kind.code) == ("secrets.mark", "E_TOKEN_DIGEST")
    tried = 3 if "under" in words else ROWS
    assert (finding.fields["count"], finding.fields["looked_at"]) == (tried, tried)
    assert finding.fields["digest"].startswith(words)
    assert finding.fields["target"] == "secrets.a"
    for decision in ("by_command", "unreadable"):
        settled = settlements.parse({"secrets.mark": {decision: "a trigger computes it"}})
        assert unsettled([finding], settled) == []


@pytest.mark.parametrize(
    "computed",
    [
        lambda plaintext, stored: sha256(plaintext).hex(),
        lambda plaintext, stored: hmac.digest(b"old-secret", plaintext.encode(), "sha256").hex(),
        lambda plaintext, stored: sha256("other data " + plaintext).hex(),
        lambda plaintext, stored: f"/media/{sha256(plaintext).hex()}.jpg",
        lambda plaintext, stored: "a word of many letters",
        lambda plaintext, stored: stored,
        lambda plaintext, stored: stored[:40],
    ],
)
def test_a_digest_of_a_plaintext_or_of_other_data_is_no_such_finding(
    database: Database, keyring: Keyring, computed: Callable[[str, str], str]
) -> None:
    assert found(database, keyring, "text", computed) == []


def test_a_column_that_the_database_generates_from_the_token_follows_it(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, mark text GENERATED ALWAYS AS (md5(a)) STORED)")
    database.execute("INSERT INTO secrets VALUES (1, %s)", (token(keyring),))
    assert token_digests.find(database, survey(database, keyring), keyring) == []


def test_a_digest_of_the_token_is_no_longer_of_unknown_origin(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, mark text)")
    stored = token(keyring)
    database.execute("INSERT INTO secrets VALUES (1, %s, %s)", (stored, sha256(stored).hex()))
    surveyed = survey(database, keyring)
    assert surveyed.findings.columns("digest") == ["secrets.mark"]
    token_digests.find(database, surveyed, keyring)
    assert surveyed.findings.columns("digest") == []


def test_the_plan_and_the_dry_run_stop_at_a_digest_of_a_token(site: Site) -> None:
    site.sql("ALTER TABLE customer_userprofile ADD COLUMN etag varchar(32)")
    site.sql("UPDATE customer_userprofile SET etag = md5(_full_name_encrypted)")
    before = site.read_all()
    dry = site.play("rotate", "--check")
    text = " ".join(dry.text.split())
    assert dry.code != 0
    assert "E_TOKEN_DIGEST" in text
    assert "customer_userprofile.etag" in text
    assert site.read_all() == before
    site.write_inventory(key_rotation_settlements={"customer_userprofile.etag": {"unreadable": "it is a cache"}})
    dry = site.play("rotate", "--check")
    assert dry.code == 0, dry.text


def test_a_digest_of_a_plain_text_in_the_column_of_tokens_is_no_such_finding(
    database: Database, keyring: Keyring
) -> None:
    """As of an address that is not encrypted yet, with the hash by which an image of it is found."""
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, mark text)")
    for number in range(ROWS):
        address = f"somebody.{number}@example.org"
        rows = [(number, token(keyring), "none"), (number + 50, address, hashlib.md5(address.encode()).hexdigest())]
        for row in rows:
            database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", row)
    assert token_digests.find(database, survey(database, keyring), keyring) == []
