# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search hashes and blind indexes beside tokens: those under a rotated key follow it, others stay or are named."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import unicodedata
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import application_findings, under_new_keys
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import model_fields
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.guarded_start import StartReport
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.own_command import OwnCommand
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.derivation import NOTHING
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import (
    survey_findings,
    target_survey,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.search_recipes import (
    HASHES,
    KEYS,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.digests import tokenless_rows
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import (
    FindingsError,
    refuse,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.recipes import (
    search_columns,
    search_samples,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.recipes.search_samples import (
    LARGEST,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.plan import plan
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import TRIAL
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import rewriter, update_statement
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rotation import Application
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from cryptography.fernet import Fernet

from .conftest import Site, rewrite
from .test_discovery import left_out, survey, token
from .test_engine import NEW, OLD, SCHEME

VALUES = ["Ann@Example.org ", " bo@example.org", "CY@EXAMPLE.ORG"]
OTHER = b"a setting that is not rotated"


def mac(secret: str, value: str) -> bytes:
    return hmac.digest(secret.encode(), value.encode(), "sha256")


# How an application computes its column under its SECRET_KEY, and the column's type.
FOLLOW: dict[str, tuple[str, Callable[[str, str], str]]] = {
    "hex": ("text", lambda secret, value: mac(secret, value).hex()),
    "lower and stripped": ("varchar(64)", lambda secret, value: mac(secret, value.strip().lower()).hex()),
    "base64 after a prefix": (
        "text",
        lambda secret, value: "v1:" + base64.b64encode(hmac.digest(secret.encode(), value.encode(), "sha512")).decode(),
    ),
    "raw bytes": ("bytea", lambda secret, value: "\\x" + mac(secret, value).hex()),
    "salted": ("text", lambda secret, value: "xx" + hashlib.sha256((value + secret).encode()).hexdigest()),
    "salted, in SHA-1": ("char(40)", lambda secret, value: hashlib.sha1((secret + value).encode()).hexdigest()),
    "in MD5 and base64": (
        "text",
        lambda secret, value: base64.b64encode(hmac.digest(secret.encode(), value.encode(), "md5")).decode(),
    ),
    "in SHA-1 and base64 without its end": (
        "text",
        lambda secret, value: base64.b64encode(hmac.digest(secret.encode(), value.encode(), "sha1"))[:-1].decode(),
    ),
    "cut": ("varchar(12)", lambda secret, value: mac(secret, value).hex().upper()[:12]),
    "raw bytes that are cut": ("bytea", lambda secret, value: "\\x" + mac(secret, value).hex()[:8]),
    "the beginning as a UUID": ("uuid", lambda secret, value: str(uuid.UUID(bytes=mac(secret, value)[:16]))),
    "as a UUID that says version 5": (
        "text",
        lambda secret, value: str(uuid.UUID(bytes=mac(secret, value)[:16], version=5)),
    ),
    "under the key's SHA-256": (
        "text",
        lambda secret, value: hmac.digest(hashlib.sha256(secret.encode()).digest(), value.encode(), "sha256").hex(),
    ),
}


@pytest.fixture
def keyring() -> Keyring:
    versions = {"current": OLD, "pending": NEW}
    return Keyring(schemes.parse("auto"), versions, ApplicationSettings(lambda name: None, texts={"INDEX_KEY": OTHER}))


def opened(database: Database, found: Any, ring: Keyring, processes: Any = None) -> Application:
    """The application of one database, as far as its indexes are concerned."""
    return Application([(database, found)], ring, [], "", None, processes or {})  # type: ignore[arg-type]


def kept_of(found: target_survey.Survey) -> list[tuple[str, str]]:
    return [(each.column, each.fields["setting"]) for each in found.findings.of("kept")]


def fill(database: Database, ring: Keyring, sql_type: str, computed: Callable[[str], str]) -> None:
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, searched {sql_type}, other text)")
    for number, value in enumerate(VALUES):
        stored = (number, token(ring, value), computed(value), f"opaque {number}" * 5)
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s)", stored)
    database.execute("INSERT INTO secrets VALUES (9, %s, NULL, NULL)", (token(ring, "not indexed"),))


def searched(database: Database) -> list[str | None]:
    return [value for (value,) in database.rows("SELECT searched::text FROM secrets ORDER BY id")]


@pytest.mark.parametrize(("sql_type", "computed"), FOLLOW.values(), ids=FOLLOW)
def test_what_is_computed_under_a_rotated_key_follows_its_token_and_goes_back(
    database: Database, keyring: Keyring, sql_type: str, computed: Callable[[str, str], str]
) -> None:
    fill(database, keyring, sql_type, lambda value: computed("old-secret", value))
    found = survey(database, keyring)
    assert {derived.column for target in found.targets for derived in target.derived} == {"searched"}
    assert not found.findings.columns("digest")

    rewrite(database, found.targets, keyring, "pending")
    assert searched(database) == [*(computed("new-secret", value) for value in VALUES), None]
    assert database.rows("SELECT other FROM secrets ORDER BY id LIMIT 1") == [("opaque 0" * 5,)]

    rewrite(database, survey(database, keyring).targets, keyring, "current")
    assert searched(database) == [*(computed("old-secret", value) for value in VALUES), None]


STAY: dict[str, tuple[Callable[[str], str], list[tuple[str, str]], list[str]]] = {
    "under another setting": (
        lambda value: hmac.digest(OTHER, value.encode(), "sha256").hex(),
        [("secrets.searched", "INDEX_KEY")],
        [],
    ),
    "without a key": (lambda value: hashlib.sha256(value.encode()).hexdigest(), [], []),
    "of it is not known what": (lambda value: mac("somewhere in the code", value).hex(), [], ["secrets.searched"]),
}


@pytest.mark.parametrize(("computed", "kept", "unknown"), STAY.values(), ids=STAY)
def test_other_hashes_stay_and_those_that_nobody_can_compute_are_named(
    database: Database,
    keyring: Keyring,
    computed: Callable[[str], str],
    kept: list[tuple[str, str]],
    unknown: list[str],
) -> None:
    fill(database, keyring, "text", computed)
    before = searched(database)
    found = survey(database, keyring)
    assert (kept_of(found), found.findings.columns("digest")) == (kept, unknown)
    assert [notice["column"] for notice in left_out(database, found, keyring)] == unknown
    refuse(survey_findings.findings_of([found], keyring, "the test"))
    rewrite(database, found.targets, keyring, "pending")
    assert searched(database) == before


@pytest.mark.parametrize(
    ("name", "computed", "named"),
    [
        ("phone_bidx", lambda value: base64.b64encode(mac("elsewhere", value)).decode(), True),
        ("phone_idx", lambda value: mac("elsewhere", value).hex()[:40], True),
        ("name_hash", lambda value: mac("elsewhere", value).hex()[:12], True),
        ("name_hash bytea", lambda value: "\\x" + mac("elsewhere", value).hex()[:40], True),
        ("reference", lambda value: mac("elsewhere", value).hex()[:32], False),  # an id, as many tables have
        ("reference", lambda value: f"HMAC-SHA256:{mac('elsewhere', value).hex()}", True),
        ("reference", lambda value: f"{mac('elsewhere', value).hex()}:1", True),
        ("path", lambda value: f"/{mac('elsewhere', value).hex()}.jpg", False),
        ("search_name", lambda value: "plain text", False),
    ],
)
def test_a_hash_of_unusual_length_is_named_if_its_column_is_called_so(
    database: Database, keyring: Keyring, name: str, computed: Callable[[str], str], named: bool
) -> None:
    name, _, sql_type = name.partition(" ")
    fill(database, keyring, sql_type or "text", computed)
    database.execute(f"ALTER TABLE secrets RENAME searched TO {name}")
    assert survey(database, keyring).findings.columns("digest") == [f"secrets.{name}"] * named


@pytest.mark.parametrize("first", ["", "n/a", "ab" * 32])
def test_rows_older_than_the_column_hide_no_recipe(database: Database, keyring: Keyring, first: str) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, searched text)")
    for number in range(20):
        value = f"value {number}"
        stored = first if number < 8 else mac("old-secret", value).hex()
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (number, token(keyring, value), stored))
    (target,) = survey(database, keyring).targets
    assert {each.column for each in target.derived} == {"searched"}


@pytest.mark.parametrize(("sql_type", "written"), [("text", "{}"), ("bytea", "\\x{}")])
@pytest.mark.parametrize("blank", ["old-secret", "elsewhere"])
def test_an_index_of_an_empty_value_that_has_no_token_is_named(
    database: Database, keyring: Keyring, sql_type: str, written: str, blank: str
) -> None:
    """As of an application that stores NULL in place of an empty text, and its index all the same."""
    fill(database, keyring, sql_type, lambda value: written.format(mac("old-secret", value).hex()))
    database.execute("INSERT INTO secrets VALUES (10, NULL, %s, NULL)", (written.format(mac(blank, "").hex()),))
    found = survey(database, keyring)
    told = [each for each in left_out(database, found, keyring) if each["kind"] == "blank"]
    assert [each["column"] for each in told] == ["secrets.searched"] * (blank == "old-secret")


@pytest.mark.parametrize(("sql_type", "written"), [("text", "{}"), ("bytea", "\\x{}")])
@pytest.mark.parametrize(
    ("held", "count"),
    [
        pytest.param([mac("old-secret", "erased"), mac("elsewhere", "")], 2, id="digests of unknown values"),
        pytest.param([mac("old-secret", ""), b"", None, b"n/a"], 0, id="of nothing, and no digests"),
    ],
)
def test_digests_of_values_that_are_not_stored_stop(
    database: Database, keyring: Keyring, sql_type: str, written: str, held: list[bytes | None], count: int
) -> None:
    """As of an application that deletes a value, and keeps its digest to recognize it."""
    fill(database, keyring, sql_type, lambda value: written.format(mac("old-secret", value).hex()))
    for number, digest in enumerate(held, start=10):
        stored = None if digest is None else written.format(digest.hex())
        database.execute("INSERT INTO secrets VALUES (%s, NULL, %s, NULL)", (number, stored))
    found = [*tokenless_rows.find_others(database, survey(database, keyring), keyring)]
    assert [(each.column, each.kind.code, each.fields["count"]) for each in found] == [
        ("secrets.searched", "E_DIGEST_WITHOUT_TOKEN", count)
    ] * bool(count)
    assert all("without a value in a," in each.what for each in found)


def test_an_ignored_search_column_stays(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, "text", lambda value: mac("old-secret", value).hex())
    before = searched(database)
    found = target_survey.find(database, "auto", ["secrets.searched"], keyring)
    assert not found.targets[0].derived
    assert found.findings.columns("ignored", "ignored_open") == ["secrets.searched"]
    rewrite(database, found.targets, keyring, "pending")
    assert searched(database) == before


def test_a_search_column_may_have_a_collation_of_its_own(
    debian_database: Database, keyring: Keyring, anycase: str
) -> None:
    fill(debian_database, keyring, f"text COLLATE {anycase}", lambda value: mac("old-secret", value).hex())
    rewrite(debian_database, survey(debian_database, keyring).targets, keyring, "pending")
    assert searched(debian_database) == [*(mac("new-secret", value).hex() for value in VALUES), None]


def test_the_beginning_of_a_digest_that_is_there_once_may_be_chance(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, "text", lambda value: mac("old-secret" if value == VALUES[0] else "x", value).hex()[:8])
    assert not any(target.derived for target in survey(database, keyring).targets)


@pytest.mark.parametrize("called", ["research_topic", "hashtag"])
def test_a_word_with_a_number_in_a_column_called_like_a_hash_is_no_new_notice(
    database: Database, keyring: Keyring, called: str
) -> None:
    topics = {"v0": "measles and mumps", "v1": "covid_19_of_2020", "v2": "tuberculosis", VALUES[0]: "chickenpox"}
    fill(database, keyring, "text", lambda value: topics.get(value, "influenza_of_1918"))
    database.execute(f"ALTER TABLE secrets RENAME searched TO {called}")
    database.execute("UPDATE secrets SET id = 20 WHERE id = 9")
    for number in range(3):
        database.execute(
            "INSERT INTO secrets VALUES (%s, %s, %s)", (9 + number, token(keyring, "v"), topics[f"v{number}"])
        )
    assert not survey(database, keyring).findings.columns("digest")


@pytest.mark.parametrize("length", [12, 64])
def test_what_is_among_digests_and_is_not_one_stays_and_hides_none(
    database: Database, keyring: Keyring, length: int
) -> None:
    fill(
        database,
        keyring,
        "text",
        lambda value: "n/a" if value == VALUES[0] else mac("old-secret", value).hex()[:length],
    )
    rewrite(database, survey(database, keyring).targets, keyring, "pending")
    assert searched(database) == ["n/a", *(mac("new-secret", value).hex()[:length] for value in VALUES[1:]), None]


def test_what_is_in_a_token_is_hashed_once_for_all_columns(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    for name, make in HASHES.items():
        monkeypatch.setitem(HASHES, name, lambda value, key, make=make: hashed.append(1) or make(value, key))
    fill(database, keyring, "char(32)", lambda value: mac("elsewhere", value).hex()[:32])
    survey(database, keyring)
    once = len(hashed)
    for number in range(4):
        database.execute(f"ALTER TABLE secrets ADD id_{number} char(32)")
        database.execute(f"UPDATE secrets SET id_{number} = md5(searched || {number})")
    hashed.clear()
    survey(database, keyring)
    assert len(hashed) == once > 0


def test_a_blind_index_that_cannot_be_rewritten_stops_the_rotation_before_its_first_write(
    database: Database, keyring: Keyring
) -> None:
    fill(database, keyring, "text UNIQUE", lambda value: mac("old-secret", value).hex())
    database.execute("CREATE TABLE searches (of text REFERENCES secrets (searched))")
    try:
        with pytest.raises(RotationError) as refused:
            refuse(survey_findings.findings_of([survey(database, keyring)], keyring, "the test"))
        assert (refused.value.code, refused.value.where["column"]) == ("E_COLUMN_TIED", "secrets.searched")
    finally:
        database.execute("DROP TABLE searches")


def test_a_blind_index_in_a_table_of_its_own_is_named(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, "text", lambda value: "")
    found = [mac("old-secret", value).hex() for value in VALUES]
    try:
        for table, points in (("searching", "REFERENCES secrets"), ("elsewhere", "")):
            database.execute(f"CREATE TABLE {table} (of int {points}, found text, note text)")
            for number, digest in enumerate(found):
                database.execute(f"INSERT INTO {table} VALUES (%s, %s, 'a note')", (number, digest))
        assert survey(database, keyring).findings.columns("digest") == ["searching.found"]
    finally:
        database.execute("DROP TABLE searching; DROP TABLE elsewhere")


def test_a_blind_index_of_a_library_s_own_class_that_is_computed_needs_no_scheme(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, keyring, "text", lambda value: mac("old-secret", value).hex())
    index = {("secrets", "searched"): "a_fernet_library.BlindIndexField"}
    monkeypatch.setattr(model_fields, "encrypting", lambda aliases: index)
    found = survey(database, keyring)
    assert not found.findings.of("silent")
    database.execute("UPDATE secrets SET searched = md5(searched)")
    assert [(each.column, each.fields) for each in survey(database, keyring).findings.of("silent")] == [
        ("secrets.searched", {"field": "a_fernet_library.BlindIndexField"})
    ]


@pytest.mark.parametrize("destination", ["pending", TRIAL])
@pytest.mark.parametrize("made", [False, True])
def test_a_salt_in_the_code_that_is_made_of_a_key_is_reported_before_the_first_write(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, made: bool, destination: str
) -> None:
    fill(database, keyring, "text", lambda value: mac("a salt", value).hex())
    search = {("secrets", "searched"): "shop.Person.search"}
    monkeypatch.setattr(model_fields, "hash_columns", lambda aliases, keys: search)
    found = survey(database, keyring)
    assert not found.findings.columns("digest")
    salts = {stage: {"shop.Person.search": stage if made else "same"} for stage in ("current", destination)}
    processes = {
        stage: SimpleNamespace(opener=SimpleNamespace(setting=salt.get, answers=True, started=StartReport))
        for stage, salt in salts.items()
    }
    application = opened(database, found, keyring, processes)
    told = r"E_MADE_OF_KEYS: secrets\.searched is under the salt of shop\.Person\.search"
    with pytest.raises(RotationError, match=told) if made else contextlib.nullcontext():
        under_new_keys.refuse_made_of_keys(application, destination)


def several(database: Database, ring: Keyring, sql_type: str, rows: Sequence[tuple[str, str, str | None]]) -> None:
    """Rows of two tokens each and what is searched."""
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, b text, searched {sql_type})")
    for number, (a, b, stored) in enumerate(rows):
        values = (number, token(ring, a), token(ring, b), stored)
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s)", values)


