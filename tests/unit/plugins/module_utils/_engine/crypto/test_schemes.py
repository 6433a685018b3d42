# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import copy
import hashlib
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import derivation, schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PROFILE = {
    "format": "fernet",
    "key": {"derive": "pbkdf2_sha256", "secret": "SECRET_KEY", "salt": "ENCRYPTION_SALT", "iterations": 100_000},
}
DIRECT = {"format": "fernet", "key": {"derive": "direct", "secret": "FIELD_KEY"}}
FIELD_KEY = {"FIELD_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}

INSIDE = Opened(b"x", 7)
TWO_KEYS = {
    "format": "aes_cbc_hmac",
    "key": {
        "derive": "pbkdf2_sha256",
        "secret": "AES",
        "salt": {"setting": "CRYPTOGRAPHY_SALT", "default": "salt"},
        "iterations": 10,
    },
    "signing_key": {"derive": "raw", "secret": "SIGN"},
}


OWN = {"application": {"decrypt": "core.decrypt", "encrypt": "core.encrypt"}}


def functions(**members):
    return {"application": {**OWN["application"], **members}}


@pytest.fixture(scope="module")
def ciphers(old_keys, new_keys):
    scheme = schemes.parse("auto")["encryption_manager"]
    return scheme.cipher(old_keys.values.get), scheme.cipher(new_keys.values.get)


def test_functions_of_the_application_are_a_scheme():
    scheme = schemes.parse({"own": functions(binary=True)})["own"]
    assert (scheme.functions.decrypt, scheme.functions.encrypt, scheme.functions.binary) == (
        "core.decrypt", "core.encrypt", True,
    )  # fmt: skip
    assert not scheme.format.authenticated
    assert (scheme.settings, scheme.marker) == (set(), b"")


def test_functions_may_ask_for_the_row():
    described = {**functions(context=["pk", "member"]), "json_members": ["password"]}
    assert schemes.parse({"own": described})["own"].functions.context == ("pk", "member")


def changed(scheme: dict[str, Any], **key: Any) -> dict[str, Any]:
    """The scheme with other members of ``key``; None takes one away."""
    other = copy.deepcopy(scheme)
    other["key"] = {name: value for name, value in {**other["key"], **key}.items() if value is not None}
    return other


@pytest.mark.parametrize("row", range(4))
def test_stored_values_of_the_real_application_open_under_their_own_keys_only(vectors, ciphers, row):
    old, new = ciphers
    stored = vectors["rows"][row]
    plaintext = stored["plaintext"].encode()
    under_old, under_new = stored["stored_old"].encode(), stored["stored_new"].encode()
    assert old.open(under_old).plaintext == plaintext
    assert new.open(under_new).plaintext == plaintext
    assert old.open(under_new) is None
    assert new.open(under_old) is None


def test_a_value_goes_to_the_new_keys_with_its_time_and_its_bytes(vectors, ciphers):
    old, new = ciphers
    for row in vectors["rows"]:
        inside = old.open(row["stored_old"].encode())
        fresh = new.seal(inside)
        assert new.open(fresh) == inside
        assert inside.timestamp > 0
        assert len(fresh) == len(row["stored_new"])


def test_a_scheme_in_yaml_is_the_known_one(old_keys, vectors):
    scheme = schemes.parse({"profile": PROFILE})["profile"]
    assert scheme.settings == {"SECRET_KEY", "ENCRYPTION_SALT"}
    assert scheme.cipher(old_keys.values.get).open(vectors["rows"][0]["stored_old"].encode()) is not None


def test_a_direct_key_needs_one_setting():
    scheme = schemes.parse({"field": DIRECT})["field"]
    assert scheme.settings == {"FIELD_KEY"}
    cipher = scheme.cipher(FIELD_KEY.get)
    assert cipher.open(cipher.seal(Opened(b"x", 7))) == Opened(b"x", 7)


def test_a_prefix_is_put_before_each_token_and_asked_of_each():
    bare = schemes.parse({"field": DIRECT})["field"].cipher(FIELD_KEY.get)
    scheme = schemes.parse({"field": {**DIRECT, "prefix": "enc$"}})["field"]
    cipher = scheme.cipher(FIELD_KEY.get)
    token = cipher.seal(Opened(b"x", 7))
    assert scheme.marker == b"enc$gAAAAA"
    assert token.startswith(scheme.marker)
    assert cipher.open(token) == Opened(b"x", 7)
    assert bare.open(token.removeprefix(b"enc$")) == Opened(b"x", 7)
    assert bare.open(token) is None
    assert cipher.open(token.removeprefix(b"enc$")) is None
    assert cipher.open(b"enc$" + token) is None
    assert cipher.open(b"tok$" + token.removeprefix(b"enc$")) is None


def test_what_is_known_is_tried_after_what_a_person_described():
    known = [*schemes.parse("auto"), *schemes.of_keys(["APP_KEY"])]
    assert list(schemes.tried("auto", ["APP_KEY"])) == known
    made = schemes.tried({"own": DIRECT, "pulpcore": PROFILE}, ["APP_KEY"])
    same = "encryption_manager"  # is described as PROFILE is
    assert list(made) == ["own", "pulpcore", *(name for name in known if name not in ("pulpcore", same))]
    assert {name for name, scheme in made.items() if not scheme.trial} == {"own", "pulpcore"}
    with pytest.raises(RotationError, match="E_SCHEME"):
        schemes.tried({"own": "fernet"}, [])


def test_a_key_that_an_application_uses_by_hand_is_fernet_s_own_or_its_sha256_or_its_beginning():
    made = schemes.of_keys(["APP_KEY", "SECRET_KEY", "FIELD_ENCRYPTION_KEY"])
    fernet = {name for name in made if not name.startswith("aes_")}
    assert fernet == {
        "fernet_of_APP_KEY",
        "sha256_of_APP_KEY",
        "sha256_of_FIELD_ENCRYPTION_KEY",
        "fernet_of_SECRET_KEY",
        *(f"fernet_padded_of_{name}" for name in ("APP_KEY", "SECRET_KEY", "FIELD_ENCRYPTION_KEY")),
    }, "libraries have the others"
    key = base64.urlsafe_b64encode(bytes(32)).decode()
    values = {"APP_KEY": f"{key},another", "SECRET_KEY": "no base64"}
    assert made["fernet_of_SECRET_KEY"].cipher(values.get) is None
    assert made["fernet_of_APP_KEY"].cipher({"APP_KEY": key}.get).open(Fernet(key).encrypt(b"x")).plaintext == b"x"
    hashed = base64.urlsafe_b64encode(hashlib.sha256(values["APP_KEY"].encode()).digest())
    assert made["sha256_of_APP_KEY"].cipher(values.get).open(Fernet(hashed).encrypt(b"x")).plaintext == b"x"
    for secret in ("thirty-two or more characters of a passphrase", "as many as 25 characters."):
        first = base64.urlsafe_b64encode(secret[:32].encode().ljust(32, b"\0"))
        cipher = made["fernet_padded_of_APP_KEY"].cipher({"APP_KEY": secret}.get)
        assert cipher.open(Fernet(first).encrypt(b"x")).plaintext == b"x"


@pytest.mark.parametrize(
    ("value", "derive", "key"),
    [
        (base64.urlsafe_b64encode(bytes(32)).decode(), "direct", bytes(32)),
        (base64.b64encode(b"\xfb\xff" * 16).decode(), "standard_base64", b"\xfb\xff" * 16),
        ("07" * 24, "hex", b"\7" * 24),
        ("sixteen letters!", "padded", b"sixteen letters!"),
        ("thirty-two or more characters of a passphrase", "padded", b"thirty-two or more characters of"),
        ("eleven char", "padded", b"eleven char" + bytes(5)),
        ("any text", "sha256", hashlib.sha256(b"any text").digest()),
    ],
)
@pytest.mark.parametrize("form", ["text", "bytes"])
def test_an_application_may_use_its_key_for_aes_gcm(value, derive, key, form):
    token = AESGCM(key).encrypt(bytes(range(12)), b"x", None)
    stored = bytes(range(12)) + token
    stored = base64.b64encode(stored) if form == "text" else stored
    made = schemes.of_keys(["APP_KEY"])[f"aes_gcm_{form}_{derive}_of_APP_KEY"].cipher({"APP_KEY": value}.get)
    assert made.open(stored).plaintext == b"x"


@pytest.mark.parametrize(
    ("described", "found"),
    [
        ("automatic", "neither 'auto' nor a mapping"),
        ({}, "neither 'auto' nor a mapping"),
        ([PROFILE], "neither 'auto' nor a mapping"),
        (None, "neither 'auto' nor a mapping"),
        ({"profile": "fernet"}, "is not a mapping"),
        ({"profile": {**PROFILE, "encoding": "b64"}}, "has the unknown member encoding"),
        ({"profile": {**PROFILE, "format": "rot13"}}, "has no format of: fernet"),
        ({"profile": {"key": PROFILE["key"]}}, "has no format of: fernet"),
        (
            {"profile": {"format": "fernet"}},
            f"has no key.derive of: {', '.join(derivation.DERIVATIONS)}",
        ),
        ({"profile": {"format": "fernet", "key": "SECRET_KEY"}}, "has no key.derive of"),
        ({"profile": changed(PROFILE, derive="md5")}, "has no key.derive of"),
        ({"profile": changed(PROFILE, salt=None)}, "has no key.salt"),
        ({"profile": changed(PROFILE, secret=None)}, "has no key.secret"),
        ({"profile": changed(PROFILE, iterations=None)}, "has no key.iterations"),
        ({"own": {**OWN, "prefix": "enc$"}}, "has prefix besides application"),
        ({"own": {**OWN, "prefix": "enc$", "key": {}}}, "has key, prefix besides application"),
        ({"own": {**OWN, "json_members": "password"}}, "has json_members that are not a list of names"),
        ({"profile": {**PROFILE, "json_members": [""]}}, "has json_members that are not a list of names"),
        ({"own": {"application": "core.decrypt"}}, "has an application that is not a mapping"),
        ({"own": {"application": {"decrypt": "core.decrypt"}}}, "has no encrypt in application"),
        ({"own": {"application": {}}}, "has no decrypt and no encrypt in application"),
        (
            {"own": functions(key="core.key")},
            "has key in application, which takes decrypt, encrypt, binary, context",
        ),
        ({"own": functions(**{"CANARY-a-key=": 1})}, "has (not shown) in application"),
        ({"own": functions(encrypt="encrypt")}, "has an application.encrypt that is not a dotted path"),
        ({"own": functions(decrypt=["core.decrypt"])}, "has an application.decrypt that is not a dotted path"),
        (
            {"own": functions(context="pk")},
            "has an application.context that is not a list of: pk, table, column, member",
        ),
        ({"own": functions(context=["pk", "pk"])}, "has an application.context that is not a list"),
        ({"own": functions(context=[{"pk": 1}])}, "has an application.context that is not a list"),
        ({"own": functions(context=["member"])}, "asks for the member, and has no json_members"),
        ({"own": functions(binary="yes")}, "has an application.binary that is neither true nor false"),
        ({"profile": changed(DIRECT, salt="B")}, "has the unknown member key.salt"),
        ({"profile": changed(DIRECT, iterations=7)}, "has the unknown member key.iterations"),
        ({"profile": changed(PROFILE, iterations=0)}, "has a key.iterations that is not a positive number"),
        ({"profile": changed(PROFILE, iterations=-1)}, "has a key.iterations that is not a positive number"),
        ({"profile": changed(PROFILE, iterations="100000")}, "has a key.iterations that is not a positive number"),
        ({"profile": changed(PROFILE, iterations=1.5)}, "has a key.iterations that is not a positive number"),
        ({"profile": changed(PROFILE, iterations=True)}, "has a key.iterations that is not a positive number"),
        ({"profile": changed(PROFILE, length=0)}, "has a key.length that is not a positive number"),
        ({"profile": changed(PROFILE, secret="")}, "has a key.secret that names no setting"),
        ({"profile": changed(PROFILE, secret=7)}, "has a key.secret that names no setting"),
        ({"profile": changed(PROFILE, secret=["A", "B"])}, "has a key.secret that names no setting"),
        ({"profile": changed(PROFILE, secret={})}, "has a key.secret that names no setting"),
        ({"profile": changed(PROFILE, secret={"env": "A"})}, "has a key.secret that names no setting"),
        ({"profile": changed(PROFILE, secret={"setting": "A"})}, "has a key.secret that names no setting"),
        ({"profile": changed(PROFILE, secret={"bytes": "A"})}, "has a key.secret that names no setting"),
        ({"profile": changed(PROFILE, salt={"text": "a", "first": ["B"]})}, "has a key.salt that names no setting"),
        ({"profile": {**PROFILE, "format": ["fernet"]}}, "has no format of: fernet"),
        ({"profile": {**PROFILE, "format": {}}}, "has no format of: fernet"),
        ({"profile": changed(PROFILE, derive=["direct"])}, "has no key.derive of: direct"),
        ({"profile": {**PROFILE, "format": "aes_cbc_hmac"}}, "has no signing_key.derive of: direct"),
    ],
)
def test_a_wrong_description_is_refused_and_reported(described, found):
    with pytest.raises(RotationError, match="key_rotation_schemes") as refused:
        schemes.parse(described)
    assert refused.value.code == "E_SCHEME"
    assert found in refused.value.where["fault"]


def test_without_a_value_for_a_setting_there_is_no_cipher():
    scheme = schemes.parse({"profile": PROFILE})["profile"]
    assert scheme.cipher({"SECRET_KEY": "CANARY"}.get) is None
    assert scheme.cipher({}.get) is None


@pytest.mark.parametrize(
    "value", ["CANARY", "short", base64.urlsafe_b64encode(bytes(31)).decode(), "é" * 44, "A" * 45, 7, object()]
)
def test_a_setting_that_is_no_key_is_named_without_its_value(value):
    scheme = schemes.parse({"field": DIRECT})["field"]
    fault = Containing("cannot make a key", "FIELD_KEY")
    with expect_error("E_SCHEME", scheme="field", fault=fault) as refused:
        scheme.cipher({"FIELD_KEY": value}.get)
    assert str(value) not in str(refused.value)


def test_of_several_keys_an_invalid_one_is_refused():
    scheme = schemes.parse({"field": DIRECT})["field"]
    with expect_error("E_SCHEME", scheme="field", fault=Containing("FIELD_KEY")):
        scheme.cipher({"FIELD_KEY": [FIELD_KEY["FIELD_KEY"], "CANARY"]}.get)


def test_a_scheme_that_is_tried_on_the_chance_is_left_out_if_its_settings_make_no_key():
    scheme = schemes.Scheme("field", DIRECT, trial=True)
    assert scheme.cipher({"FIELD_KEY": "CANARY"}.get) is None
    assert scheme.cipher(FIELD_KEY.get) is not None
    assert all(known.trial for known in schemes.parse("auto").values())
    assert not schemes.parse({"field": DIRECT})["field"].trial


def test_all_keys_of_a_list_open_and_the_first_seals():
    scheme = schemes.parse({"field": DIRECT})["field"]
    other = base64.urlsafe_b64encode(bytes(32)).decode()
    first, second = (scheme.cipher({"FIELD_KEY": key}.get) for key in (other, FIELD_KEY["FIELD_KEY"]))
    both = scheme.cipher({"FIELD_KEY": [other, FIELD_KEY["FIELD_KEY"]]}.get)
    assert both.open(second.seal(INSIDE)) == INSIDE
    assert first.open(both.seal(INSIDE)) == INSIDE
    assert second.open(both.seal(INSIDE)) is None


def test_a_scheme_with_two_keys_takes_each_from_where_it_says():
    scheme = schemes.parse({"two": TWO_KEYS})["two"]
    assert scheme.settings == {"AES", "CRYPTOGRAPHY_SALT", "SIGN"}
    token = scheme.cipher({"AES": "a", "SIGN": "s"}.get).seal(INSIDE)
    assert scheme.cipher({"AES": "a", "SIGN": "s", "CRYPTOGRAPHY_SALT": "salt"}.get).open(token) == INSIDE
    assert scheme.cipher({"AES": "a", "SIGN": "t"}.get).open(token) is None
    # It is signed well: by chance, one in 256, the padding of what another key makes of it is right too.
    assert scheme.cipher({"AES": "b", "SIGN": "s"}.get).open(token) != INSIDE
    assert scheme.cipher({"AES": "a"}.get) is None
    assert scheme.cipher({"SIGN": "s"}.get) is None
    assert not scheme.text
    assert scheme.marker == b"\x80\0\0\0\0"


def test_every_setting_of_every_source_counts():
    secret = {"first": ["A", {"all": ["B", {"setting": "C", "default": "c"}]}, {"text": "D"}]}
    scheme = schemes.parse({"s": {**DIRECT, "key": {"derive": "direct", "secret": secret}, "hash_salt": "E"}})["s"]
    assert scheme.settings == {"A", "B", "C", "E"}


def test_what_lies_around_a_token_comes_in_one_order():
    described = {**DIRECT, "prefix": "tok_1_", "base64": True, "hash_salt": {"text": "salt"}}
    scheme = schemes.parse({"field": described})["field"]
    token = scheme.cipher(FIELD_KEY.get).seal(Opened(b"x", 7, hashed=True))
    assert scheme.marker == b"tok_1_Z0FBQUFB"
    assert token.startswith(scheme.marker)
    bare, _, hashed = base64.urlsafe_b64decode(token.removeprefix(b"tok_1_")).partition(b"$")
    assert schemes.parse({"field": DIRECT})["field"].cipher(FIELD_KEY.get).open(bare) == Opened(b"x", 7)
    assert hashed.decode() == hashlib.sha256(b"xsalt").hexdigest()


@pytest.mark.parametrize(
    ("prefix", "doubled", "name", "marker"),
    [
        ("enc$", False, "field after enc$", b"enc$gAAAAA"),
        ("", True, "field base64", b"Z0FBQUFB"),
        ("tok_", True, "field base64 after tok_", b"tok_Z0FBQUFB"),
    ],
)
def test_the_same_scheme_with_something_around_its_tokens(prefix, doubled, name, marker):
    bare = schemes.Scheme("field", DIRECT, trial=True)
    dressed = bare.around(prefix, doubled)
    assert (dressed.name, dressed.marker, dressed.trial) == (name, marker, True)
    assert dressed.cipher(FIELD_KEY.get).seal(INSIDE).startswith(marker)
    assert bare.described == DIRECT
    assert schemes.parse({"said": dressed.described})["said"].marker == marker


@pytest.mark.parametrize(
    ("value", "several"), [("a", False), (None, False), (["a"], True), (("a", "b"), True), ([], True), (b"a", False)]
)
def test_an_application_that_has_a_list_reads_several_keys(value, several):
    assert schemes.parse({"field": DIRECT})["field"].reads_several({"FIELD_KEY": value}.get) is several


def test_a_scheme_never_shows_a_key_that_is_in_the_code():
    described = {"format": "fernet", "key": {"derive": "raw", "secret": {"bytes": b"CANARY"}}}
    assert "CANARY" not in repr(schemes.Scheme("own", described))
