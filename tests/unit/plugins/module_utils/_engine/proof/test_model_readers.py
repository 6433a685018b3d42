# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code of the application that would end the process as a value is read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import trial_row
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.model_readers import ModelReader

from ..odd_values import Numbers, Uncomparable, UncomparableText


class Shown:
    """Ends the process once it is shown."""

    def __str__(self) -> str:
        raise SystemExit(3)


class Person:
    _meta = SimpleNamespace(concrete_fields=(), label="people.Person", pk=SimpleNamespace(attname="id"))
    tetech_row_key_id = "1"
    shown = Shown()

    @property
    def ending(self) -> str:
        raise SystemExit(3)

    @property
    def interrupted(self) -> str:
        raise KeyboardInterrupt

    @property
    def name(self) -> str:
        return "a name"

    @property
    def secret(self) -> Uncomparable:
        return Uncomparable()

    @property
    def vector(self) -> Numbers:
        return Numbers(1.5, 2.25)

    @property
    def empty(self) -> UncomparableText:
        return UncomparableText("")


@pytest.mark.parametrize(("name", "counted"), [("ending", (0, 1)), ("shown", (0, 1)), ("name", (1, 0))])
def test_it_is_one_more_value_that_the_attribute_fails_at(name: str, counted: tuple[int, int]) -> None:
    reader = ModelReader(Person, "default", name, b"key")
    reader.take(Person())
    assert (reader.read, reader.failed) == counted


@pytest.mark.parametrize(("name", "read"), [("secret", 1), ("vector", 1), ("empty", 0)])
def test_a_value_that_cannot_be_compared_is_counted(name: str, read: int) -> None:
    reader = ModelReader(Person, "default", name, b"key")
    reader.take(Person())
    assert (reader.read, reader.failed) == (read, 0)


@pytest.mark.parametrize("name", ["ending", "shown"])
def test_a_process_under_other_keys_answers_that_it_read_nothing(name: str) -> None:
    assert trial_row._read(Person(), name, ()) is None
    assert trial_row._read(Person(), "name", ()) is not None


def test_somebody_who_interrupts_us_still_does() -> None:
    with pytest.raises(KeyboardInterrupt):
        ModelReader(Person, "default", "interrupted", b"key").value(Person())
    with pytest.raises(KeyboardInterrupt):
        trial_row._read(Person(), "interrupted", ())


TOKEN = b"gAAAAA" + b"x" * 100
SCHEMES = SimpleNamespace(schemes={"fernet": SimpleNamespace(marker=b"gAAAAA", functions=None)})
TARGET = SimpleNamespace(
    name="people_person.data",
    scheme="fernet",
    column="data",
    members=(),
    table=SimpleNamespace(label="people_person"),
    kind=SimpleNamespace(tokens=lambda stored, marker: [TOKEN] if TOKEN in stored else []),
)


class Document:
    """A row of which some attributes read the JSON document as it is stored."""

    column = SimpleNamespace(attname="data", column="data", name="data")
    _meta = SimpleNamespace(concrete_fields=(column,), label="people.Document", pk=SimpleNamespace(attname="id"))
    tetech_row_key_id = "1"

    def __init__(self, stored: bytes) -> None:
        self.tetech_key_rotation_data = stored

    @property
    def handed_on(self) -> dict[str, str]:
        return {"secret": self.tetech_key_rotation_data.decode()}

    @property
    def decrypted(self) -> dict[str, str]:
        return {"secret": "a name"}


@pytest.mark.parametrize(("name", "decrypts"), [("handed_on", False), ("decrypted", True)])
def test_an_attribute_that_hands_on_every_token_of_a_document_does_not_decrypt(name: str, decrypts: bool) -> None:
    """A document without a token says nothing about that."""
    reader = ModelReader(Document, "default", name, b"key", SCHEMES, targets=(TARGET,), columns=("data",))
    for stored in (TOKEN, b"of another type", TOKEN):
        reader.take(Document(stored))
    assert (reader.read, reader.decrypts, "as_stored" in reader.as_result()) == (3, decrypts, not decrypts)


class Thing:
    """A row of which one attribute decrypts a plain column, and another signs it."""

    column = SimpleNamespace(attname="code", column="code", name="code")
    _meta = SimpleNamespace(concrete_fields=(column,), label="things.Thing", pk=SimpleNamespace(attname="id"))
    tetech_row_key_id = "1"
    tetech_key_rotation_code = "kdqa xuqn ypfd wzlqod q"
    decrypted = "the quick fox number a"
    signed = f"{tetech_key_rotation_code}:2fYxmKVJ0zq"


@pytest.mark.parametrize(("name", "compares"), [("decrypted", True), ("signed", False)])
def test_what_decrypts_letters_is_compared_and_what_signs_a_text_is_not(name: str, compares: bool) -> None:
    reader = ModelReader(Thing, "default", name, b"key", columns=("code",), sought=True)
    reader.take(Thing())
    assert reader.compares is compares
