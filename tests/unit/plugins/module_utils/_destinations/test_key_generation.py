# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import re

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import env_file_dialects, key_generation
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error
from ansible_collections.tetech.key_rotation.tests.key_pairs import KeyPair, key_pair
from cryptography.fernet import Fernet
from django.core.checks.security import base as django_checks
from django.core.management.utils import get_random_secret_key

STRONG = "Abcdefghij" * 5


@pytest.mark.parametrize(
    ("key_type", "form"),
    [
        ("token_urlsafe", r"[A-Za-z0-9_-]{86}"),
        ("fernet", r"[A-Za-z0-9_-]{43}="),
        ("base64", r"[A-Za-z0-9]{43}="),
        ("hex", r"[0-9a-f]{64}"),
        ("django_secret_key", r"[a-z0-9!@#$%^&*(\-_=+)]{50}"),
    ],
)
def test_each_type_has_its_length_and_an_alphabet_that_every_reader_gives_back(key_type, form):
    made = {key_generation.generate([{"name": "A", "type": key_type}])["A"] for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(form, value) for value in made)


def test_every_type_is_tested_above():
    assert list(key_generation.TYPES) == ["token_urlsafe", "fernet", "base64", "hex", "django_secret_key"]


def test_a_fernet_key_is_one():
    Fernet(key_generation.generate([{"name": "A", "type": "fernet"}])["A"])


def test_an_application_may_read_a_fernet_key_in_the_standard_alphabet():
    """b64decode drops characters of the other alphabet without an error: AES-GCM by hand would fail after the end."""
    made = [key_generation.generate([{"name": "A", "type": "fernet"}])["A"] for _ in range(50)]
    assert [base64.b64decode(value) for value in made] == [base64.urlsafe_b64decode(value) for value in made]


def test_each_name_gets_a_value_of_its_own():
    made = key_generation.generate([{"name": "A"}, {"name": "B"}])
    assert list(made) == ["A", "B"]
    assert made["A"] != made["B"]


def test_a_key_without_a_type_is_urlsafe():
    assert re.fullmatch(r"[A-Za-z0-9_-]{86}", key_generation.generate([{"name": "A"}])["A"])


@pytest.mark.parametrize(
    ("keys", "code", "where"),
    [
        ([], "E_KEY_SPEC", {"index": 0}),
        ([{"name": "A"}, {"type": "hex"}], "E_KEY_SPEC", {"index": 1}),
        ([{"name": ""}], "E_KEY_SPEC", {"index": 0}),
        ([{"name": "A B"}], "E_KEY_SPEC", {"index": 0}),
        ([{"name": "A=1\nB"}], "E_KEY_SPEC", {"index": 0}),
        ([{"name": "A"}, {"name": "A"}], "E_KEY_SPEC", {"index": 1, "fault": "has the name of an earlier one"}),
        ([{"name": "A", "destination": "keys"}], "E_KEY_SPEC", {"index": 0}),
        ([{"name": n, "destination": "/k"} for n in "AB"], "E_KEY_SPEC", {"index": 1}),
        ([{"name": "A", "type": "uuid"}], "E_KEY_TYPE", {"name": "A", "type": "uuid"}),
        ([{"name": "A", "type": "CANARY-1"}], "E_KEY_TYPE", {"name": "A", "type": "(not shown)"}),
        ([{"name": "A", "bytes": 15}], "E_KEY_SPEC", {"fault": "must have 16 to 512 bytes"}),
        ([{"name": "A", "type": "hex", "bytes": 15}], "E_KEY_SPEC", {"fault": "must have 16 to 512 bytes"}),
        ([{"name": "A", "type": "base64", "bytes": 65}], "E_KEY_SPEC", {"fault": "must have 16 to 64 bytes"}),
        ([{"name": "A", "bytes": 513}], "E_KEY_SPEC", {"fault": "must have 16 to 512 bytes"}),
        ([{"name": "A", "type": "fernet", "bytes": 32}], "E_KEY_SPEC", {"index": 0}),
        ([{"name": "A", "type": "django_secret_key", "bytes": 64}], "E_KEY_SPEC", {"index": 0}),
        ([{"name": "A", "keep": -1}], "E_KEY_SPEC", {"fault": "has a negative keep"}),
        ([{"name": "A", "type": "openpgp"}], "E_KEY_SPEC", {"index": 0}),
        ([{"name": "A", "type": "openpgp", "destination": "/k", "keep": 1}], "E_KEY_SPEC", {"index": 0}),
        ([{"name": "A", "type": "openpgp", "destination": "/k", "bytes": 64}], "E_KEY_SPEC", {"index": 0}),
        ([{"name": "A", "type": "openpgp", "destination": "/k"}], "E_KEY_NOT_MADE", {"name": "A"}),
    ],
)
def test_a_wrong_entry_is_refused_and_named(keys, code, where):
    with pytest.raises(RotationError) as refused:
        key_generation.generate(keys)
    assert refused.value.code == code
    assert where.items() <= refused.value.where.items()