def test_a_row_in_which_two_columns_hold_the_same_takes_no_index_from_the_other(
    database: Database, keyring: Keyring
) -> None:
    names = [("same", "same"), *((f"name {number}", f"mail {number}") for number in range(6))]
    several(database, keyring, "text", [(a, b, mac("old-secret", b).hex()) for a, b in names])
    rewrite(database, survey(database, keyring).targets, keyring, "pending")
    assert searched(database) == [mac("new-secret", b).hex() for _, b in names]


def test_rows_that_no_known_recipe_explains_stay_and_are_counted(database: Database, keyring: Keyring) -> None:
    """An index of phone numbers as they are dialed within the country: some are written so."""
    phones = ["+49 30 1", "0305550001", "0305550002", *(f"+49 (30) {number}" for number in range(10))]
    stored = [mac("old-secret", dialed(phone)).hex() for phone in phones]
    several(database, keyring, "text", [(phone, "b", digest) for phone, digest in zip(phones, stored)])
    found = survey(database, keyring)
    assert found.findings.columns("digest") == ["secrets.searched"]
    work = rewrite(database, found.targets, keyring, "pending")
    follow = [mac("new-secret", phone).hex() if dialed(phone) == phone else None for phone in phones]
    assert searched(database) == [after or before for after, before in zip(follow, stored)]
    assert work.stale == {"secrets.searched": len(phones) - 2}


