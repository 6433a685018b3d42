# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that encrypts a value as the same token each time finds rows by it: after a rotation too."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database

from .conftest import Site
from .test_discovery import token
from .test_engine import SCHEME, keyring  # noqa: F401  # a fixture

MODELS = '''
import base64
import hmac
from core.encryption import EncryptionManager
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7


def sealed(value):
    """The same token for the same value, in the format of Fernet."""
    key = base64.urlsafe_b64decode(EncryptionManager._get_encryption_key())
    nonce = hmac.digest(key[:16], value.encode(), "sha256")[:16]
    padder, cipher = PKCS7(128).padder(), Cipher(algorithms.AES(key[16:]), modes.CBC(nonce)).encryptor()
    padded = padder.update(value.encode()) + padder.finalize()
    token = bytes([0x80]) + bytes(8) + nonce + cipher.update(padded) + cipher.finalize()
    return base64.urlsafe_b64encode(token + hmac.digest(key[:16], token, "sha256")).decode()


def opened(token):
    return EncryptionManager._get_fernet().decrypt(token.encode()).decode()


class SearchedField(models.TextField):
    def get_prep_value(self, value):
        return None if value is None else sealed(value)

    def from_db_value(self, value, expression, connection):
        return None if value is None else opened(value)


class Remembered(str):
    """A text that knows the token it was read from."""


class RememberingField(models.TextField):
    """A new token each time, but for a text that was read and not changed."""

    def get_prep_value(self, value):
        return value.token if isinstance(value, Remembered) else EncryptionManager.encrypt(value)

    def from_db_value(self, value, expression, connection):
        text = Remembered(EncryptionManager.decrypt(value))
        text.token = value
        return text


class Holder:
    """A value that knows the token it was read from."""

    def __init__(self, token):
        self.token, self.text = token, EncryptionManager.decrypt(token)


class HoldingField(models.TextField):
    def get_prep_value(self, value):
        return value.token if isinstance(value, Holder) else EncryptionManager.encrypt(value)

    def from_db_value(self, value, expression, connection):
        return Holder(value)


class Account(models.Model):
    email = SearchedField()
    _phone = models.TextField()
    note = RememberingField()
    held = HoldingField()

    class Meta:
        db_table, managed = "customer_account", False

    @property
    def phone(self):
        return opened(self._phone)

    @phone.setter
    def phone(self, value):
        self._phone = sealed(value)


class AccountView(models.Model):
    """A view that shows an encrypted column."""

    note = RememberingField()

    class Meta:
        db_table, managed = "customer_account_view", False
'''
FILL = """
from customer.models import Account
for number in range(12):
    named = {"email": f"ada{number}@example.org", "phone": f"+43 1 {number}"}
    Account.objects.create(**named, note=f"note {number}", held="held")
"""
SEARCH = """
from customer.models import Account, sealed
print(sum(Account.objects.filter(email=f"ada{number}@example.org").count() for number in range(12)), "by email")
print(sum(Account.objects.filter(_phone=sealed(f"+43 1 {number}")).count() for number in range(12)), "by phone")
print(sum(row.note.startswith("note ") for row in Account.objects.all()), "notes")
"""
FOUND = "12 by email\n12 by phone\n12 notes"


@pytest.fixture
def accounts(site: Site) -> Site:
    """The example with one more model, and a view of its table."""
    site.add_models(
        MODELS,
        "CREATE TABLE customer_account"
        " (id bigserial PRIMARY KEY, email text UNIQUE, _phone text, note text, held text)",
        "CREATE VIEW customer_account_view AS SELECT id, note FROM customer_account",
        fill=FILL,
    )
    return site


def test_an_application_that_searches_by_its_tokens_is_not_rotated_by_the_engine(accounts: Site) -> None:
    """A view that shows tokens of a target stops nothing."""
    before, keys = accounts.read_all(), accounts.env_file.read_bytes()
    planned = accounts.play("plan")
    stops = [line.split() for line in planned.text.splitlines() if line.strip().startswith("STOP")]
    assert (planned.code, {line[1].rstrip(":") for line in stops}) == (
        2,
        {"customer_account.email", "customer_account._phone"},
    ), planned.text
    assert "(E_REPEATED_TOKEN)" in planned.text
    for words in (("rotate", "--check"), ("rotate",)):
        refused = accounts.play(*words)
        assert (refused.code != 0, refused.error()) == (True, "E_REPEATED_TOKEN"), refused.text
        assert (accounts.read_all(), accounts.env_file.read_bytes()) == (before, keys)