def test_the_bytes_of_a_value_are_as_many_as_asked_for():
    assert len(key_generation.generate([{"name": "A", "bytes": 96}])["A"]) == 128
    assert len(key_generation.generate([{"name": "A", "type": "hex", "bytes": 48}])["A"]) == 96


@pytest.mark.parametrize(
    ("entry", "present", "length", "bits"),
    [
        *(({}, "x" * length, length, 6 * length) for length in (22, 32, 33, 50, 101)),
        ({}, "x" * 21, 32, 192),
        ({}, "x" * 9000, 683, 4098),
        ({}, "ä" * 15 + "x" * 2, 32, 192),  # of its bytes
        ({}, f"{'x' * 40},{'y' * 40}", 40, 240),
        ({}, f"{'x' * 25},{'y' * 14}", 40, 240),  # no list
        ({"keep": 1}, f"{'x' * 40},{'y' * 60}", 81, 240),
        ({"bytes": 24}, "x" * 50, 32, 192),
        ({"type": "hex"}, "ab" * 16, 32, 128),
        ({"type": "hex"}, "AB" * 24, 48, 192),
        ({"type": "hex"}, "ab" * 15, 64, 256),
        ({"type": "hex"}, "not in hex", 64, 256),
        ({"type": "base64"}, base64.b64encode(bytes(16)).decode(), 24, 126),
        ({"type": "base64"}, base64.urlsafe_b64encode(b"\xff" * 64).decode(), 88, 508),
        ({"type": "base64"}, "x" * 33, 44, 254),
    ],
)
def test_a_new_value_is_as_long_as_the_present_one_unless_that_is_weak_or_the_entry_says_more(
    entry, present, length, bits
):
    """What code cuts off or fills up of its key, such as KEY[:32], is the same of both then."""
    key = {"name": "A"} | entry
    made = {key_generation.generate([key], {key["name"]: present})[key["name"]] for _ in range(20)}
    assert {len(value) for value in made} == {length}
    assert len(made) == 20
    assert key_generation.described([key], {key["name"]: present})[0]["bits"] == bits
    assert all(key_generation.fits(key, value.split(",")[0], present) for value in made)


@pytest.mark.parametrize(("size", "bits"), [(16, 126), (24, 190), (32, 254), (64, 508)])
def test_base64_is_read_alike_by_the_decoders_of_both_alphabets(size, bits):
    key = {"name": "A", "type": "base64", "bytes": size}
    value = key_generation.generate([key])["A"]
    raw = base64.b64decode(value, validate=True)
    assert (len(raw), base64.urlsafe_b64decode(value)) == (size, raw)
    assert key_generation.described([key])[0]["bits"] == bits


@pytest.mark.parametrize("kind", ["hex", "base64"])
@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_value_from_elsewhere_has_the_bytes_that_were_asked_for(kind, size):
    """Code that takes the first 16 bytes of its key would take others of a longer one."""
    keys = [{"name": "A", "type": kind, "bytes": size}]
    for other in (16, 24, 32):
        supplied = key_generation.generate([{**keys[0], "bytes": other}])
        if other == size:
            key_generation.check_supplied(keys, supplied, "/values")
            continue
        with pytest.raises(RotationError, match=f"{size} bytes"):
            key_generation.check_supplied(keys, supplied, "/values")


def test_a_django_key_is_of_django_s_alphabet_and_length_and_passes_its_check():
    value = key_generation.generate([{"name": "A", "type": "django_secret_key"}])["A"]
    assert len(value) == len(get_random_secret_key())
    assert set(key_generation.DJANGO_ALPHABET) == set("abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)")
    assert django_checks._check_secret_key(value)


def test_a_django_key_is_drawn_until_the_reader_of_the_file_gives_it_back(monkeypatch):
    drawn = ["$" + STRONG, STRONG, STRONG[::-1]]
    monkeypatch.setitem(key_generation.TYPES, "django_secret_key", lambda _: drawn.pop(0))
    keys = [{"name": "A", "type": "django_secret_key"}]
    assert key_generation.generate(keys, dialect="django-environ")["A"] == STRONG
    assert drawn == [STRONG[::-1]]


def test_a_list_begins_with_the_new_value_and_keeps_the_newest_of_the_old():
    keys = [{"name": "FERNET_KEYS", "type": "fernet", "keep": 2}, {"name": "SALT", "keep": 0}]
    made = key_generation.generate(keys, {"FERNET_KEYS": "third,second,first", "SALT": "old"})
    new, *kept = made["FERNET_KEYS"].split(",")
    Fernet(new)
    assert kept == ["third", "second"]
    assert "," not in made["SALT"]