def dialed(phone: str) -> str:
    """A phone number as an application may normalize it that knows its country."""
    digits = "".join(filter(str.isdigit, phone))
    return "0" + digits.removeprefix("49") if phone.startswith("+49") else digits


def left_stale(
    database: Database, ring: Keyring, destination: str, **settled: str
) -> list[tuple[str, dict[str, object]]]:
    """What a census before the first write says of digests, with a decision of a person about columns."""
    application = replace(
        opened(database, survey(database, ring), ring),
        settlements=settlements.parse(
            {f"secrets.{name}": {decision: "a reason"} for name, decision in settled.items()}
        ),
    )
    found = application_findings.find_staying(application, application.census(destination, searched=True))
    return [(each.column, each.fields) for each in found if each.kind.code == "E_STALE_DIGESTS"]


def write_phones(database: Database, ring: Keyring, computed: Callable[[str], str]) -> list[str]:
    """300 phone numbers with an index of them, 30 of which are written in another way."""
    phones = [f"+49 170 12 {number:04}" if number % 10 == 7 else f"017012{number:04}" for number in range(300)]
    several(database, ring, "text", [(phone, "b", mac("old-secret", computed(phone)).hex()) for phone in phones])
    return phones


@pytest.mark.parametrize("destination", ["current", "pending"])
def test_digests_that_would_be_left_stop_before_the_first_write_until_a_person_settles_them(
    database: Database, keyring: Keyring, destination: str
) -> None:
    """In a plan, which has no keys to come, and in a rotation; as many as are left after it."""
    write_phones(database, keyring, dialed)
    rows = ", ".join(f"secrets.searched:{number}" for number in (7, 17, 27, 37, 47))
    told = {"count": 30, "looked_at": 300, "rows": f"{rows} and 25 more"}
    assert left_stale(database, keyring, destination) == [("secrets.searched", told)]
    assert left_stale(database, keyring, destination, a="unreadable") == [("secrets.searched", told)], "its token"
    for decision in ("unreadable", "not_ours"):
        assert left_stale(database, keyring, destination, searched=decision) == []
    assert rewrite(database, survey(database, keyring).targets, keyring, "pending").stale == {"secrets.searched": 30}


