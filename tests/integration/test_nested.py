# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens inside tokens, on a real PostgreSQL: as a process with other keys makes them, and as applications intend."""

from __future__ import annotations

import base64
import json
import os
import pickle
import re
import struct
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise, product
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import restore_proof
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import application_findings
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.custom_functions import (
    ProcessPair,
    row_cipher_factory,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
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
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns import (
    nesting,
    plaintext_rules,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import catalog
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    census,
    census_comparison,
    census_findings,
    kept_columns,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_tally import Tally
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error

from .conftest import rewrite


def key(number: int) -> str:
    return base64.urlsafe_b64encode(bytes([number]) * 32).decode()


def key_set(number: int) -> KeySet:
    return KeySet({"FIELD_KEY": key(number), "INNER_KEY": key(number + 100)})


FIELD = {"format": "fernet", "key": {"derive": "direct", "secret": "FIELD_KEY"}}
INNER = {"format": "fernet", "key": {"derive": "direct", "secret": "INNER_KEY"}}
RAW = {"derive": "sha256", "secret": "FIELD_KEY"}
SCHEMES = {
    "plain": FIELD,
    "inner": INNER,
    "prefixed": {**FIELD, "prefix": "enc$"},
    "doubled": {**FIELD, "base64": True},
    "raw": {"format": "aes_cbc_hmac", "key": RAW, "signing_key": RAW},
    "gcm": {"format": "aes_gcm", "key": RAW},
    "gcm_text": {"format": "aes_gcm_nonce_first", "key": RAW},
    "gcm_enc": {"format": "aes_gcm_nonce_first", "key": RAW, "prefix": "enc$"},
    "gcm_v1": {"format": "aes_gcm_nonce_first", "key": RAW, "prefix": "v1$"},
    "gcm_colons": {"format": "aes_gcm_nonce_first", "key": RAW, "prefix": "enc::"},
    "ecb": {"format": "aes_ecb", "key": RAW, "base64": True},
}
STAGES = {"current": key_set(1), "pending": key_set(2), "older-7": key_set(7)}
TABLE = catalog.Table("public", "secrets", True)
COLUMNS = [
    ("plain", "text"),
    ("plain", "bytea"),
    ("plain", "jsonb"),
    ("prefixed", "text"),
    ("prefixed", "json"),
    ("doubled", "text"),
    ("raw", "bytea"),
    ("gcm", "bytea"),
    ("gcm_text", "text"),
    ("gcm_enc", "text"),
    ("gcm_v1", "json"),
    ("gcm_colons", "text"),
    ("plain", "text[]"),
]
MARKED = ("gcm_enc", "gcm_v1", "gcm_colons")
VALUE = b"a value, \xc3\xa9"


def keyring_of(*stages: str, base: str = "current") -> Keyring:
    known = {stage: STAGES[stage] for stage in stages}
    return Keyring(schemes.parse(SCHEMES), known, ApplicationSettings(lambda name: None), base=base)


@pytest.fixture
def keyring() -> Keyring:
    return keyring_of("current", "pending", "older-7")


def sealed(keyring: Keyring, scheme: str, stages: Sequence[str], text: bytes = VALUE) -> bytes:
    """A token with a layer for each stage, the outer one first."""
    for stage in reversed(stages):
        text = keyring.cipher(scheme, stage).seal(Opened(text, 1_700_000_000))
    return text


def stored(sql_type: str, token: bytes) -> Any:
    if sql_type == "bytea":
        return token
    text = token.decode()
    return json.dumps({"a": 1, "b": [text, None]}) if "json" in sql_type else text


def target(database: Database, scheme: str, sql_type: str = "text", **more: Any) -> Target:
    held = catalog.row_key(database, TABLE)
    return Target(TABLE, "a", sql_type, scheme, "Secret", held, None, **more)


def fill(database: Database, sql_type: str, tokens: Sequence[bytes]) -> None:
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a {sql_type})")
    for number, token in enumerate(tokens):
        place = "ARRAY[%s]" if sql_type.endswith("[]") else f"%s::{sql_type}"
        database.execute(f"INSERT INTO secrets VALUES (%s, {place})", (number, stored(sql_type, token)))


def take(database: Database, held: Target, keyring: Keyring, **options: Any) -> Tally:
    return census.Census(database, [held], keyring, b"k", **options).take()[0]


def inside(database: Database, held: Target, keyring: Keyring, stage: str) -> set[bytes | None]:
    """What one layer of each token has in it, under the keys of one stage alone."""
    cipher = keyring.cipher(held.scheme, stage)
    read = held.kind.read.format("t.a")
    rows = database.rows(f"SELECT {read} FROM secrets AS t", ())
    marker = keyring.schemes[held.scheme].marker
    opened = [cipher.open(token) for (value,) in rows for token in held.kind.tokens(value, marker)]
    return {one and one.plaintext for one in opened}


def is_of_processes(stages: Sequence[str]) -> bool:
    """Whether processes with other keys could have made the layers: none reads what it can decrypt as a token."""
    return all(outer != inner for outer, inner in pairwise(stages))


COMBINATIONS = [stages for depth in (2, 3) for stages in product(STAGES, repeat=depth)]
OF_PROCESSES = [stages for stages in COMBINATIONS if is_of_processes(stages)]
OF_NOBODY_KNOWS = [stages for stages in COMBINATIONS if not is_of_processes(stages)]


@pytest.mark.parametrize(("scheme", "sql_type"), COLUMNS, ids=["-".join(one) for one in COLUMNS])
def test_every_combination_of_versions_becomes_one_token_and_the_digest_stays(
    database: Database, keyring: Keyring, scheme: str, sql_type: str
) -> None:
    fill(database, sql_type, [sealed(keyring, scheme, stages) for stages in [("current",), *OF_PROCESSES]])
    held = target(database, scheme, sql_type)
    before = take(database, held, keyring)
    assert before.classes == {"current": 1, "nested": len(OF_PROCESSES)}
    assert before.examples["nested"][:2] == ["1", "2"]
    assert before.layers == {stage: sum(stage in stages for stages in OF_PROCESSES) for stage in keyring.stages}
    for destination in ("pending", "current"):  # the rotation, and the way back
        rewrite(database, [held], keyring, destination)
        after = take(database, held, keyring)
        assert after.classes == {destination: 1 + len(OF_PROCESSES)}
        assert after.layers == {}
        assert inside(database, held, keyring, destination) == {VALUE}
        census_comparison.refuse_difference([before.result], [after.result])


@pytest.mark.parametrize("text", [b"", b"1234", VALUE, b"a" * 40], ids=len)
@pytest.mark.parametrize("scheme", MARKED)
def test_short_values_behind_a_prefix_are_unwrapped_and_stop_if_their_version_is_gone(
    database: Database, scheme: str, text: bytes
) -> None:
    everything, keyring = keyring_of("current", "pending", "older-7"), keyring_of("current", "pending")
    nested = [sealed(everything, scheme, ("current", stage), text) for stage in ("pending", "older-7")]
    fill(database, "text", nested)
    held = target(database, scheme)
    assert take(database, held, everything).classes == {"nested": 2}
    tally = take(database, held, keyring)
    assert tally.classes == {"nested": 1, "nested_unreadable": 1}
    with pytest.raises(RotationError) as stopped:
        census_findings.refuse_unreadable([tally])
    assert (stopped.value.code, stopped.value.where["rows"]) == ("E_NESTED", "secrets.a:1")
    rewrite(database, [held], everything, "pending")
    assert inside(database, held, everything, "pending") == {text}


def refused(database: Database, held: Target, keyring: Keyring, code: str, rows: str) -> Tally:
    """The census, which stops by row as the rewrite does. Nothing is written, on a way back either."""
    stored_before = database.rows("SELECT a::text FROM secrets ORDER BY id", ())
    tally = take(database, held, keyring)
    for act in (
        lambda: census_findings.refuse_unreadable([tally]),
        lambda: rewrite(database, [held], keyring, "pending"),
    ):
        with pytest.raises(RotationError) as stopped:
            act()
        assert (stopped.value.code, stopped.value.where["rows"]) == (code, rows)
    rewrite(database, [held], keyring, "older-7", stop_at_unreadable=False)
    assert database.rows("SELECT a::text FROM secrets ORDER BY id", ()) == stored_before
    return tally


@pytest.mark.parametrize(("scheme", "sql_type"), COLUMNS, ids=["-".join(one) for one in COLUMNS])
def test_two_layers_under_one_version_stop_by_row_for_no_process_with_other_keys_made_them(
    database: Database, keyring: Keyring, scheme: str, sql_type: str
) -> None:
    fill(database, sql_type, [sealed(keyring, scheme, ("current", "current"))])
    tally = refused(database, target(database, scheme, sql_type), keyring, "E_TWO_LAYERS", "secrets.a:0")
    assert (tally.classes, tally.layers) == ({"two_layers": 1}, {"current": 1})


@pytest.mark.parametrize("stages", OF_NOBODY_KNOWS, ids="-".join)
def test_two_layers_that_a_person_settled_as_one_become_one_token(
    database: Database, keyring: Keyring, stages: Sequence[str]
) -> None:
    fill(database, "text", [sealed(keyring, "plain", stages), sealed(keyring, "plain", ("current",))])
    assert take(database, target(database, "plain"), keyring).classes["two_layers"] == 1
    settled = settlements.parse({"secrets.a": {"one_layer": "an import encrypted them twice"}})
    (held,) = target_survey.find(database, "auto", (), keyring, settled).targets
    rewrite(database, [held], keyring, "pending")
    assert inside(database, held, keyring, "pending") == {VALUE}


def test_two_layers_that_a_person_settled_as_two_are_one_scheme_wherever_the_first_one_is(
    database: Database, keyring: Keyring
) -> None:
    single = [sealed(keyring, "plain", ("current",), b"%d" % number) for number in range(1200)]
    fill(database, "text", [*single, layered(keyring, "current")])
    (held,) = target_survey.find(database, "auto", (), keyring).targets
    assert held.scheme == "plain", "nothing among the first rows shows two layers"
    tally = take(database, held, keyring)
    assert tally.classes == {"current": 1200, "two_layers": 1}
    assert tally.examples["two_layers"] == ["1200"]
    settled = settlements.parse({"secrets.a": {"two_layers": "version 2 of the model"}})
    for destination in ("pending", "pending", "current"):
        (held,) = target_survey.find(database, "auto", (), keyring, settled).targets
        assert held.scheme == "plain over inner"
        rewrite(database, [held], keyring, destination)
        (text,) = inside(database, target(database, "plain"), keyring, destination) - {
            b"%d" % number for number in range(1200)
        }
        assert keyring.cipher("inner", destination).open(text or b"") == Opened(VALUE, 1_700_000_000)


def test_the_rule_of_a_column_does_not_depend_on_the_order_of_its_rows_in_the_heap(
    database: Database, keyring: Keyring
) -> None:
    tokens = [layered(keyring, "current"), *(sealed(keyring, "plain", ("current",)) for _ in range(60))]
    fill(database, "text", tokens)
    for destination in ("pending", "current", "pending"):  # the row of two layers becomes the last one in the heap
        (held,) = target_survey.find(database, "auto", (), keyring).targets
        assert held.scheme == "plain over inner"
        rewrite(database, [held], keyring, destination)
        database.execute("UPDATE secrets SET a = a WHERE id = 0")


def test_two_layers_of_a_library_that_raises_stop_under_any_versions(database: Database) -> None:
    known = {"django_fernet_fields_no_hkdf": FIELD}
    stages = {stage: STAGES[stage] for stage in ("current", "pending", "older-7")}
    keyring = Keyring(schemes.parse(known), stages, ApplicationSettings(lambda name: None))
    fill(database, "text", [sealed(keyring, "django_fernet_fields_no_hkdf", ("current", "pending"))])
    refused(database, target(database, "django_fernet_fields_no_hkdf"), keyring, "E_TWO_LAYERS", "secrets.a:0")


def test_in_a_format_without_authentication_a_token_of_another_scheme_stops(
    database: Database, keyring: Keyring
) -> None:
    text = sealed(keyring, "plain", ("pending",))
    fill(database, "text", [keyring.cipher("ecb", "current").seal(keyring.schemes["ecb"].with_text(Opened(b""), text))])
    refused(database, target(database, "ecb"), keyring, "E_TWO_LAYERS", "secrets.a:0")


def test_a_token_in_the_quotes_of_json_is_unwrapped_to_the_json_that_was_encrypted_at_first(
    database: Database, keyring: Keyring
) -> None:
    document = b'{"a": "b"}'
    quoted = b'"%s"' % sealed(keyring, "plain", ("pending",), document)
    fill(database, "text", [sealed(keyring, "plain", ("current",), quoted)])
    held = target(database, "plain")
    rewrite(database, [held], keyring, "pending")
    assert inside(database, held, keyring, "pending") == {document}


@pytest.mark.parametrize("stage", STAGES)
def test_a_token_of_another_scheme_is_never_unwrapped(database: Database, keyring: Keyring, stage: str) -> None:
    fill(database, "text", [sealed(keyring, "plain", ("current",), sealed(keyring, "inner", (stage,)))])
    refused(database, target(database, "plain"), keyring, "E_TWO_LAYERS", "secrets.a:0")


@pytest.mark.parametrize(
    "text",
    [
        b"gAAAAA",
        b"gAAAAABnot a token, but a text that begins as one",
        b'"gAAAAA"',
        b"Z0FBQUFB",
        b"enc$",
        b"\xc3\xa9t\xc3\xa9",
    ],
)
def test_a_text_that_only_begins_like_a_token_is_a_text(database: Database, keyring: Keyring, text: bytes) -> None:
    fill(database, "text", [sealed(keyring, "prefixed", ("current",), text)])
    held = target(database, "prefixed")
    assert take(database, held, keyring).classes == {"current": 1}
    rewrite(database, [held], keyring, "pending")
    assert inside(database, held, keyring, "pending") == {text}


LOST = sealed(keyring_of("current", "pending", "older-7"), "plain", ("older-7",))  # of a version that is not at hand


def test_what_cannot_be_unwrapped_stops_by_row_and_nothing_is_written(database: Database) -> None:
    keyring = keyring_of("current", "pending")
    fill(database, "text", [sealed(keyring, "plain", ("current",), text) for text in (VALUE, LOST, VALUE)])
    held = target(database, "plain")
    tally = take(database, held, keyring)
    assert tally.classes == {"current": 2, "nested_unreadable": 1}
    assert tally.layers == {"current": 1}, "its outer layer needs these keys"
    for act in (
        lambda: census_findings.refuse_unreadable([tally]),
        lambda: rewrite(database, [held], keyring, "pending"),
    ):
        with pytest.raises(RotationError) as stopped:
            act()
        assert (stopped.value.code, stopped.value.where["rows"]) == ("E_NESTED", "secrets.a:1")
    assert inside(database, held, keyring, "current") == {VALUE, LOST}


def test_a_layer_above_what_cannot_be_unwrapped_does_not_hide_it(database: Database) -> None:
    keyring = keyring_of("current", "pending")
    fill(database, "text", [sealed(keyring, "plain", ("current", "pending"), LOST)])
    assert take(database, target(database, "plain"), keyring).classes == {"nested_unreadable": 1}


def test_a_token_of_another_system_that_a_person_listed_is_rotated_and_stays_as_it_is_inside(
    database: Database,
) -> None:
    keyring = keyring_of("current", "pending")
    fill(database, "text", [sealed(keyring, "plain", ("current",), text) for text in (VALUE, LOST)])
    held = target(database, "plain")
    listed = {"leave_alone": ["secrets.a:1"]}
    assert take(database, held, keyring, **listed).classes == {"current": 2}
    rewrite(database, [held], keyring, "pending", **listed)
    assert inside(database, held, keyring, "pending") == {VALUE, LOST}


def test_a_rollback_brings_back_all_but_the_inside_that_it_cannot_read(database: Database) -> None:
    keyring = keyring_of("current", "pending")
    fill(database, "text", [sealed(keyring, "plain", ("pending",), text) for text in (VALUE, LOST)])
    held = target(database, "plain")
    rewrite(database, [held], keyring, "current", stop_at_unreadable=False)
    assert inside(database, held, keyring, "current") == {VALUE, LOST}


def test_a_library_that_raises_makes_no_nested_token_so_a_foreign_one_is_a_text(database: Database) -> None:
    known = {"django_fernet_fields_no_hkdf": FIELD}
    keyring = Keyring(schemes.parse(known), {"current": STAGES["current"]}, ApplicationSettings(lambda name: None))
    fill(database, "text", [sealed(keyring, "django_fernet_fields_no_hkdf", ("current",), LOST)])
    held = target(database, "django_fernet_fields_no_hkdf")
    assert take(database, held, keyring).classes == {"current": 1}


def test_a_backup_needs_the_keys_of_every_layer(database: Database, keyring: Keyring) -> None:
    fill(database, "text", [sealed(keyring, "plain", stages) for stages in (("current",), ("current", "older-7"))])
    tally = take(database, target(database, "plain"), keyring)
    assert restore_proof._needed_keys([tally], keyring) == sorted(map(keyring.key_id, ("current", "older-7")))


def again(token: bytes) -> bytes:
    return base64.b64encode(token)


WRITINGS: dict[str, Callable[[bytes], bytes]] = {
    "repr": lambda token: repr(token).encode(),
    "repr of text": lambda token: repr(token.decode()).encode(),
    "hex": lambda token: token.hex().encode(),
    "upper hex of PostgreSQL": lambda token: b"\\x" + token.hex().upper().encode(),
    "base64": again,
    "base64 twice": lambda token: again(again(token)),
    "base64 without its padding": lambda token: again(token).rstrip(b"="),
    "base64 in lines": base64.encodebytes,
    "base64 of the repr": lambda token: again(repr(token).encode()),
    "a line break": lambda token: token + b"\n",
    "blanks": lambda token: b" \t" + token + b" ",
    "blanks in quotes": lambda token: b'" %s" ' % token,
}


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_token_in_another_writing_is_unwrapped(database: Database, keyring: Keyring, writing: str) -> None:
    write = WRITINGS[writing]
    nested = [write(sealed(keyring, "plain", stages)) for stages in (("pending",), ("pending", "older-7"))]
    nested.append(write(sealed(keyring, "plain", ("older-7",), write(VALUE))))
    fill(database, "text", [sealed(keyring, "plain", ("current",), text) for text in nested])
    held = target(database, "plain")
    before = take(database, held, keyring)
    assert before.classes == {"nested": 3}
    for destination in ("pending", "current"):
        rewrite(database, [held], keyring, destination)
        after = take(database, held, keyring)
        assert after.classes == {destination: 3}
        assert inside(database, held, keyring, destination) == {VALUE, write(VALUE)}
        census_comparison.refuse_difference([before.result], [after.result])


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize(("scheme", "stage"), [("plain", "current"), ("inner", "current"), ("inner", "older-7")])
def test_a_token_in_another_writing_that_no_process_with_other_keys_made_stops(
    database: Database, writing: str, scheme: str, stage: str
) -> None:
    keyring = Keyring(schemes.parse({"plain": FIELD, "inner": INNER}), STAGES, ApplicationSettings(lambda name: None))
    text = WRITINGS[writing](sealed(keyring, scheme, (stage,)))
    fill(database, "text", [sealed(keyring, "plain", ("current",), text)])
    tally = take(database, target(database, "plain"), keyring)
    assert (tally.classes, tally.layers) == ({"token_inside": 1}, dict.fromkeys(("current", stage), 1))


@pytest.mark.parametrize(
    ("scheme", "sql_type"),
    [("raw", "bytea"), ("gcm", "bytea"), ("gcm_text", "text"), *((each, "text") for each in MARKED)],
)
@pytest.mark.parametrize("writing", ["repr", "hex", "base64", "upper hex of PostgreSQL"])
def test_a_token_of_bytes_or_without_a_mark_in_another_writing_is_unwrapped(
    database: Database, keyring: Keyring, scheme: str, sql_type: str, writing: str
) -> None:
    text = WRITINGS[writing](sealed(keyring, scheme, ("pending",)))
    fill(database, sql_type, [sealed(keyring, scheme, ("current",), text)])
    held = target(database, scheme, sql_type)
    assert take(database, held, keyring).classes == {"nested": 1}
    rewrite(database, [held], keyring, "pending")
    assert inside(database, held, keyring, "pending") == {VALUE}


@pytest.mark.parametrize("writing", ["repr", "hex", "base64", "upper hex of PostgreSQL"])
@pytest.mark.parametrize("around", [bytes, lambda text: json.dumps(text.decode()).encode()], ids=["bare", "as JSON"])
def test_a_token_of_bytes_in_another_writing_stops_if_the_library_raises(
    database: Database, writing: str, around: Callable[[bytes], bytes]
) -> None:
    """A process that catches the error and saves the bytes that it was given: no text has a mark of such a token."""
    name = "django_searchable_encrypted_fields"
    keyring = Keyring(schemes.parse({name: SCHEMES["gcm"]}), STAGES, ApplicationSettings(lambda name: None))
    text = around(WRITINGS[writing](sealed(keyring, name, ("pending",))))
    fill(database, "bytea", [sealed(keyring, name, ("current",), text)])
    assert take(database, target(database, name, "bytea"), keyring).classes == {"token_inside": 1}


AROUND_BYTES: dict[str, Callable[[bytes], bytes]] = {
    "a pickled text of Python": lambda token: pickle.dumps(repr(token)),
    "pickled bytes": pickle.dumps,
    "a document": lambda token: json.dumps({"read": repr(token)}).encode(),
    "a sentence": lambda token: b"read " + repr(token).encode() + b" of it, which is no text",
}


@pytest.mark.parametrize("around", AROUND_BYTES)
@pytest.mark.parametrize("size", [1, 15, 16, 5_000])
def test_a_token_of_bytes_stops_whatever_is_behind_it(
    database: Database, keyring: Keyring, around: str, size: int
) -> None:
    """django-cryptography encrypts pickled objects. A process that catches its error saves the bytes that it was
    given, as the text that Python shows of them: what ends the object is behind the token."""
    text = AROUND_BYTES[around](sealed(keyring, "raw", ("pending",), pickle.dumps("x" * size)))
    fill(database, "bytea", [sealed(keyring, "raw", ("current",), text)])
    assert take(database, target(database, "raw", "bytea"), keyring).classes == {"token_inside": 1}


def document(token: bytes) -> bytes:
    return json.dumps({"name": "a", "secrets": [token.decode(), None]}).encode()


BETWEEN: dict[str, Callable[[bytes], bytes]] = {
    "a document": document,
    "a document in quotes": lambda token: json.dumps(document(token).decode()).encode(),
    "a sentence": lambda token: b"The token " + token + b".",
    "a word that goes on": lambda token: b"a_" + token.rstrip(b"=") + b"_z",
    "another token": lambda token: token + b"," + token,
    "an address": lambda token: b"https://example.com/?t=" + token.replace(b"=", b"%3D") + b"&a=1",
    "base64 of a document": lambda token: again(document(token)),
    "hex in a document": lambda token: document(token.hex().encode()),
    "base64 in a document": lambda token: document(again(token)),
    "a repr in a sentence": lambda token: b"read " + repr(token).encode(),
    "text before its base64": lambda token: b"data:" + again(b"ab" + token),
}


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("text", [VALUE, VALUE * 2], ids=["padded", "unpadded"])
def test_a_token_between_other_text_stops_by_row_in_every_direction_and_nothing_is_lost(
    database: Database, keyring: Keyring, between: str, text: bytes
) -> None:
    document = BETWEEN[between](sealed(keyring, "inner", ("older-7",), text))
    fill(database, "text", [sealed(keyring, "plain", ("current",), one) for one in (VALUE, document)])
    held = target(database, "plain")
    tally = take(database, held, keyring)
    assert tally.classes == {"current": 1, "token_inside": 1}
    assert tally.layers == {"current": 1, "older-7": 1}, "retire.yml keeps the version of the token inside"
    for act in (
        lambda: census_findings.refuse_unreadable([tally]),
        lambda: rewrite(database, [held], keyring, "pending"),
    ):
        with pytest.raises(RotationError) as stopped:
            act()
        assert (stopped.value.code, stopped.value.where["rows"]) == ("E_TOKEN_INSIDE", "secrets.a:1")
    assert inside(database, held, keyring, "current") == {VALUE, document}
    rewrite(database, [held], keyring, "pending", stop_at_unreadable=False)  # a rollback brings back what it can
    assert inside(database, held, keyring, "pending") == {VALUE, document}
    assert take(database, held, keyring).classes == {"pending": 1, "token_inside": 1}


@pytest.mark.parametrize(("scheme", "sql_type"), [("prefixed", "text"), ("doubled", "text"), ("gcm_text", "text")])
def test_a_document_with_a_token_of_its_columns_own_format_stops(
    database: Database, keyring: Keyring, scheme: str, sql_type: str
) -> None:
    text = document(sealed(keyring, scheme, ("pending",)))
    fill(database, sql_type, [sealed(keyring, scheme, ("current",), text)])
    assert take(database, target(database, scheme, sql_type), keyring).classes == {"token_inside": 1}


def test_a_document_within_a_nested_token_stops_too(database: Database, keyring: Keyring) -> None:
    text = document(sealed(keyring, "plain", ("older-7",)))
    fill(database, "text", [sealed(keyring, "plain", ("current", "pending"), text)])
    tally = take(database, target(database, "plain"), keyring)
    assert tally.classes == {"token_inside": 1}
    assert tally.layers == {"current": 1, "pending": 1, "older-7": 1}


def test_a_token_between_other_text_counts_only_if_it_opens_under_a_key_that_is_rotated(database: Database) -> None:
    stages = {
        stage: KeySet({"FIELD_KEY": keys.values["FIELD_KEY"]}) for stage, keys in STAGES.items() if stage != "older-7"
    }
    keyring = Keyring(
        schemes.parse({"plain": FIELD, "inner": INNER}), stages, ApplicationSettings({"INNER_KEY": key(9)}.get)
    )
    fixed = sealed(keyring, "inner", ("current",))
    known = sealed(keyring, "plain", ("current",))
    spoiled = known[:40] + (b"A" if known[40:41] != b"A" else b"B") + known[41:]
    texts = [document(token) for token in (LOST, fixed, spoiled)]
    fill(database, "text", [sealed(keyring, "plain", ("current",), text) for text in texts])
    assert take(database, target(database, "plain"), keyring).classes == {"current": 3}


FIXED_OUTER: dict[str, Callable[[bytes], bytes]] = {"a document": document, "hex": WRITINGS["hex"], "a token": bytes}


@pytest.mark.parametrize("between", FIXED_OUTER)
def test_a_token_under_a_rotated_key_stops_by_row_in_a_column_whose_own_key_is_not_rotated(
    database: Database, between: str
) -> None:
    stages = {stage: KeySet({"INNER_KEY": keys.values["INNER_KEY"]}) for stage, keys in STAGES.items()}
    keyring = Keyring(
        schemes.parse({"plain": FIELD, "inner": INNER}), stages, ApplicationSettings({"FIELD_KEY": key(9)}.get)
    )
    texts = [b"%d" % number for number in range(1200)]
    texts.append(FIXED_OUTER[between](sealed(keyring, "inner", ("older-7",))))
    fill(database, "text", [sealed(keyring, "plain", ("current",), text) for text in texts])
    survey = target_survey.find(database, "auto", (), keyring)
    assert (survey.targets, [held.name for held in survey.evidence.fixed]) == ([], ["secrets.a"])
    (found,) = kept_columns.findings(database, survey.evidence.fixed, keyring)
    assert (found.kind.code, found.fields) == ("E_TOKEN_INSIDE", {"count": 1, "rows": "secrets.a:1200"})
    for accepted in ("secrets.a", "secrets.a:1200"):
        settled = settlements.parse({accepted: {"unreadable": "nobody needs it"}})
        assert kept_columns.findings(database, survey.evidence.fixed, keyring, settled) == []


def numbers(count: int) -> bytes:
    """Sparse binary data in base64: it has what a Fernet token begins with at every third number."""
    return again(struct.pack(f"<{count}q", *([0x80, 1 << 15, 3] * count)[:count]))


@pytest.mark.parametrize("count", [0, 6400])
def test_a_token_in_much_text_that_begins_like_one_is_found_in_little_time_and_memory(
    database: Database, keyring: Keyring, count: int
) -> None:
    texts = [numbers(19_200), numbers(count) + sealed(keyring, "inner", ("older-7",)) + b"_" + numbers(count)]
    assert texts[0].count(b"gAAAAA") > 3000
    tokens = [sealed(keyring, "plain", ("current",), text) for text in texts]
    opened = keyring.stages_of("plain", tokens)
    tracemalloc.start()
    began = time.process_time()
    found = nesting.unwrapped(keyring, "plain", tokens, opened)
    took, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {place: (inner.problem, inner.held) for place, inner in found.items()} == {1: ("token_inside", ("older-7",))}
    assert (took < 2, peak < 4 << 20) == (True, True), (took, peak)


def test_a_text_with_too_much_that_begins_like_a_token_is_named(database: Database, keyring: Keyring) -> None:
    text = b"gAAAAA".join(base64.urlsafe_b64encode(os.urandom(90)) for _ in range(2000))
    fill(database, "text", [sealed(keyring, "plain", ("current",), one) for one in (VALUE, text)])
    tally = take(database, target(database, "plain"), keyring)
    assert (tally.classes, tally.layers) == ({"current": 2}, {})
    (found,) = census_findings.notable([tally])
    assert (found.kind.name, found.fields) == ("unsearched", {"count": 1, "rows": "secrets.a:1"})
    assert not found.kind.stops


@pytest.mark.parametrize("listed", ["secrets.a", "secrets.a:0"])
@pytest.mark.parametrize("text", [b"Bearer %s", b"https://a.example/?t=%s"], ids=["a prefix", "an address"])
def test_a_token_inside_that_a_person_accepted_is_accepted_by_a_process_with_the_new_keys_alone(
    database: Database, keyring: Keyring, listed: str, text: bytes
) -> None:
    text %= sealed(keyring, "plain", ("current",))
    fill(database, "text", [sealed(keyring, "plain", ("current",), text)])
    held = target(database, "plain")
    rewrite(database, [held], keyring, "pending", leave_alone=[listed])
    alone = keyring_of("pending", base="pending")
    assert take(database, held, alone).classes == {"nested_unreadable": 1}
    assert take(database, held, alone, leave_alone=[listed]).classes == {"pending": 1}


@pytest.mark.parametrize("listed", ["secrets.a", "secrets.a:0"])
def test_a_token_between_other_text_that_a_person_accepted_stays_as_it_is(
    database: Database, keyring: Keyring, listed: str
) -> None:
    text = document(sealed(keyring, "plain", ("current",)))
    fill(database, "text", [sealed(keyring, "plain", ("current",), text)])
    held = target(database, "plain")
    tally = take(database, held, keyring, leave_alone=[listed])
    assert tally.classes == {"current": 1}
    settled = settlements.parse({listed: {"unreadable": "nobody reads it"}})
    assert [found.kind.code for found in census_findings.left_alone([tally], {})] == ["E_LEFT_ALONE"] * (
        listed[-1] == "0"
    )
    assert census_findings.left_alone([tally], settled) == []
    rewrite(database, [held], keyring, "pending", leave_alone=[listed])
    assert inside(database, held, keyring, "pending") == {text}


@pytest.mark.parametrize("writing", WRITINGS)
def test_tokens_in_another_writing_are_not_unwrapped_if_they_are_accepted(database: Database, writing: str) -> None:
    keyring = Keyring(schemes.parse({"plain": FIELD}), STAGES, ApplicationSettings(lambda name: None))
    texts = [WRITINGS[writing](sealed(keyring, "plain", ("current",))) for _ in range(2)]
    tokens = [sealed(keyring, "plain", ("current",), text) for text in (*texts, VALUE)]
    fill(database, "text", tokens)
    (held,) = target_survey.find(database, "auto", (), keyring).targets
    tally = take(database, held, keyring)
    assert tally.classes == {"current": 1, "token_inside": 2}
    rewrite(database, [held], keyring, "pending", leave_alone=[held.name])
    assert inside(database, held, keyring, "pending") == {*texts, VALUE}


def test_two_layers_by_design_of_which_the_inner_one_is_in_base64_are_one_scheme(keyring: Keyring) -> None:
    tokens = [layered(keyring, "current", "plain", "doubled") for _ in range(3)]
    assert judged(keyring, "plain", tokens).scheme == "plain over doubled"


SETTLED = settlements.parse({"secrets.a": {"unreadable": "the application reads both layers by itself"}})


@pytest.mark.parametrize(
    ("doubled", "settled", "listed"),
    [(2, {}, "secrets.a"), (2, SETTLED, "secrets.a"), (1, SETTLED, "secrets.a"), (1, {}, "secrets.a:0")],
)
def test_tokens_in_another_writing_that_stay_stay_in_each_pass_and_in_a_rollback(
    database: Database, keyring: Keyring, doubled: int, settled: settlements.Settlements, listed: str
) -> None:
    texts = [*(sealed(keyring, "plain", ("current",)).hex().encode() for _ in range(doubled)), VALUE]
    others = [f"value {number}".encode() for number in range(4 * (2 - doubled))]
    fill(database, "text", [sealed(keyring, "plain", ("current",), text) for text in (*texts, *others)])
    for destination in ("pending", "pending", "current", "older-7"):
        (held,) = target_survey.find(database, "auto", (), keyring, settled).targets  # by each process anew
        rewrite(database, [held], keyring, destination, leave_alone=[listed])
        assert inside(database, held, keyring, destination) == {*texts, *others}


BLANKS: dict[str, Callable[[bytes], bytes]] = {
    "a line break": lambda token: token + b"\n",
    "blanks": lambda token: b"  " + token + b"\t",
    "lines": lambda token: token[:50] + b"\n" + token[50:],
}


@pytest.mark.parametrize(
    ("scheme", "sql_type", "blanks"),
    [
        *product(("plain",), ("text", "jsonb"), BLANKS),
        ("prefixed", "text", "a line break"),
        ("prefixed", "text", "lines"),
        ("doubled", "text", "lines"),
    ],
)
def test_a_stored_token_with_blanks_is_what_it_is_under_and_the_plan_says_so(
    database: Database, keyring: Keyring, scheme: str, sql_type: str, blanks: str
) -> None:
    fill(database, sql_type, [BLANKS[blanks](sealed(keyring, scheme, ("current",)))])
    held = target(database, scheme, sql_type)
    before = take(database, held, keyring)
    assert before.classes == {"current": 1}
    (found,) = census_findings.notable([before])
    assert (found.column, found.fields) == ("secrets.a", {"count": 1, "rows": "secrets.a:0"})
    assert not found.kind.stops
    rewrite(database, [held], keyring, "pending")
    after = take(database, held, keyring)
    assert after.classes == {"pending": 1}
    census_comparison.refuse_difference([before.result], [after.result])
    ((value,),) = database.rows("SELECT a::text FROM secrets", ())
    (token,) = held.kind.tokens(value, b"")
    bare = token.replace(b"\\n", b"").replace(b"\\t", b"").strip()
    assert keyring.cipher(scheme, "pending").open(bare) == Opened(VALUE, 1_700_000_000)
    if blanks != "lines":
        assert len(token) > len(bare), "the application may count on what is around it"


def in_standard_alphabet(token: bytes) -> bytes:
    return token.translate(bytes.maketrans(b"-_", b"+/"))


@pytest.mark.parametrize(
    "written",
    [
        in_standard_alphabet,
        lambda token: token[:40] + b"!" + token[40:],
        lambda token: token[:30] + b"\xc2\xa0?\n" + token[30:],
    ],
    ids=["standard alphabet", "a stray byte", "stray bytes"],
)
def test_a_token_that_only_a_loose_decoder_reads_becomes_a_canonical_one(
    database: Database, keyring: Keyring, written: Callable[[bytes], bytes]
) -> None:
    tokens = [sealed(keyring, "plain", ("current",), VALUE + str(number).encode()) for number in range(20)]
    stored = [written(token) for token in tokens]
    fill(database, "text", stored)
    held = target(database, "plain")
    before = take(database, held, keyring)
    assert before.classes == {"current": 20}
    changed = sum(token != written(token) for token in tokens)
    is_standard = written is in_standard_alphabet
    assert (before.standard.count if is_standard else before.loose.count, changed > 10) == (changed, True)
    stops = application_findings.find_staying(SimpleNamespace(settlements={}), [before])
    assert [one.kind.code for one in stops] == ["E_FORMAT"] * is_standard
    settled = settlements.parse({held.name: {"urlsafe": "the application reads both"}})
    assert application_findings.find_staying(SimpleNamespace(settlements=settled), [before]) == []
    assert bool(census_findings.notable([before])) is not is_standard
    rewrite(database, [held], keyring, "pending")
    after = take(database, held, keyring)
    assert (after.classes, after.loose.count, after.standard.count) == ({"pending": 20}, 0, 0)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+=*", value) for (value,) in database.rows("SELECT a FROM secrets", ()))
    census_comparison.refuse_difference([before.result], [after.result])


@pytest.mark.parametrize(("scheme", "blanks"), [*product(("defectdojo", "gcm_text"), BLANKS), ("prefixed", "blanks")])
def test_blanks_in_a_token_are_left_out_only_if_its_library_does_so(
    database: Database, scheme: str, blanks: str
) -> None:
    described = {**SCHEMES, "defectdojo": {"format": "aes_gcm_hex", "key": RAW, "prefix": "AES.2:"}}
    keyring = Keyring(schemes.parse(described), STAGES, ApplicationSettings(lambda name: None))
    token = sealed(keyring, scheme, ("current",))
    fill(database, "text", [token, BLANKS[blanks](token)])
    tally = take(database, target(database, scheme), keyring)
    assert tally.classes == {"current": 1, "token_in_text": 1}
    assert census_findings.notable([tally]) == []


def test_no_more_rows_of_tokens_with_blanks_are_kept_than_are_shown(database: Database, keyring: Keyring) -> None:
    fill(database, "text", [sealed(keyring, "plain", ("current",)) + b"\n"] * 20)
    tally = take(database, target(database, "plain"), keyring)
    assert (tally.loose.count, tally.loose.first) == (20, ["0", "1", "2", "3", "4"])
    assert census_findings.notable([tally])[0].fields["rows"].endswith("secrets.a:4 and 15 more")


def test_a_column_in_which_each_token_has_a_line_break_is_found(database: Database, keyring: Keyring) -> None:
    fill(database, "text", [sealed(keyring, "plain", ("current",)) + b"\n" for _ in range(3)])
    assert [held.name for held in target_survey.find(database, "auto", (), keyring).targets] == ["secrets.a"]


class Process:
    """Two functions of an application that returns what it cannot decrypt, under the keys of one stage."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def call(self, verb: str, function: str, argument: Any, context: Any = ()) -> Any:
        begin = f"AES.2:{self.stage}:"
        if verb == "seal":
            return (begin + base64.b64encode(argument[1:]).decode()).encode()
        if verb != "open":  # it knows its own tokens, and has nothing to learn
            return True
        read = argument.startswith(begin)
        return read, b"s" + base64.b64decode(argument[len(begin) :]) if read else None


@pytest.mark.parametrize("stages", [("current", "pending"), ("pending", "current"), ("current", "pending", "current")])
def test_a_token_of_the_applications_own_functions_is_known_by_what_all_begin_with(
    database: Database, stages: Sequence[str]
) -> None:
    own = schemes.parse({"own": {"application": {"decrypt": "app.decrypt", "encrypt": "app.encrypt"}}})
    processes: Any = {stage: ProcessPair(Process(stage), Process(stage)) for stage in ("current", "pending")}
    stages_at_hand = {stage: STAGES[stage] for stage in processes}
    settings = ApplicationSettings(lambda name: None)
    keyring = Keyring(own, stages_at_hand, settings, build_row_cipher=row_cipher_factory(processes))
    text = VALUE
    for stage in reversed(stages):
        text = keyring.cipher("own", stage).seal(Opened(b"s" + text))
    fill(database, "text", [text, keyring.cipher("own", "current").seal(Opened(b"sAES.2: a text"))])
    held = target(database, "own")
    assert take(database, held, keyring).classes == {"nested": 1, "current": 1}
    rewrite(database, [held], keyring, "pending")
    assert inside(database, held, keyring, "pending") == {b"s" + VALUE, b"sAES.2: a text"}


def test_a_token_of_the_applications_own_functions_between_other_text_stops(database: Database) -> None:
    own = schemes.parse({"own": {"application": {"decrypt": "app.decrypt", "encrypt": "app.encrypt"}}})
    processes: Any = {stage: ProcessPair(Process(stage), Process(stage)) for stage in ("current", "pending")}
    stages_at_hand = {stage: STAGES[stage] for stage in processes}
    settings = ApplicationSettings(lambda name: None)
    keyring = Keyring(own, stages_at_hand, settings, build_row_cipher=row_cipher_factory(processes))
    text = document(keyring.cipher("own", "pending").seal(Opened(b"s" + VALUE)))
    fill(database, "text", [keyring.cipher("own", "current").seal(Opened(b"s" + one)) for one in (VALUE, text)])
    assert take(database, target(database, "own"), keyring).classes == {"token_inside": 1, "current": 1}


def judged(
    keyring: Keyring, scheme: str, tokens: Sequence[bytes], *, reads_inner: bool = False
) -> plaintext_rules.PlaintextRule:
    return plaintext_rules.rule(keyring, scheme, tokens, lambda texts: reads_inner)


def test_tokens_of_another_system_stop_by_row_however_many_there_are_until_a_person_accepts_them(
    database: Database,
) -> None:
    keyring = keyring_of("current", "pending")
    texts = [*(sealed(keyring_of("older-7"), "plain", ("older-7",), b"%d" % number) for number in range(13)), VALUE]
    fill(database, "text", [sealed(keyring, "plain", ("current",), text) for text in texts])
    (held,) = target_survey.find(database, "auto", (), keyring).targets
    assert take(database, held, keyring).classes == {"current": 1, "nested_unreadable": 13}
    assert take(database, held, keyring, leave_alone=[held.name]).classes == {"current": 14}
    rewrite(database, [held], keyring, "pending", leave_alone=[held.name])
    assert inside(database, held, keyring, "pending") == {*texts}


def layered(keyring: Keyring, stage: str, outer: str = "plain", inner: str = "inner", text: bytes = VALUE) -> bytes:
    return sealed(keyring, outer, (stage,), sealed(keyring, inner, (stage,), text))


def test_two_layers_by_design_are_one_scheme_and_both_are_rotated(database: Database, keyring: Keyring) -> None:
    tokens = [layered(keyring, "current"), layered(keyring, "current"), sealed(keyring, "plain", ("current",))]
    rule = judged(keyring, "plain", tokens, reads_inner=True)
    assert rule == ("plain over inner", False)
    assert judged(keyring, "plain", tokens[1:], reads_inner=True) == rule, "one value of two layers is enough"
    assert keyring.settings_of(keyring.schemes[rule.scheme]) == {"FIELD_KEY", "INNER_KEY"}
    fill(database, "text", tokens)
    held = target(database, rule.scheme)
    before = take(database, held, keyring)
    assert before.classes == {"current": 3}
    for destination in ("pending", "current"):
        rewrite(database, [held], keyring, destination)
        after = take(database, held, keyring)
        assert after.classes == {destination: 3}
        census_comparison.refuse_difference([before.result], [after.result])
        bare = target(database, "plain")
        texts = inside(database, bare, keyring, destination)
        assert VALUE in texts, "a value of one layer keeps it"
        assert {keyring.cipher("inner", destination).open(text or b"") for text in texts - {VALUE}} == {
            Opened(VALUE, 1_700_000_000)
        }


@pytest.mark.parametrize(
    "stages", [("current", "pending"), ("pending", "current"), ("current", "pending", "current")], ids="-".join
)
def test_a_nested_token_of_two_layers_by_design_becomes_one_of_two_layers(
    database: Database, keyring: Keyring, stages: Sequence[str]
) -> None:
    keyring.add(keyring.schemes["plain"].over(keyring.schemes["inner"]))
    *outer, last = stages
    fill(database, "text", [sealed(keyring, "plain", outer, layered(keyring, last))])
    held = target(database, "plain over inner")
    before = take(database, held, keyring)
    assert before.classes == {"nested": 1}
    for destination in ("pending", "current"):
        rewrite(database, [held], keyring, destination)
        after = take(database, held, keyring)
        assert after.classes == {destination: 1}
        (text,) = inside(database, target(database, "plain"), keyring, destination)
        assert keyring.cipher("inner", destination).open(text or b"") == Opened(VALUE, 1_700_000_000)
        census_comparison.refuse_difference([before.result], [after.result])


def test_two_layers_under_one_key_are_by_design_unless_the_application_reads_the_inner_token(keyring: Keyring) -> None:
    tokens = [sealed(keyring, "plain", ("current", "current")) for _ in range(3)]
    assert judged(keyring, "plain", tokens, reads_inner=True) == ("plain", False)
    assert judged(keyring, "plain", tokens).scheme == "plain over plain"


def test_two_layers_under_one_key_are_no_design_unless_they_are_the_rule(keyring: Keyring) -> None:
    single = [sealed(keyring, "plain", ("current",), b"%d" % number) for number in range(11)]
    assert judged(keyring, "plain", [sealed(keyring, "plain", ("current", "current")), *single]) == ("plain", False)


def test_layers_under_two_versions_are_never_by_design(keyring: Keyring) -> None:
    tokens = [sealed(keyring, "plain", ("current", "pending")) for _ in range(3)]
    assert judged(keyring, "plain", tokens).scheme == "plain"


def test_an_inner_token_under_a_key_that_is_not_rotated_stays(database: Database) -> None:
    stages = {stage: KeySet({"FIELD_KEY": keys.values["FIELD_KEY"]}) for stage, keys in STAGES.items()}
    keyring = Keyring(
        schemes.parse({"plain": FIELD, "inner": INNER}), stages, ApplicationSettings({"INNER_KEY": key(9)}.get)
    )
    tokens = [layered(keyring, "current") for _ in range(3)]
    assert judged(keyring, "plain", tokens) == ("plain", False)
    assert judged(keyring, "inner", [layered(keyring, "current", "inner", "plain")]).scheme == "inner over plain"
    fill(database, "text", tokens)
    held = target(database, "plain")
    assert take(database, held, keyring).classes == {"current": 3}
    rewrite(database, [held], keyring, "pending")
    texts = inside(database, held, keyring, "pending")
    assert {keyring.cipher("inner", "pending").open(text or b"") for text in texts} == {Opened(VALUE, 1_700_000_000)}


def test_discovery_finds_two_layers_in_a_column_and_unwraps_none_of_them(database: Database, keyring: Keyring) -> None:
    fill(database, "text", [layered(keyring, "current") for _ in range(5)])
    (held,) = target_survey.find(database, "auto", (), keyring).targets
    assert held.scheme == "plain over inner"
    assert take(database, held, keyring).classes == {"current": 5}


def test_the_plan_says_that_a_column_holds_tokens_of_another_system(database: Database) -> None:
    keyring = keyring_of("current", "pending")
    fill(database, "text", [sealed(keyring, "plain", ("current",), LOST) for _ in range(3)])
    survey = target_survey.find(database, "auto", (), keyring)
    assert [each.column for each in survey.findings.of("foreign")] == ["secrets.a"]


STORED_AROUND: dict[str, Callable[[str], str]] = {
    "a document": lambda token: json.dumps({"token": token, "kind": "note"}),
    "a prefix": "v1:{}".format,
    "a tag": "<t>{}</t>".format,
    "two tokens": lambda token: f"{token},{token}",
    "no padding": lambda token: token.rstrip("="),
}


@pytest.mark.parametrize("stage", ["current", "older-7"])
@pytest.mark.parametrize("written", STORED_AROUND)
def test_a_stored_text_with_a_token_in_it_stops_as_what_it_is(
    database: Database, keyring: Keyring, written: str, stage: str
) -> None:
    fill(database, "text", [sealed(keyring, "plain", ("current",))])
    value = STORED_AROUND[written](sealed(keyring, "plain", (stage,)).decode())
    database.execute("INSERT INTO secrets VALUES (1, %s)", (value,))
    held = target(database, "plain")
    tally = take(database, replace(held, mixed=True), keyring)
    assert tally.classes == {"current": 1, "token_in_text": 1}
    with expect_error("E_TOKEN_IN_TEXT", count=1, rows="secrets.a:1"):
        rewrite(database, [replace(held, mixed=True)], keyring, "pending")
    rewrite(database, [held], keyring, "pending", stop_at_unreadable=False)
    assert database.rows("SELECT a FROM secrets WHERE id = 1") == [(value,)]
    (error,) = census_findings.findings([tally])
    assert "delete" not in str(error.as_error())
    assert [
        each["rows"] for each in census_findings.needing([tally], keyring, [stage]) if each["class"] == "token_in_text"
    ] == [["secrets.a:1"]]
    assert not [
        each for each in census_findings.needing([tally], keyring, ["pending"]) if each["class"] == "token_in_text"
    ]
    left = take(database, held, keyring, leave_alone=["secrets.a:1"])
    assert (left.classes, left.unsettled) == ({"pending": 1}, ["1"])


def test_a_column_in_which_every_token_is_inside_a_text_is_described_so(database: Database, keyring: Keyring) -> None:
    fill(database, "text", [])
    for number in range(30):
        text = f"a note of more than forty characters about {number}: {sealed(keyring, 'plain', ('current',)).decode()}"
        database.execute("INSERT INTO secrets VALUES (%s, %s)", (number, text))
    survey = target_survey.find(database, "auto", (), keyring)
    (found,) = survey_findings.findings_of([survey], keyring, "the test")
    assert found.kind.code == "E_UNPROVED"
    assert found.fields["look"] == target_survey.IN_TEXT_LOOK
