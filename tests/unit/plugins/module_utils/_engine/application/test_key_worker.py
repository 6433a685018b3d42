# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import functools
import hashlib
import multiprocessing
import os
import pathlib

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import key_worker
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf import pbkdf2

VALUES = ["", "Žluťoučký", b"", b"\x00\xff", None, 7, 1.5, True, [1, "ž"], {"a": {"b": None}}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_with_its_type(value):
    back = key_worker.revived(key_worker.preserved(value))
    assert back == value
    assert type(back) is type(value)


def test_two_values_are_never_preserved_alike():
    assert len({key_worker.preserved(value) for value in VALUES}) == len(VALUES)


@pytest.mark.parametrize("value", [datetime.date(2026, 1, 1), (1, 2), {1: "a"}, {b"a"}], ids=repr)
def test_a_value_that_would_come_back_as_another_is_refused(value):
    with pytest.raises(TypeError):
        key_worker.preserved(value)


def test_a_setting_and_the_salt_of_a_field_are_asked_for_by_their_names(monkeypatch):
    monkeypatch.setattr(key_worker.django_project, "setting", {"SALT": "a"}.get)
    monkeypatch.setattr(key_worker.model_fields, "salt_of", {"shop.Person.search": "a", "shop.Person.other": "b"}.get)
    opener = key_worker.Opener()
    answers = [opener.answer("setting", name, None) for name in ("SALT", "shop.Person.search", "shop.Person.other")]
    assert answers[0] == answers[1] != answers[2]


def test_the_values_of_a_setting_are_compared_and_not_their_types(monkeypatch):
    settings = {"TEXT": "a", "BYTES": b"a", "LIST": ["a"], "OTHER": "b"}
    monkeypatch.setattr(key_worker.django_project, "setting", settings.get)
    opener = key_worker.Opener()
    answers = [opener.answer("members", name, None) for name in settings]
    assert answers[0] == answers[1] == answers[2] != answers[3]


class Reader:
    """An application's functions with a text for what they cannot read."""

    @staticmethod
    def decrypt(token):
        return token[4:] if token.startswith("tok:") and token.endswith("!") else "[error]"


class Signed:
    """Functions that take more or less than a value."""

    def decrypt(self, token):
        return token

    @classmethod
    def of_class(cls, token):
        return token

    def __call__(self, token, *, key="x"):
        return token


@pytest.mark.parametrize(
    ("function", "whether"),
    [
        (Signed.decrypt, False),
        (Signed().decrypt, True),
        (Signed.of_class, True),
        (Signed(), True),
        (Reader.decrypt, True),
        (lambda token, key: token, False),
        (lambda token, key=None: token, True),
        (lambda *values: values, True),
        (lambda token, *, key: token, False),
        (lambda: None, False),
        (str, True),
        (dict.get, False),
        (functools.wraps(dict.get)(lambda *values: values), True),
    ],
)
def test_a_function_is_asked_for_one_value_alone(function, whether):
    assert key_worker.takes(function) is whether


CONTEXT = (("pk", 7), ("column", "name"))


@pytest.mark.parametrize(
    ("function", "whether", "made"),
    [
        (lambda value, pk, column: (value, pk, column), True, ("v", 7, "name")),
        (lambda value, column, pk: (value, pk, column), True, ("v", 7, "name")),
        (lambda value, *, column, pk: (value, pk, column), True, ("v", 7, "name")),
        (lambda value, instance_id, field: (value, instance_id, field), True, ("v", 7, "name")),
        (lambda value, **told: (value, *told.items()), True, ("v", *CONTEXT)),
        (lambda *values: values, True, ("v", 7, "name")),
        (lambda value: value, False, None),
        (lambda value, pk: value, False, None),
        (lambda value, pk, column, key: value, False, None),
    ],
)
def test_a_function_gets_the_row_by_name_or_in_order(function, whether, made):
    assert key_worker.takes(function, CONTEXT) is whether
    if whether:
        assert key_worker.call(function, "v", CONTEXT) == made


@pytest.mark.parametrize("verb", ["open", "seal"])
def test_a_method_without_its_object_is_refused_and_no_value_reported_as_lost(verb):
    answer = key_worker.Opener().answer(verb, f"{__name__}.Signed.decrypt", b"sx")
    assert answer[0] == "refused"
    assert "one value" in answer[1]


def ends_the_process(value):
    raise SystemExit("no key")


@pytest.mark.parametrize(
    ("verb", "told"), [("open", ("done", (False, b""))), ("seal", ("refused", "raised SystemExit"))]
)
def test_a_function_that_would_end_the_process_only_fails_for_that_value(verb, told):
    assert key_worker.Opener().answer(verb, f"{__name__}.ends_the_process", b"sx") == told


def test_a_function_is_found_in_a_module_a_class_and_an_object():
    assert key_worker.find("os.path.join") is os.path.join
    assert key_worker.find(f"{__name__}.Reader.decrypt") is Reader.decrypt
    assert key_worker.find("pathlib.Path.cwd")() == pathlib.Path.cwd()
    for missing in ("os.path.nothing", "no_such_module.function", f"{__name__}.Reader.nothing"):
        with pytest.raises((ImportError, AttributeError)):
            key_worker.find(missing)


def test_a_derivation_is_done_once_for_the_same_input_and_again_for_another():
    calls = []

    def derive(*args, **options):
        calls.append((args, options))
        return repr((args, options)).encode()

    remembering = key_worker._remembering(derive)
    for _time in range(3):
        assert remembering("sha256", b"a", salt=b"s") == derive("sha256", b"a", salt=b"s")
    assert remembering("sha256", b"a", salt=b"t") != remembering("sha256", b"a", salt=b"s")
    assert len([call for call in calls if call[1]["salt"] == b"s"]) == 1 + 3


def test_a_remembered_kdf_gives_what_the_real_one_gives():
    remembering = key_worker._remembering_kdf(pbkdf2.PBKDF2HMAC)
    for algorithm in (hashes.SHA256(), hashes.SHA512()):
        for salt, material in ((b"s", b"m"), (b"t", b"m"), (b"s", b"n"), (b"s", b"m")):
            options = {"algorithm": algorithm, "length": 32, "salt": salt, "iterations": 10}
            expected = hashlib.pbkdf2_hmac(algorithm.name, material, salt, 10, 32)
            assert remembering(**options).derive(material) == expected
            assert remembering(algorithm, 32, salt, 10).derive(material) == expected
            remembering(**options).verify(material, expected)


def _in_another_process(place, keys, connection):
    key_worker.use_keys(place, keys)
    text = pathlib.Path(place.env_file).read_text(encoding="utf-8")
    with open(place.env_file, "rb") as handle:
        raw = handle.read()
    other = pathlib.Path(__file__).read_text(encoding="utf-8")
    listed = pathlib.Path(place.keys[0]["destination"]).read_text(encoding="utf-8")
    exported = {name: os.environ.get(name) for name in keys}
    connection.send((text, raw, exported, listed, len(other)))


def test_the_env_file_reads_with_these_keys_in_that_process_alone(tmp_path):
    path = tmp_path / ".env"
    path.write_text("DEBUG=1\nSECRET_KEY='old'  # a comment\n")
    path.chmod(0o600)
    before = path.read_bytes()
    key_file = tmp_path / "listed.key"
    key_file.write_text("old-one\n")
    key_file.chmod(0o600)
    place = key_worker.ApplicationLocation(
        "/", None, str(path), "dotenv", [{"name": "LISTED", "destination": str(key_file)}]
    )
    keys = {"SECRET_KEY": "CANARY-new", "ONLY_EXPORTED": "x", "LISTED": "new-one,old-one"}
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=_in_another_process, args=(place, keys, theirs))
    process.start()
    text, raw, exported, listed, length = ours.recv()
    process.join()
    assert text == "DEBUG=1\nSECRET_KEY='CANARY-new'  # a comment\n"
    assert raw == text.encode()
    assert exported == {"SECRET_KEY": "CANARY-new", "ONLY_EXPORTED": "x", "LISTED": None}
    assert listed == "new-one\nold-one\n"
    assert key_file.read_text() == "old-one\n"
    assert length > 100
    assert path.read_bytes() == before
    assert "ONLY_EXPORTED" not in os.environ