def test_an_own_command_computes_digests_in_its_own_way(database: Database, keyring: Keyring) -> None:
    write_phones(database, keyring, dialed)
    application = replace(opened(database, survey(database, keyring), keyring), command=OwnCommand("rotate"))
    assert application_findings.find_staying(application, application.census("pending", searched=True)) == []


@pytest.mark.parametrize("half_way", [False, True])
def test_an_index_of_digits_alone_stops_nothing_and_is_made_again(
    database: Database, keyring: Keyring, half_way: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a rotation that is resumed, while rows are under both keys, and on the way back."""
    phones = write_phones(database, keyring, lambda phone: "".join(filter(str.isdigit, phone)))
    found = survey(database, keyring).targets
    if half_way:
        write, batches = update_statement.compare_and_set, iter(range(2))

        def interrupted(*asked: Any) -> Any:
            if next(batches, None) is None:
                raise KeyboardInterrupt
            return write(*asked)

        monkeypatch.setattr(rewriter, "compare_and_set", interrupted)
        with pytest.raises(KeyboardInterrupt):
            rewrite(database, found, keyring, "pending")
        monkeypatch.undo()
        assert {*searched(database)} & {mac("old-secret", phone).hex() for phone in phones}, "some are left"
        assert {*searched(database)} & {mac("new-secret", phone).hex() for phone in phones}, "some are done"
    for stage in ("current", "pending"):
        assert left_stale(database, keyring, stage) == []
    assert not rewrite(database, found, keyring, "pending").stale
    fresh = [mac("new-secret", "".join(filter(str.isdigit, phone))).hex() for phone in phones]
    assert searched(database) == fresh
    assert left_stale(database, keyring, "current") == []


def test_rows_without_a_digest_or_a_token_are_not_left_stale(database: Database, keyring: Keyring) -> None:
    """NULL, an empty text and a word in place of a digest; a digest of a value that is gone."""
    names = [f"name {number}" for number in range(20)]
    stored = [None, "", "n/a", *(mac("old-secret", name).hex() for name in names[3:])]
    several(database, keyring, "text", [(name, "b", text) for name, text in zip(names, stored)])
    database.execute("INSERT INTO secrets VALUES (90, NULL, NULL, %s)", (mac("old-secret", "gone").hex(),))
    assert survey(database, keyring).targets[0].derived
    assert left_stale(database, keyring, "pending") == []


def test_a_digest_with_a_salt_of_its_row_is_named_and_stops_nothing(database: Database, keyring: Keyring) -> None:
    names = [f"name {number}" for number in range(20)]
    rows = [(name, "b", mac("old-secret", f"salt {number} {name}").hex()) for number, name in enumerate(names)]
    several(database, keyring, "text", rows)
    assert survey(database, keyring).findings.columns("digest") == ["secrets.searched"]
    assert left_stale(database, keyring, "pending") == []


# Values that differ in what an application makes of them before it hashes them.
NORMALIZED: dict[str, tuple[Sequence[str], Callable[[str], str]]] = {
    "an IBAN without blanks": (
        ["de02 1203 0000 0000 2020 51", "DE02 5001-0517-0137-0750-30"],
        lambda value: value.replace(" ", "").replace("-", "").upper(),
    ),
    "a phone number with its plus": (
        ["+43 (1) 234", "01 / 234-5", "0043.1.234"],
        lambda value: "".join(each for each in value if each in "+0123456789"),
    ),
    "compatible characters and no case": (
        ["Ｓtraße ", "ﬁrst", "Maße"],
        lambda value: unicodedata.normalize("NFKC", value).strip().casefold(),
    ),
}


@pytest.mark.parametrize(("values", "normalized"), NORMALIZED.values(), ids=NORMALIZED)
def test_an_index_of_normalized_values_follows_its_token(
    database: Database, keyring: Keyring, values: Sequence[str], normalized: Callable[[str], str]
) -> None:
    several(database, keyring, "text", [(each, "b", mac("old-secret", normalized(each)).hex()) for each in values])
    work = rewrite(database, survey(database, keyring).targets, keyring, "pending")
    assert searched(database) == [mac("new-secret", normalized(each)).hex() for each in values]
    assert not work.stale


def test_a_name_without_digits_explains_no_empty_row(database: Database, keyring: Keyring) -> None:
    """Its digits are an empty text, which is hashed where the value of another column is missing."""
    several(
        database,
        keyring,
        "text",
        [("Ann", f"{number}", mac("old-secret", f"{number}").hex()) for number in range(4)],
    )
    database.execute("UPDATE secrets SET b = NULL, searched = %s WHERE id < 2", (mac("old-secret", "").hex(),))
    found = survey(database, keyring).targets
    assert {target.column for target in found if target.derived} == {"b"}


def test_which_rows_are_met_decides_nothing(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an index of small letters, capitals may be in none of them."""
    monkeypatch.setattr(search_columns, "SAMPLE", 2)
    names = ["ann", "bo", "Cy"]
    several(database, keyring, "text", [(name, "b", mac("old-secret", name.lower()).hex()) for name in names])
    found = survey(database, keyring).targets
    (described,) = {str(derived) for target in found for derived in target.derived}
    assert described == "searched as hmac_sha256 under SECRET_KEY, hex"
    work = rewrite(database, found, keyring, "pending")
    assert searched(database) == [mac("new-secret", name.lower()).hex() for name in names]
    assert not work.stale


@pytest.mark.parametrize("prefixes", [2, 8])
def test_a_prefix_that_differs_from_row_to_row_is_known_or_named(
    database: Database, keyring: Keyring, prefixes: int
) -> None:
    def stored(secret: str, number: int) -> str:
        return f"v{number % prefixes}:{mac(secret, f'value {number}').hex()}"

    several(database, keyring, "text", [(f"value {number}", "b", stored("old-secret", number)) for number in range(8)])
    found = survey(database, keyring)
    assert found.findings.columns("digest") == ["secrets.searched"] * (prefixes == 8)
    rewrite(database, found.targets, keyring, "pending")
    secret = "old-secret" if prefixes == 8 else "new-secret"
    assert searched(database) == [stored(secret, number) for number in range(8)]


# By when a row was made, in what way an application has computed its index.
HISTORY: dict[str, Callable[[str, str, bool], str]] = {
    "another prefix": lambda secret, value, late: f"v{1 + late}:{mac(secret, value).hex()}",
    "another hash": lambda secret, value, late: hmac.digest(
        secret.encode(), value.encode(), "sha256" if late else "sha1"
    ).hex(),
    "capitals": lambda secret, value, late: mac(secret, value.lower() if late else value).hex(),
}


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("stored", HISTORY.values(), ids=HISTORY)
def test_an_application_that_changed_its_way_with_the_years_has_all_its_indexes_recreated(
    database: Database, keyring: Keyring, stored: Callable[[str, str, bool], str], mixed: bool
) -> None:
    """Also where its last rows alone are of the second, and where that is met here and there."""
    rows = [(f"Value {number}", number % 12 == 7 if mixed else number >= 100) for number in range(105)]
    several(database, keyring, "text", [(value, "b", stored("old-secret", value, late)) for value, late in rows])
    work = rewrite(database, survey(database, keyring).targets, keyring, "pending")
    assert searched(database) == [stored("new-secret", value, late) for value, late in rows]
    assert not work.stale


def test_a_digest_of_another_look_than_those_that_are_explained_is_counted(
    database: Database, keyring: Keyring
) -> None:
    elsewhere = hmac.digest(b"elsewhere", b"value 3", "sha512").hex()
    stored = [elsewhere if number == 3 else mac("old-secret", f"value {number}").hex() for number in range(8)]
    several(database, keyring, "text", [(f"value {number}", "b", text) for number, text in enumerate(stored)])
    foretold = left_stale(database, keyring, "pending")
    work = rewrite(database, survey(database, keyring).targets, keyring, "pending")
    assert searched(database)[3] == elsewhere
    assert work.stale == {"secrets.searched": 1}
    assert foretold == [("secrets.searched", {"count": 1, "looked_at": 8, "rows": "secrets.searched:3"})]


def test_an_index_of_which_the_alphabet_does_not_show_is_right_or_counted(database: Database, keyring: Keyring) -> None:
    """Base64 has two, and what is computed of a few values may have none of the signs in which they differ."""

    def stored(secret: str, value: str) -> str:
        return base64.urlsafe_b64encode(mac(secret, value)).decode()

    plain = [
        f"{n}" for n in range(30) if not {"-", "_"} & {*stored("old-secret", f"{n}"), *stored("new-secret", f"{n}")}
    ]
    alike = next(
        value for value in map(str, range(99)) if not {"-", "_"} & {*stored("old-secret", value)} and value not in plain
    )
    several(database, keyring, "text", [(value, "b", stored("old-secret", value)) for value in (*plain, alike)])
    found = survey(database, keyring).targets
    described = {str(each) for target in found for each in target.derived}
    assert described == {"searched as hmac_sha256 under SECRET_KEY, base64"}
    assert [facts["count"] for _, facts in left_stale(database, keyring, "pending")] == [1]
    work = rewrite(database, found, keyring, "pending")
    fresh = [stored("new-secret", value) for value in plain]
    assert searched(database) == [*fresh, stored("old-secret", alike)]
    assert work.stale == {"secrets.searched": 1}


def test_an_index_that_few_rows_have_follows_them(database: Database, keyring: Keyring) -> None:
    """Also where others have other columns filled, and neither the first rows nor the last ones have any."""

    def stored(secret: str, number: int) -> str | None:
        return mac(secret, f"value {number}").hex() if 200 <= number < 203 else None

    several(
        database, keyring, "text", [(f"value {number}", "b", stored("old-secret", number)) for number in range(300)]
    )
    database.execute("ALTER TABLE secrets ADD note text, ADD code text")
    database.execute("UPDATE secrets SET note = 'a note of some words' WHERE id BETWEEN 30 AND 250")
    work = rewrite(database, survey(database, keyring).targets, keyring, "pending")
    assert searched(database) == [stored("new-secret", number) for number in range(300)]
    assert not work.stale


def test_an_index_of_documents_that_are_large_follows_them(database: Database, keyring: Keyring) -> None:
    documents = [f"{number}" * LARGEST for number in range(9)]
    rows = [(document, document, mac("old-secret", document).hex()) for document in documents]
    several(database, keyring, "text", rows)
    rewrite(database, survey(database, keyring).targets, keyring, "pending")
    assert searched(database) == [mac("new-secret", document).hex() for document in documents]


def test_a_word_in_half_of_the_rows_hides_no_index_that_is_cut(database: Database, keyring: Keyring) -> None:
    stored = [mac("old-secret", f"value {number}").hex()[:12] if number % 2 else "unknown" for number in range(8)]
    several(database, keyring, "char(200)", [(f"value {number}", "b", text) for number, text in enumerate(stored)])
    rewrite(database, survey(database, keyring).targets, keyring, "pending")
    fresh = [mac("new-secret", f"value {number}").hex()[:12] if number % 2 else "unknown" for number in range(8)]
    assert searched(database) == fresh


def test_a_hash_next_to_tokens_in_documents_is_named(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a jsonb, searched text)")
    document = f'{{"mail": "{token(keyring, "ann")}"}}'
    database.execute("INSERT INTO secrets VALUES (1, %s, %s)", (document, mac("old-secret", "ann").hex()))
    assert survey(database, keyring).findings.columns("digest") == ["secrets.searched"]


def test_a_hash_in_the_table_that_the_tokens_belong_to_is_named(database: Database, keyring: Keyring) -> None:
    """As of multi-table inheritance: the index is in the parent's table."""
    try:
        database.execute("CREATE TABLE parents (id int PRIMARY KEY, searched text)")
        database.execute("CREATE TABLE secrets (id int PRIMARY KEY REFERENCES parents, a text)")
        database.execute("INSERT INTO parents VALUES (1, %s)", (mac("old-secret", "ann").hex(),))
        database.execute("INSERT INTO secrets VALUES (1, %s)", (token(keyring, "ann"),))
        assert survey(database, keyring).findings.columns("digest") == ["parents.searched"]
    finally:
        database.execute("DROP TABLE secrets; DROP TABLE parents")


def test_a_hash_next_to_tokens_under_other_keys_is_named(database: Database) -> None:
    other = Fernet.generate_key()
    settings = {"FIELD_ENCRYPTION_KEY": other.decode()}
    ring = Keyring(schemes.parse("auto"), {"current": OLD, "pending": NEW}, ApplicationSettings(settings.get))
    try:
        database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text)")
        database.execute("CREATE TABLE users (id int PRIMARY KEY, mail text, searched text)")
        database.execute("INSERT INTO secrets VALUES (1, %s)", (token(ring),))
        theirs = (Fernet(other).encrypt(b"ann").decode(), mac("old-secret", "ann").hex())
        database.execute("INSERT INTO users VALUES (1, %s, %s)", theirs)
        found = survey(database, ring)
        assert found.findings.columns("fixed") == ["users.mail"]
        assert found.findings.columns("digest") == ["users.searched"]
    finally:
        database.execute("DROP TABLE users")