def test_a_list_keeps_no_compromised_value():
    keys = [{"name": "FERNET_KEYS", "type": "fernet", "keep": 2}]
    made = key_generation.generate(keys, {"FERNET_KEYS": "second,first"}, compromised=True)
    Fernet(made["FERNET_KEYS"])


@pytest.mark.parametrize("current", [{}, {"FERNET_KEYS": ""}])
def test_a_list_without_an_old_value_is_the_new_value_alone(current):
    Fernet(key_generation.generate([{"name": "FERNET_KEYS", "type": "fernet", "keep": 2}], current)["FERNET_KEYS"])


def test_supplied_values_are_taken_and_the_others_made():
    keys = [{"name": "A"}, {"name": "B"}]
    key_generation.check_supplied(keys, {"A": STRONG}, "/file")
    made = key_generation.generate(keys, supplied={"A": STRONG})
    assert made["A"] == STRONG
    assert len(made["B"]) == 86


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("token_urlsafe", STRONG[:49], "is shorter than 50 characters"),
        ("django_secret_key", STRONG[:49], "is shorter than 50 characters"),
        ("token_urlsafe", "abcd" * 20, "has fewer than 5 different characters"),
        ("token_urlsafe", f"django-insecure-{STRONG}", "begins with django-insecure-"),
        *[
            ("token_urlsafe", STRONG + character, "has characters that some .env readers change")
            for character in ";'\"\\ \n,`~é"
        ],
        ("fernet", STRONG, "is not a Fernet key"),
        ("fernet", "a" * 43 + "=", "has fewer than 5 different characters"),
        ("hex", "0123456789abcdef" * 3, "is not the hex of 32 bytes or more"),
        ("hex", "0123456789ABCDEF" * 4, "is not the hex of 32 bytes or more"),
    ],
)
def test_a_supplied_value_that_is_weak_or_misread_is_refused_without_showing_it(kind, value, found):
    with pytest.raises(RotationError) as refused:
        key_generation.check_supplied([{"name": "A", "type": kind}], {"A": value}, "/file")
    assert (refused.value.code, refused.value.where["fault"]) == ("E_KEY_WEAK", found)
    assert value not in str(refused.value)


@pytest.mark.parametrize("kind", key_generation.TYPES)
def test_what_is_made_here_would_be_taken_from_elsewhere(kind):
    keys = [{"name": "A", "type": kind}]
    for _ in range(50):
        key_generation.check_supplied(keys, key_generation.generate(keys), "/file")


@pytest.mark.parametrize("other", ["B", f"CANARY{STRONG}", 42])
def test_a_supplied_value_for_no_key_is_refused_by_its_place(other):
    """Where the file has values for names, the name is the value."""
    with pytest.raises(RotationError) as refused:
        key_generation.check_supplied([{"name": "A"}], {"A": STRONG, other: "A"}, "/file")
    assert (refused.value.code, refused.value.where["name"]) == ("E_KEY_WEAK", "entry 2")
    assert str(other) not in refused.value.where.values()
    assert "CANARY" not in str(refused.value)


def test_a_supplied_value_that_the_reader_of_the_env_file_does_not_give_back_is_refused():
    """django-environ takes one with a $ first for the name of another variable. A key file has no such reader."""
    given = {"A": f"$CANARY{STRONG}"}
    with pytest.raises(RotationError) as refused:
        key_generation.check_supplied([{"name": "A"}], given, "/file", "django-environ")
    lost = "cannot be read back from a file in the dialect django-environ"
    assert (refused.value.code, refused.value.where["fault"]) == ("E_KEY_WEAK", lost)
    assert "CANARY" not in str(refused.value)
    key_generation.check_supplied([{"name": "A"}], given, "/file", "systemd")
    key_generation.check_supplied([{"name": "A", "destination": "/keys"}], given, "/file", "django-environ")


def test_a_rehearsal_refuses_what_the_making_would_and_draws_nothing(monkeypatch):
    monkeypatch.setattr(key_generation, "TYPES", dict.fromkeys(key_generation.TYPES))
    keys = [{"name": "A", "keep": 1}, {"name": "B", "type": "fernet"}, {"name": "C", "type": "django_secret_key"}]
    assert key_generation.rehearsed(keys, {"A": "old,older"}, {"A": STRONG}, "dotenv") == {"A": f"{STRONG},old"}
    assert key_generation.rehearsed(keys, {}, {}, "dotenv") == {}
    for supplied in ({}, {"A": STRONG}):
        with pytest.raises(RotationError, match="E_KEY_DIALECT"):
            key_generation.rehearsed(keys, {"A": "CANARY$(x)'\"\\"}, supplied, "shell")


