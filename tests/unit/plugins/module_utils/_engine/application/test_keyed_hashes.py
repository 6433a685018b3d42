# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import key_uses, keyed_hashes

KEYS = ("INDEX_KEY", key_uses.SALTED_HMAC)


def find(folder: Path, code: str, name: str = "shop/search.py") -> list[str]:
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text(code)
    uses = key_uses.scan(str(folder), KEYS, {}).uses
    found = keyed_hashes.find(str(folder), {}, uses)
    return [f"{key} {use}" for key, each in found.items() for use in each]


@pytest.mark.parametrize(
    ("code", "place"),
    [
        pytest.param("def index(mail):\n  return hmac.new(settings.INDEX_KEY, mail)", "2 index", id="at once"),
        pytest.param(
            "def index(mail):\n  low = mail.lower()\n  return sha256(settings.INDEX_KEY + low)", "3 index", id="hash"
        ),
        pytest.param(
            "def index(mail):\n  made = hashlib.sha256()\n  made.update(settings.INDEX_KEY)\n  made.update(mail)",
            "2 index", id="in parts",
        ),
        pytest.param(
            "def key():\n  return os.environ['INDEX_KEY']\ndef index(mail):\n  return hmac.digest(key(), mail, 'sha1')",
            "4 index", id="by a helper",
        ),
        pytest.param(
            "def mac(secret, text):\n  return hmac.new(secret, text, 'sha1')\n"
            "def index(mail):\n  return mac(settings.INDEX_KEY, mail)",
            "2 mac", id="in a function that receives the key",
        ),
        pytest.param(
            "PEPPER = settings.INDEX_KEY\ndef index(mail):\n  return sha256(PEPPER + mail)", "3 index", id="a constant"
        ),
        pytest.param(
            "class Customer:\n  def save(self):\n    self.mail_hash = hmac.new(settings.INDEX_KEY, self.mail, 'sha1')",
            "3 Customer.save", id="of a model",
        ),
        pytest.param(
            "class Index:\n  def __init__(self):\n    self._key = settings.INDEX_KEY\n"
            "  def of(self, mail):\n    return hmac.new(self._key, mail, 'sha1')",
            "5 Index.of", id="with an attribute",
        ),
        pytest.param(
            "def index(mail):\n  return salted_hmac('mail', mail, secret=settings.INDEX_KEY)", "2 index", id="of Django"
        ),
        pytest.param(
            "def fill():\n  for user in all_users():\n    user.index = hmac.new(settings.INDEX_KEY, user.mail, 'sha1')",
            "3 fill", id="of rows",
        ),
    ],
)  # fmt: skip
def test_a_hash_of_data_with_a_key(tmp_path, code, place):
    assert find(tmp_path, code) == [f"INDEX_KEY shop/search.py:{place} (hashes with it)"]


def test_a_hash_of_django_is_with_its_secret_key_unless_another_one_is_passed(tmp_path):
    code = (
        "def index(mail):\n  return salted_hmac('mail', mail)\ndef other(mail):\n  return salted_hmac('x', mail, OTHER)"
    )
    assert find(tmp_path, code) == ["salted_hmac shop/search.py:2 index (hashes with it)"]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("def etag(text):\n  settings.INDEX_KEY\n  return hashlib.sha256(text)", id="no key in it"),
        pytest.param("def key():\n  return hashlib.sha256(settings.INDEX_KEY.encode())", id="of the key alone"),
        pytest.param("def key(salt):\n  return hashlib.sha256(salt + settings.INDEX_KEY)", id="with a salt"),
        pytest.param(
            "def derive(value):\n  return sha256(value)\ndef seal(text):\n  return derive(settings.INDEX_KEY)",
            id="of the key that a function receives",
        ),
        pytest.param(
            "class Manager:\n  def __init__(self, salt):\n    self.salt, self.secret = salt, settings.INDEX_KEY\n"
            "  def key(self):\n    return hashlib.sha256(self.secret + self.salt)",
            id="of what an object is made with",
        ),
        pytest.param(
            "def check(body, sent):\n  return hmac.compare_digest(hmac.new(settings.INDEX_KEY, body), sent)",
            id="compared",
        ),
        pytest.param(
            "def seal(text):\n  sealed = Cipher().encryptor().update(text)\n"
            "  return sealed + hmac.new(settings.INDEX_KEY, sealed)",
            id="of a token",
        ),
        pytest.param("def seal(text):\n  return Fernet(settings.INDEX_KEY).encrypt(text)", id="no hash"),
    ],
)
def test_what_is_no_hash_of_data_with_a_key(tmp_path, code):
    assert find(tmp_path, code) == []


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        *((f"shop/{name}", False) for name in ("tests/search.py", "db_migrations/0002_index.py", "test_search.py")),
        ("unittests/search.py", False),
        ("contests/search.py", True),
    ],
)
def test_tests_and_migrations_are_no_code_of_the_application(tmp_path, name, counts):
    code = "def index(mail):\n  return hmac.new(settings.INDEX_KEY, mail, 'sha256')"
    assert bool(find(tmp_path, code, name)) is counts