def test_a_key_that_the_new_value_cannot_make_stops_the_rotation_before_its_first_write(database: Database) -> None:
    old, new = (KeySet({**keys.values, "INDEX_KEY": value}) for keys, value in ((OLD, "ab" * 32), (NEW, "?")))
    ring = Keyring(schemes.parse("auto"), {"current": old, "pending": new}, ApplicationSettings(lambda name: None))
    fill(database, ring, "text", lambda value: hmac.digest(bytes.fromhex("ab" * 32), value.encode(), "sha256").hex())
    found = opened(database, survey(database, ring), ring)
    with pytest.raises(RotationError, match=r"E_\w+: .*secrets\.searched .*hex of INDEX_KEY"):
        under_new_keys.refuse_keyless_digests(found, "pending")
    under_new_keys.refuse_keyless_digests(found, "current")


def test_an_index_next_to_a_token_under_older_keys_that_cannot_have_made_it_stays(database: Database) -> None:
    older = KeySet({name: f"older {value}" for name, value in OLD.values.items()})
    versions = {"previous": (older, "?"), "current": (OLD, "ab" * 32), "pending": (NEW, "cd" * 32)}
    stages = {stage: KeySet({**keys.values, "INDEX_KEY": value}) for stage, (keys, value) in versions.items()}
    ring = Keyring(schemes.parse("auto"), stages, ApplicationSettings(lambda name: None))

    def stored(key: str, value: str) -> str:
        return hmac.digest(bytes.fromhex(key), value.encode(), "sha256").hex()

    several(
        database, ring, "text", [(f"value {number}", "b", stored("ab" * 32, f"value {number}")) for number in range(4)]
    )
    for column in "ab":
        sealed = ring.cipher(SCHEME, "previous").seal(Opened(b"value 2", 1_700_000_000)).decode()
        database.execute(f"UPDATE secrets SET {column} = %s WHERE id = 2", (sealed,))
    assert [facts["rows"] for _, facts in left_stale(database, ring, "pending")] == ["secrets.searched:2"]
    work = rewrite(database, survey(database, ring).targets, ring, "pending")
    assert searched(database) == [stored(("ab" if n == 2 else "cd") * 32, f"value {n}") for n in range(4)]
    assert work.stale == {"secrets.searched": 1}