@pytest.mark.parametrize("dialect", env_file_dialects.DIALECTS)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_what_stands_in_for_a_value_is_carried_as_it_is(dialect, quote):
    assert env_file_dialects.literal(env_file_dialects.DIALECTS[dialect], quote, key_generation.STAND_IN)


def test_two_keys_with_one_supplied_value_are_refused():
    with pytest.raises(RotationError) as refused:
        key_generation.check_supplied([{"name": "A"}, {"name": "B"}], {"A": STRONG, "B": STRONG}, "/file")
    assert (refused.value.code, refused.value.where["fault"]) == ("E_KEY_WEAK", "is also the value of another key")


@pytest.mark.parametrize("dialect", env_file_dialects.DIALECTS)
@pytest.mark.parametrize("kind", key_generation.TYPES)
def test_what_is_made_here_is_carried_by_every_dialect(kind, dialect):
    for _ in range(20):
        key_generation.generate([{"name": "A", "type": kind}], dialect=dialect)


def test_a_list_whose_old_values_the_dialect_does_not_carry_is_refused_before_it_is_stored():
    keys = [{"name": "A", "keep": 1}]
    current = {"A": "CANARY$(x)'\"\\"}
    with pytest.raises(RotationError) as refused:
        key_generation.generate(keys, current, dialect="shell")
    assert refused.value.code == "E_KEY_DIALECT"
    assert "CANARY" not in str(refused.value)
    key_generation.generate([{**keys[0], "destination": "/keys"}], current, dialect="shell")


def test_how_values_are_made_is_said_without_them():
    keys = [{"name": "A"}, {"name": "F", "type": "fernet"}, {"name": "H", "type": "hex", "bytes": 64}, {"name": "S"}]
    assert key_generation.described(keys, {"A": "x" * 30}, {"S": "CANARY"}) == [
        {"name": "A", "rng": "os.urandom", "type": "token_urlsafe", "bits": 180},
        {"name": "F", "rng": "os.urandom", "type": "fernet", "bits": 254},
        {"name": "H", "rng": "os.urandom", "type": "hex", "bits": 512},
        {"name": "S", "rng": "supplied"},
    ]


@pytest.mark.parametrize("kind", ["fernet", "hex"])
def test_a_value_of_another_type_is_seen_if_the_type_has_a_form(kind):
    key = {"name": "A", "type": kind}
    assert key_generation.fits(key, key_generation.generate([key])["A"])
    assert not key_generation.fits(key, key_generation.generate([{"name": "A"}])["A"])


PAIR = [{"name": name, "type": "openpgp", "destination": f"/{name}"} for name in KeyPair._fields]


def test_an_openpgp_key_pair_comes_from_elsewhere_in_a_dry_run_too():
    given = {name: value.strip() for name, value in key_pair()._asdict().items()}
    key_generation.check_supplied(PAIR, given, "/file")
    assert key_generation.generate([{"name": "A"}, *PAIR], supplied=given).items() > given.items()
    assert key_generation.rehearsed([{"name": "A"}, *PAIR], {}, given, "dotenv") == given
    with expect_error("E_KEY_NOT_MADE", name="private"):
        key_generation.rehearsed(PAIR, {}, {"public": given["public"]}, "dotenv")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (lambda: {"public": key_pair().public}, "is one half of a pair without the other"),
        (lambda: {**key_pair()._asdict(), "public": key_pair("second").public}, "is one half of a pair"),
        (
            lambda: key_pair("locked", passphrase="CANARY")._asdict(),
            "is not a key for pgcrypto: it is under a passphrase",
        ),
        (lambda: {"public": STRONG, "private": key_pair().private}, "is not an OpenPGP key in ASCII armor"),
    ],
)
def test_half_a_pair_or_one_that_pgcrypto_cannot_use_is_refused_without_showing_it(given, found):
    supplied = {name: value.strip() for name, value in given().items()}
    with pytest.raises(RotationError) as refused:
        key_generation.check_supplied(PAIR, supplied, "/file")
    assert refused.value.code == "E_KEY_WEAK"
    assert found in refused.value.where["fault"]
    assert not [value for value in supplied.values() if max(value.split(), key=len) in str(refused.value)]


def test_keys_with_one_value_get_one_new_value_unless_they_are_of_different_kinds():
    """Which of them a stored value is under does not show, and it can be re-encrypted for both only so."""
    keys = [{"name": "A"}, {"name": "B"}, {"name": "C", "type": "fernet"}, {"name": "D"}, {"name": "E"}]
    made = key_generation.generate(keys, {"A": "x", "B": "x", "C": "x", "D": "y"})
    assert made["A"] == made["B"]
    assert len({*made.values()}) == 4