@pytest.mark.thorough
def test_its_own_functions_rotate_it_and_its_searches_find_the_same(accounts: Site) -> None:
    before = accounts.read_all()
    functions = {"application": {"decrypt": "customer.models.opened", "encrypt": "customer.models.sealed"}}
    own = [{"table": "customer_account", "column": name, "scheme": "searched"} for name in ("email", "_phone")]
    described = {"key_rotation_schemes": {"searched": functions}, "key_rotation_targets": ["auto", *own]}
    accounts.write_inventory(**described, key_rotation_plan=str(accounts.folder / "no plan.yml"))
    rotated = accounts.play("rotate")
    assert rotated.code == 0, rotated.text
    searched = accounts.manage("shell", "--command", SEARCH)
    assert FOUND in searched.text, searched.text
    assert accounts.read_all() == before


def test_without_the_functions_such_a_search_would_find_nothing(accounts: Site) -> None:
    """What the refusal is for: the oracle of the test above, on tokens of the engine's kind."""
    searched = accounts.manage("shell", "--command", SEARCH)
    assert FOUND in searched.text, searched.text
    again = "from customer.models import *\nfor row in Account.objects.all():\n    "
    again += "Account.objects.filter(pk=row.pk).update(_phone=EncryptionManager.encrypt(row.phone))"
    assert accounts.manage("shell", "--command", again).code == 0
    searched = accounts.manage("shell", "--command", SEARCH)
    assert "12 by email\n0 by phone\n12 notes" in searched.text, searched.text


def test_tokens_in_several_rows_are_named(database: Database, keyring: Keyring) -> None:
    """Of rows that another row finds by its token, and of copies in another table."""
    database.execute(
        "CREATE TABLE secrets (id int PRIMARY KEY, household text, note text, copied bytea, listed text[])"
    )
    database.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
    households = [token(keyring, f"household {number}") for number in range(10)]
    for number in range(40):
        note = token(keyring, f"note {number}")
        household = households[number % 10]
        row = (number, household, note, household.encode(), [household])
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s, %s)", row)
        database.execute("INSERT INTO orders VALUES (%s, %s)", (number, note))
    repeated = {"secrets.household", "secrets.copied", "secrets.listed"}
    findings = target_survey.find(database, "auto", (), keyring).findings
    assert {*findings.columns("repeated_in_rows")} == repeated, "without statistics"
    database.execute("ANALYZE")
    findings = target_survey.find(database, "auto", (), keyring).findings
    database.execute("DROP TABLE orders")
    assert {*findings.columns("repeated_in_rows")} == repeated
    assert "orders.note" in findings.columns("same_tokens")


@pytest.mark.parametrize("repeated", [False, True])
def test_plain_text_that_stays_is_not_taken_for_a_repeated_token(
    database: Database, keyring: Keyring, *, repeated: bool
) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, note text)")
    for number in range(20):
        note = token(keyring, f"note {number}") if number % 2 else "unknown"
        database.execute("INSERT INTO secrets VALUES (%s, %s)", (number, note))
    if repeated:
        database.execute("INSERT INTO secrets SELECT id + 100, note FROM secrets")
    database.execute("ANALYZE")
    settled = settlements.parse({"secrets.note": {"mixed": "a word instead of nothing"}})
    findings = target_survey.find(database, "auto", (), keyring, settled).findings
    assert ("secrets.note" in findings.columns("repeated_in_rows")) is repeated


def test_tokens_without_a_time_are_named(database: Database, keyring: Keyring) -> None:
    """No library writes those."""
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, b text)")
    for number in range(4):
        timeless = keyring.cipher(SCHEME, "current").seal(Opened(b"value %d" % number, 0)).decode()
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (number, timeless, token(keyring, f"b {number}")))
    findings = target_survey.find(database, "auto", (), keyring).findings
    assert findings.columns("timeless") == ["secrets.a"]