@pytest.mark.parametrize(
    ("old", "new", "key", "refused"),
    [
        (50, 86, "raw", ""),
        (50, 86, "sha256", "make it no longer than 64"),
        (50, 64, "sha256", ""),
        (86, 86, "sha256", ""),
        (86, 50, "raw", "make it longer than 64"),
        (86, 50, "sha256", "make it longer than 64"),
    ],
)
def test_a_key_of_which_it_is_not_known_how_it_is_made_stops_the_rotation_before_its_first_write(
    database: Database, old: int, new: int, key: str, refused: str
) -> None:
    secrets = {"current": "k" * old, "pending": "n" * new}
    stages = {
        stage: KeySet({**keys.values, "SECRET_KEY": secrets[stage]})
        for stage, keys in (("current", OLD), ("pending", NEW))
    }
    ring = Keyring(schemes.parse("auto"), stages, ApplicationSettings(lambda name: None))

    def stored(stage: str, value: str) -> str:
        made = KEYS[key](secrets[stage].encode())
        return hmac.digest(made, value.encode(), "sha256").hex()

    several(database, ring, "text", [(value, "b", stored("current", value)) for value in VALUES])
    found = survey(database, ring)
    application = opened(database, found, ring)
    told = [
        each.what for each in plan.catalog_findings(database, found.targets, ring) if each.kind.name == "next_value"
    ]
    assert [" 64 bytes" in notice for notice in told] == [True] * ((old, key) != (50, "raw"))
    growing = [
        each
        for each in plan.catalog_findings(database, found.targets, ring, ["SECRET_KEY"])
        if each.kind.name == "only_member"
    ]
    assert [(each.column, each.fields["key"]) for each in growing] == [("secrets.searched", "SECRET_KEY")]
    if refused:
        with pytest.raises(RotationError, match=refused):
            under_new_keys.refuse_keyless_digests(application, "pending")
        alone = Keyring(schemes.parse("auto"), {"current": stages["current"]}, ApplicationSettings(lambda name: None))
        (tried,) = under_new_keys.keyless_digests(replace(application, keyring=alone, trial=stages["pending"]))
        assert (tried.column, tried.kind.code) == ("secrets.searched", "E_COLUMN_TIED")
        assert tried.todo.startswith("Give SECRET_KEY "), "there is nothing to roll back"
        return
    assert under_new_keys.keyless_digests(replace(application, trial=stages["pending"])) == []
    under_new_keys.refuse_keyless_digests(application, "pending")
    for stage in ("pending", "current"):
        rewrite(database, survey(database, ring).targets, ring, stage)
        assert searched(database) == [stored(stage, value) for value in VALUES]


