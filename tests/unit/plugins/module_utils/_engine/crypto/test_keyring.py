# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import os

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations.key_generation import TYPES
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import derivation, schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.fernet import FernetToken
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_length import size_of
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.unusable_key import (
    SAMPLES,
    sample_value,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import proposal
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from cryptography.fernet import Fernet

from ..conftest import nothing_set

SCHEME = "encryption_manager"


@pytest.fixture(scope="module")
def keyring(old_keys, new_keys):
    return Keyring(schemes.parse("auto"), {"current": old_keys, "pending": new_keys}, nothing_set)


def test_a_token_says_under_which_stage_it_is(keyring, vectors):
    row = vectors["rows"][0]
    assert keyring.stage_of(SCHEME, row["stored_old"].encode())[0] == "current"
    assert keyring.stage_of(SCHEME, row["stored_new"].encode())[0] == "pending"
    assert keyring.stage_of(SCHEME, row["stored_new"].encode())[1].plaintext == row["plaintext"].encode()


@pytest.mark.parametrize("value", ["", "plain", "gAAAAA-no-token"])
def test_what_no_stage_opens_has_none(keyring, value):
    assert keyring.stage_of(SCHEME, value.encode()) is None


@pytest.mark.parametrize("base", ["pending", "current"])
def test_of_two_stages_with_the_same_keys_the_base_is_taken(old_keys, vectors, base):
    stages = {"pending": old_keys, "current": old_keys}
    keyring = Keyring(schemes.parse("auto"), stages, nothing_set, base=base)
    assert keyring.stage_of(SCHEME, vectors["rows"][0]["stored_old"].encode())[0] == base


@pytest.mark.parametrize("order", [("current", "previous"), ("previous", "current")])
def test_a_key_that_another_list_keeps_does_not_take_its_tokens(order):
    new, old, older = (Fernet.generate_key().decode() for _ in range(3))
    lists = {"current": f"{new},{old},{older}", "previous": f"{old},{older}"}
    stages = {stage: KeySet({"FERNET_KEYS": lists[stage]}) for stage in order}
    described = {"list": {"format": "fernet", "key": {"derive": "direct", "secret": "FERNET_KEYS"}}}
    settings = ApplicationSettings(lambda name: lists["current"].split(",") if name == "FERNET_KEYS" else None)
    keyring = Keyring(schemes.parse(described), stages, settings)
    tokens = [Fernet(key).encrypt(b"a value") for key in (new, old, older)]
    assert [stage for stage, _ in keyring.stages_of("list", tokens)] == ["current", "previous", "previous"]


@pytest.mark.parametrize("order", [("current", "previous"), ("previous", "current")])
@pytest.mark.parametrize("layer", ["outer", "inner"])
def test_nor_those_of_one_of_two_layers(order, layer):
    new, old, other = (Fernet.generate_key().decode() for _ in range(3))
    lists = {"current": f"{new},{old}", "previous": old}
    names = {"outer": ("LIST", "OTHER"), "inner": ("OTHER", "LIST")}[layer]
    stages = {stage: KeySet({"LIST": lists[stage], "OTHER": other}) for stage in order}
    keys = [{"format": "fernet", "key": {"derive": "direct", "secret": name}} for name in names]
    settings = ApplicationSettings(lambda name: lists["current"].split(",") if name == "LIST" else other)
    keyring = Keyring(schemes.parse({"layers": {**keys[0], "inside": keys[1]}}), stages, settings)
    tokens = []
    for key in (new, old):
        outside, inside = (key, other) if layer == "outer" else (other, key)
        tokens.append(Fernet(outside).encrypt(Fernet(inside).encrypt(b"a value")))
    assert [stage for stage, _ in keyring.stages_of("layers", tokens)] == ["current", "previous"]


def test_what_the_journal_says_goes_before_what_opens(keyring, old_keys, new_keys, vectors):
    token = vectors["rows"][0]["stored_old"].encode()
    assert keyring.stage_of(SCHEME, token, old_keys.key_id)[0] == "current"
    assert keyring.stage_of(SCHEME, token, new_keys.key_id) is None
    assert keyring.stage_of(SCHEME, token, "0" * 16) is None


def test_a_cipher_is_that_of_its_stage(keyring, vectors):
    row = vectors["rows"][0]
    assert keyring.cipher(SCHEME, "current").open(row["stored_old"].encode()) is not None
    assert keyring.cipher(SCHEME, "pending").open(row["stored_old"].encode()) is None


def test_a_stage_is_spoken_of_by_its_key_id(keyring, old_keys, new_keys):
    assert (keyring.key_id("current"), keyring.key_id("pending")) == (old_keys.key_id, new_keys.key_id)


def test_keys_are_derived_when_the_ring_is_made_and_never_again(old_keys, vectors, monkeypatch):
    keyring = Keyring(schemes.parse("auto"), {"current": old_keys}, nothing_set)
    monkeypatch.setattr(derivation, "DERIVATIONS", {})
    assert keyring.stage_of(SCHEME, vectors["rows"][0]["stored_old"].encode()) is not None


FIRST, SECOND, THIRD, FOURTH = (base64.urlsafe_b64encode(bytes([number]) * 32).decode() for number in range(4))
FIELD = {"format": "fernet", "key": {"derive": "direct", "secret": "FIELD_KEYS"}}
OTHER = {"format": "fernet", "key": {"derive": "sha256", "secret": "OTHER_KEY"}}
INSIDE = Opened(b"x", 7)


def token(key: str) -> bytes:
    """A token as the library makes it under one key."""
    return FernetToken(base64.urlsafe_b64decode(key)).seal(INSIDE)


def ring(application: dict, feeds: dict | None = None, **stages: dict) -> Keyring:
    """The scheme ``field`` and an application with these settings."""
    described = schemes.parse({"field": FIELD})
    return Keyring(
        described,
        {name: KeySet(keys) for name, keys in stages.items()},
        ApplicationSettings(application.get, feeds or {}),
    )


def test_a_setting_that_is_in_no_key_set_is_the_application_s_own(new_keys, old_keys, vectors):
    """The salt does not rotate: it is in the code."""
    stages = {"current": KeySet({"SECRET_KEY": old_keys.values["SECRET_KEY"]})}
    salt = {"ENCRYPTION_SALT": old_keys.values["ENCRYPTION_SALT"], "SECRET_KEY": "not this one"}
    keyring = Keyring(schemes.parse("auto"), stages, ApplicationSettings(salt.get))
    assert keyring.stage_of(SCHEME, vectors["rows"][0]["stored_old"].encode())[0] == "current"


def test_without_a_value_for_a_setting_a_scheme_is_left_out(old_keys):
    keyring = Keyring(schemes.parse("auto"), {"current": old_keys}, nothing_set)
    assert {"encryption_manager", "sha256_of_secret_key", "django_fernet_fields"} <= set(keyring.schemes)
    assert not {"django_encrypted_model_fields", "django_fernet_encrypted_fields"} & set(keyring.schemes)
    assert keyring.fixed == {}


def test_a_scheme_must_have_its_settings_under_the_keys_of_before():
    assert list(ring({}, current={"FIELD_KEYS": FIRST}).schemes) == ["field"]
    assert ring({}, current={"OTHER": "x"}, pending={"FIELD_KEYS": FIRST}).schemes == {}


@pytest.mark.parametrize("pending", [{"OTHER": "x"}, {"FIELD_KEYS": ""}])
def test_a_stage_whose_values_make_no_key_hides_no_value_of_another_stage(pending):
    keyring = ring({}, current={"FIELD_KEYS": FIRST}, pending=pending)
    assert keyring.stage_of("field", token(FIRST))[0] == "current"
    with pytest.raises(RotationError, match="E_KEY_UNUSABLE"):
        keyring.refuse_unusable(["field"], "pending")
    with pytest.raises(RotationError, match="E_KEY_UNUSABLE"):
        keyring.cipher("field", "pending").seal(Opened(b"x"))
    assert keyring.refuse_unusable(["field"], "current") is None


def test_a_value_of_another_type_may_be_no_key():
    """As where a Fernet key is listed without its type."""
    fernet_key = Fernet.generate_key().decode()
    schemes_of_fernet = schemes.parse({"direct": {"format": "fernet", "key": {"derive": "direct", "secret": "KEY"}}})
    keyring = Keyring(schemes_of_fernet, {"current": KeySet({"KEY": fernet_key})}, nothing_set)
    fitting = {
        name
        for name in SAMPLES
        if keyring.can_use("direct", {"KEY": sample_value({"name": "KEY", "type": name}, fernet_key)})
    }
    assert fitting == {"fernet", "base64"}


@pytest.mark.parametrize("present", ["", "x" * 40, "ab" * 24])
def test_there_is_a_sample_of_each_type_that_can_be_generated(present):
    assert {*SAMPLES} == {*TYPES}
    assert sample_value({"name": "KEY", "type": "openpgp"}, present) is None
    for kind, make in TYPES.items():
        entry = {"name": "KEY", "type": kind}
        assert len(sample_value(entry, present)) == len(make(size_of(entry, present)))


def test_a_scheme_that_depends_on_none_of_the_keys_is_fixed():
    keyring = ring({"FIELD_KEYS": FIRST}, current={"SECRET_KEY": "a"}, pending={"SECRET_KEY": "b"})
    assert (list(keyring.schemes), list(keyring.fixed)) == ([], ["field"])
    assert keyring.stage_of("field", token(FIRST))[0] == "current"
    assert keyring.stage_of("field", token(SECOND)) is None


@pytest.mark.parametrize("keys", [{"SECRET_KEY"}, {"SECRET_KEY", "FERNET_KEYS"}])
def test_a_key_that_another_setting_has_taken_the_place_of_changes_nothing(keys):
    """With FERNET_KEYS django-fernet-fields has no use for SECRET_KEY: a rotation of that one alone is none of its."""
    old, new = ({name: f"{stage} {name}" for name in keys} for stage in ("old", "new"))
    stages = {"current": KeySet(old), "pending": KeySet(new)}
    keyring = Keyring(schemes.parse("auto"), stages, ApplicationSettings({"FERNET_KEYS": ["old FERNET_KEYS"]}.get))
    assert ("django_fernet_fields" in keyring.schemes) is ("FERNET_KEYS" in keys)
    assert ("django_fernet_fields" in keyring.fixed) is ("FERNET_KEYS" not in keys)
    scheme = schemes.parse("auto")["django_fernet_fields"]
    assert keyring.settings_of(scheme) == {"FERNET_KEYS"}


def test_schemes_that_the_keys_change_are_tried_first():
    both = schemes.parse({"field": FIELD, "other": OTHER})
    keyring = Keyring(both, {"current": KeySet({"OTHER_KEY": "x"})}, ApplicationSettings({"FIELD_KEYS": FIRST}.get))
    assert [scheme.name for scheme in keyring.tried] == ["other", "field"]


def test_a_scheme_is_added_if_it_can_be_tried_and_forgotten_again():
    keyring = ring({}, current={"FIELD_KEYS": FIRST})
    dressed = keyring.schemes["field"].around("enc$", False)
    assert keyring.add(dressed) is True
    assert keyring.stage_of(dressed.name, b"enc$" + token(FIRST))[0] == "current"
    keyring.remove(dressed)
    assert [scheme.name for scheme in keyring.tried] == ["field"]
    assert keyring.add(schemes.parse({"other": OTHER})["other"]) is False
    assert [scheme.name for scheme in keyring.tried] == ["field"]


def test_a_fixed_scheme_is_forgotten_too():
    keyring = ring({"FIELD_KEYS": FIRST}, current={"SECRET_KEY": "a"})
    keyring.remove(keyring.fixed["field"])
    assert keyring.tried == []


def test_a_key_that_the_application_has_as_a_list_is_a_comma_list():
    keyring = ring({"FIELD_KEYS": [THIRD]}, current={"FIELD_KEYS": f"{FIRST},{SECOND}"})
    for key in (FIRST, SECOND):
        assert keyring.stage_of("field", token(key))[0] == "current"
    assert keyring.stage_of("field", token(THIRD)) is None
    sealed = keyring.cipher("field", "current").seal(INSIDE)
    assert FernetToken(base64.urlsafe_b64decode(FIRST)).open(sealed) == INSIDE


@pytest.mark.parametrize("blank", ["", " "])
def test_blanks_in_a_comma_list_are_in_the_keys_only_if_the_application_leaves_them(blank):
    application = {"OTHER_KEY": ["before", f"{blank}more"]}
    stages = {"current": KeySet({"OTHER_KEY": "one, two"})}
    keyring = Keyring(schemes.parse({"other": OTHER}), stages, ApplicationSettings(application.get))
    sealed = FernetToken(derivation.sha256(f"{blank}two".encode())).seal(INSIDE)
    assert keyring.stage_of("other", sealed)[0] == "current"


def test_a_key_that_the_application_has_as_one_text_is_one_key():
    application = {"OTHER_KEY": "a,b"}
    keyring = Keyring(
        schemes.parse({"other": OTHER}), {"current": KeySet({"OTHER_KEY": "a,b"})}, ApplicationSettings(application.get)
    )
    sealed = keyring.cipher("other", "current").seal(INSIDE)
    assert FernetToken(derivation.sha256(b"a,b")).open(sealed) == INSIDE


@pytest.mark.parametrize("listed", [True, False])
def test_keys_feed_a_setting_of_another_name(listed):
    """``FIELD_KEYS = [env("KEY_A"), env("KEY_B")]``."""
    application = {"FIELD_KEYS": [FIRST, SECOND] if listed else FIRST}
    feeds = {"FIELD_KEYS": ["KEY_A", "KEY_B"] if listed else ["KEY_A"]}
    old, new = {"KEY_A": FIRST, "KEY_B": SECOND}, {"KEY_A": THIRD, "KEY_B": FOURTH}
    keyring = ring(application, feeds, current=old, pending=new)
    assert list(keyring.schemes) == ["field"]
    assert keyring.stage_of("field", token(FIRST))[0] == "current"
    assert keyring.stage_of("field", token(THIRD))[0] == "pending"
    assert (keyring.stage_of("field", token(SECOND)) is not None) is listed
    sealed = keyring.cipher("field", "pending").seal(INSIDE)
    assert FernetToken(base64.urlsafe_b64decode(THIRD)).open(sealed) == INSIDE


def test_a_key_of_the_setting_s_own_name_goes_before_one_that_feeds_it():
    keyring = ring({"FIELD_KEYS": FIRST}, {"FIELD_KEYS": ["KEY_A"]}, current={"FIELD_KEYS": SECOND, "KEY_A": FIRST})
    assert keyring.stage_of("field", token(SECOND)) is not None
    assert keyring.stage_of("field", token(FIRST)) is None


def test_the_value_of_a_setting_is_that_of_its_stage_or_the_application_s():
    keyring = ring({"SALT": "s"}, current={"FIELD_KEYS": FIRST}, pending={"FIELD_KEYS": SECOND})
    assert keyring.secret("current", "FIELD_KEYS") == FIRST.encode()
    assert keyring.secret("pending", "FIELD_KEYS") == SECOND.encode()
    assert keyring.secret("pending", "SALT") == b"s"
    assert keyring.secret("pending", "NONE") == b""


@pytest.mark.parametrize("application", [[FIRST, SECOND], f"{FIRST},{SECOND}", None])
def test_a_key_that_stays_in_the_list_is_that_of_before_whatever_the_last_token_was_under(application):
    """A run goes on where the first table is done: what it finds in the second is under the old key all the same."""
    old, new = {"FIELD_KEYS": f"{FIRST},{SECOND}"}, {"FIELD_KEYS": f"{THIRD},{FIRST}"}
    keyring = ring({"FIELD_KEYS": application}, current=old, pending=new)
    assert keyring.stage_of("field", token(THIRD))[0] == "pending"
    assert keyring.stage_of("field", token(FIRST))[0] == "current"


@pytest.mark.parametrize("scheme", ["fernet_padded_of_KEY", "aes_gcm_text_padded_of_KEY"])
@pytest.mark.parametrize(
    ("present", "fitting"), [("x" * 27, [27]), ("x" * 32, [32]), ("ä" * 14, [28]), ("x" * 33, [33, 50, 86])]
)
def test_a_value_of_up_to_32_bytes_does_not_show_whether_it_is_cut_so_a_new_one_has_as_many(scheme, present, fitting):
    """Code that uses ``KEY.encode()`` as it is could not use a longer one, of which the engine takes the beginning."""
    ring = Keyring(schemes.of_keys(["KEY"]), {"current": KeySet({"KEY": present})}, nothing_set)
    sizes = (16, 27, 28, 32, 33, 50, 86)
    assert [size for size in sizes if ring.can_use(scheme, {"KEY": "y" * size})] == fitting
    assert ring.can_use(scheme, {"KEY": sample_value({"name": "KEY"}, present)})
    assert {"name": "KEY"} in [*proposal.fitting("KEY", [present.encode()])]


@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize(
    ("derive", "encode"),
    [("hex", bytes.hex), ("standard_base64", lambda raw: base64.b64encode(raw).decode())],
    ids=["hex", "base64"],
)
def test_a_key_that_is_used_as_it_is_may_only_be_replaced_by_one_of_its_length(derive, encode, size):
    """Code such as ``bytes.fromhex(KEY)[:16]`` makes another key of a longer one, without an error."""
    scheme = f"aes_gcm_text_{derive}_of_KEY"
    ring = Keyring(schemes.of_keys(["KEY"]), {"current": KeySet({"KEY": encode(os.urandom(size))})}, nothing_set)
    fitting = [other for other in (16, 24, 32) if ring.can_use(scheme, {"KEY": encode(os.urandom(other))})]
    assert fitting == [size]
    proposed = [
        entry for entry in proposal.fitting("KEY", []) if ring.can_use(scheme, {"KEY": sample_value(entry, "") or ""})
    ]
    assert proposed[0] == {"name": "KEY", "type": "hex" if derive == "hex" else "base64", "bytes": size}