def test_a_sample_reads_no_more_than_the_end_of_a_table_for_its_last_rows(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where tokens are in old rows alone, and names have what SQL with parameters and Python take for theirs."""
    monkeypatch.setattr(search_samples, "LAST", 5)
    named = '"the {id}" text, "%" int, "a {0}" text, "%s" text'
    database.execute(f'CREATE TABLE secrets ({named}, PRIMARY KEY ("the {{id}}", "%"))')
    for number in range(80):
        value = f"value {number}"
        held = (token(keyring, value), mac("old-secret", value).hex()) if number < 70 else (None, None)
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s)", (f"{number:02}", number, *held))
    (target,) = survey(database, keyring).targets
    assert {each.column for each in target.derived} == {"%s"}
    rewrite(database, [target], keyring, "pending")
    found = database.rows('SELECT "%s" FROM secrets WHERE "%" = 69')
    assert found == [(mac("new-secret", "value 69").hex(),)]


def in_hex(value: str) -> str:
    return mac("old-secret", value).hex()


@pytest.mark.parametrize(
    ("name", "sql_type", "written", "named"),
    [
        ("parts", "text[]", lambda value: f"{{{in_hex(value)},{in_hex(value)}}}", True),
        ("parts", "jsonb", lambda value: f'{{"parts": ["{in_hex(value)}"]}}', True),
        ("search_parts", "text[]", lambda value: f"{{{in_hex(value)[:12]},{in_hex(value)[12:24]}}}", True),
        ("parts", "text[]", lambda value: f"{{{in_hex(value)[:12]},{in_hex(value)[12:24]}}}", False),
        ("parts", "jsonb", lambda value: f'{{"name_bidx": ["{in_hex(value)[:12]}"], "note": "a note"}}', True),
        ("parts", "jsonb", lambda value: f'{{"name": "{in_hex(value)[:12]}", "bidx_note": "a long note"}}', False),
        ("parts", "uuid[]", lambda value: f"{{{uuid.UUID(in_hex(value)[:32])}}}", True),
        ("parts", "uuid[]", lambda value: f"{{{uuid.uuid4()},{uuid.uuid4()}}}", False),
        ("part", "uuid", lambda value: str(uuid.UUID(mac("elsewhere", value).hex()[:32])), True),
        ("secret_id", "uuid", lambda value: str(uuid.uuid4()), False),
        ("number", "uuid", lambda value: f"00000000-0000-0000-0000-00000000000{value}", False),
    ],
)
def test_an_index_of_parts_of_a_value_or_as_a_uuid_is_named(
    database: Database, keyring: Keyring, name: str, sql_type: str, written: Callable[[str], str], named: bool
) -> None:
    several(database, keyring, sql_type, [("ann", "b", written(f"{number}")) for number in range(5)])
    database.execute(f"ALTER TABLE secrets RENAME searched TO {name}; ALTER TABLE secrets ADD note {sql_type}")
    found = survey(database, keyring)
    assert found.findings.columns("digest") == [f"secrets.{name}"] * named
    plan.put_secret_names(found)
    assert not found.findings.of("secret_name")
    assert target_survey.find(database, "auto", [f"secrets.{name}"], keyring).findings.columns("digest") == []


def test_a_hash_in_the_document_that_holds_the_token_is_named(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a jsonb, b jsonb)")
    found = f'{{"mail": "{token(keyring, "ann")}", "mail_hash": "{in_hex("ann")[:16]}"}}'
    alone = f'{{"mail": "{token(keyring, "ann")}", "hash_of_it": "{token(keyring, "bob")}"}}'
    database.execute("INSERT INTO secrets VALUES (1, %s, %s)", (found, alone))
    assert survey(database, keyring).findings.columns("digest") == ["secrets.a"]


def test_a_list_of_targets_names_no_column_of_a_type_without_text(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, "uuid", lambda value: str(uuid.uuid4()))
    listed = [{"table": "secrets", "column": "searched", "scheme": "encryption_manager"}]
    with pytest.raises(FindingsError, match="searched") as refused:
        refuse(survey_findings.findings_of([target_survey.find(database, listed, (), keyring)], keyring, "the test"))
    assert {each.kind.code for each in refused.value.findings} == {"E_TABLE", "E_TARGET_MISSED"}


def test_a_value_that_two_keys_have_stops_the_rotation_of_what_is_computed_with_it(database: Database) -> None:
    old, new = (
        KeySet({**OLD.values, "INDEX_KEY": OLD.values["SECRET_KEY"]}),
        KeySet({**NEW.values, "INDEX_KEY": "other"}),
    )
    ring = Keyring(schemes.parse("auto"), {"current": old, "pending": new}, ApplicationSettings(lambda name: None))
    fill(database, ring, "text", lambda value: mac("old-secret", value).hex())
    application = opened(database, survey(database, ring), ring)
    with pytest.raises(
        RotationError, match=r"secrets\.searched is computed with the value of INDEX_KEY and SECRET_KEY"
    ):
        under_new_keys.refuse_keyless_digests(application, "pending")


def test_two_names_of_one_key_keep_no_index_from_being_recreated(database: Database) -> None:
    """As of a variable that was renamed: older versions have it under its name of then."""
    versions = {
        stage: KeySet({**keys.values, "OLD_NAME": keys.values["SECRET_KEY"]})
        for stage, keys in (("current", OLD), ("pending", NEW))
    }
    ring = Keyring(schemes.parse("auto"), versions, ApplicationSettings(lambda name: None))
    fill(database, ring, "text", lambda value: mac("old-secret", value).hex())
    application = opened(database, survey(database, ring), ring)
    under_new_keys.refuse_keyless_digests(application, "pending")


@pytest.mark.parametrize("size", [30_000, 300_000])
def test_an_index_of_large_tokens_alone_is_known_or_named(database: Database, keyring: Keyring, size: int) -> None:
    large = [f"{number} " * (size // 2) for number in range(2)]
    several(database, keyring, "text", [(value, value, mac("old-secret", value).hex()) for value in large])
    found = survey(database, keyring)
    assert found.findings.columns("digest") == ["secrets.searched"] * (size == 300_000)
    assert bool(found.targets[0].derived) is (size == 30_000)


@pytest.mark.parametrize("setting", ["INDEX_KEY", NOTHING])
def test_what_is_under_a_key_that_stays_among_others_stays_and_is_not_called_unexplained(
    database: Database, keyring: Keyring, setting: str
) -> None:
    others = {"INDEX_KEY": lambda value: hmac.digest(OTHER, value, "sha256").hex()}
    other = others.get(setting, lambda value: hashlib.sha256(value).hexdigest())
    values = [f"value {number}" for number in range(12)]
    stored = [mac("old-secret", value).hex() if value < "value 5" else other(value.encode()) for value in values]
    several(database, keyring, "text", [(value, "b", text) for value, text in zip(values, stored)])
    found = survey(database, keyring)
    assert kept_of(found) == [("secrets.searched", setting)] * bool(setting)
    assert left_stale(database, keyring, "pending") == []
    described = plan.Plan([found], [], keyring, []).as_document()["targets"]
    assert [each.get("recomputed") for each in described] == [["searched as hmac_sha256 under SECRET_KEY, hex"], None]
    work = rewrite(database, found.targets, keyring, "pending")
    fresh = [mac("new-secret", value).hex() if value < "value 5" else text for value, text in zip(values, stored)]
    assert searched(database) == fresh
    assert not work.stale


MODELS = """
import hmac
from django.conf import settings
from core.encryption import EncryptionManager


def index_of(phone):
    digits = "".join(filter(str.isdigit, phone))
    text = "0" + digits.removeprefix("49") if phone.startswith("+49") else digits
    return hmac.digest(settings.SECRET_KEY.encode(), text.encode(), "sha256").hex()


class Caller(models.Model):
    _phone = models.TextField()
    phone_hash = models.CharField(max_length=64)

    class Meta:
        db_table, managed = "customer_caller", False

    @property
    def phone(self):
        return EncryptionManager.decrypt(self._phone)

    @phone.setter
    def phone(self, value):
        self._phone, self.phone_hash = EncryptionManager.encrypt(value), index_of(value)
"""
FILL = """
from customer.models import Caller
for number in range(300):
    Caller.objects.create(phone=f"+49 170 12 {number:04}" if number % 10 == 7 else f"017012{number:04}")
"""
SEARCH = """
from customer.models import Caller, index_of
print(sum(Caller.objects.filter(phone_hash=index_of(f"017012{number:04}")).count() for number in range(300)), "found")
"""


def test_an_index_of_which_a_tenth_is_in_an_unknown_way_is_rotated_only_if_a_person_settles_it(site: Site) -> None:
    site.add_models(
        MODELS,
        "CREATE TABLE customer_caller (id bigserial PRIMARY KEY, _phone text, phone_hash varchar(64))",
        fill=FILL,
    )
    before, keys = site.sql("SELECT * FROM customer_caller ORDER BY id"), site.env_file.read_bytes()
    planned = site.play("plan")
    told = "customer_caller.phone_hash: 30 of 300 digests do not match their row in any known way."
    assert (planned.code, planned.error()) == (2, "E_STALE_DIGESTS"), planned.text
    assert "STOP customer_caller.phone_hash" in " ".join(planned.text.split())
    for words in (("rotate", "--check"), ("rotate",)):
        refused = site.play(*words)
        assert (refused.code != 0, refused.error()) == (True, "E_STALE_DIGESTS"), refused.text
        shown = " ".join(refused.text.split())
        assert told in shown
        assert "customer_caller.phone_hash:8, customer_caller.phone_hash:18" in shown
        assert site.sql("SELECT * FROM customer_caller ORDER BY id") == before
        assert site.env_file.read_bytes() == keys

    site.write_inventory(
        key_rotation_settlements={"customer_caller.phone_hash": {"unreadable": "they are saved again after it"}},
        key_rotation_plan=str(site.folder / "no plan.yml"),
    )
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert "30 digests in customer_caller.phone_hash were left unchanged" in " ".join(rotated.text.split())
    searched = site.manage("shell", "--command", SEARCH)
    assert "270 found" in searched.text, searched.text
