# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import key_uses, keyed_hashes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.key_flow import (
    KeyFlow,
    SourceFiles,
)

KEYS = ("INDEX_KEY", key_uses.SALTED_HMAC)


def find(folder: Path, code: str, name: str = "shop/search.py", **others: str) -> list[str]:
    """The hashes that are found in one file, next to ``others`` of its folder by their names."""
    (folder / name).parent.mkdir(parents=True)
    for path, text in {name: code, **{f"shop/{other}.py": text for other, text in others.items()}}.items():
        (folder / path).write_text(text)
    uses = key_uses.scan(str(folder), KEYS, {}).uses
    files = SourceFiles(str(folder), {}, ())
    found = {key: sorted({*keyed_hashes.find(KeyFlow(files, key))}) for key in uses}
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
            "def index(*parts):\n  return hmac.new(settings.INDEX_KEY, b'|'.join(parts), 'sha256')", "2 index",
            id="of any number of values",
        ),
        pytest.param(
            "def hash_of(api_key):\n  return hmac.new(settings.INDEX_KEY, api_key, 'sha256')", "2 hash_of",
            id="of a key that is handed out",
        ),
        pytest.param(
            "def issue():\n  raw = secrets.token_urlsafe()\n  return hmac.new(settings.INDEX_KEY, raw, 'sha256')",
            "3 issue", id="of a random value",
        ),
        pytest.param(
            "from hmac import digest\ndef index(mail):\n  return digest(settings.INDEX_KEY, mail, 'sha256')",
            "3 index", id="by a function that is imported",
        ),
        pytest.param(
            "import hmac as mac\ndef index(mail):\n  return mac.new(settings.INDEX_KEY, mail, 'sha256')",
            "3 index", id="by a module of another name",
        ),
        pytest.param(
            "def index(mail):\n  return uuid5(NAMESPACE, settings.INDEX_KEY + mail)", "2 index", id="as a UUID"
        ),
        pytest.param(
            "def index(mail):\n  return HMAC.new(settings.INDEX_KEY, mail, SHA256).hexdigest()", "2 index",
            id="of PyCryptodome",
        ),
        pytest.param(
            "def index(mail):\n  return pbkdf2(mail, settings.INDEX_KEY, 1000)", "2 index", id="by PBKDF2 of Django"
        ),
        pytest.param(
            "def index(mail):\n  return PBKDF2HMAC(SHA256(), 32, settings.INDEX_KEY, 1000).derive(mail)", "2 index",
            id="by PBKDF2",
        ),
        pytest.param(
            "def index(pin):\n  return Scrypt(salt=settings.INDEX_KEY, length=32, n=2, r=8).derive(pin)", "2 index",
            id="by scrypt",
        ),
        pytest.param("def index(pin):\n  return make_password(pin + settings.INDEX_KEY)", "2 index", id="a password"),
        pytest.param(
            "def index(mail):\n  return getattr(hashlib, NAME)(settings.INDEX_KEY + mail)", "2 index", id="by its name"
        ),
        pytest.param(
            "def index(phone):\n  cursor.execute('SELECT hmac(%s, %s, \\'sha256\\')', [phone, settings.INDEX_KEY])",
            "2 index", id="in SQL",
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
            "def fill(row):\n  mail = Fernet(settings.INDEX_KEY).decrypt(row.mail)\n"
            "  return hmac.new(settings.INDEX_KEY, mail)",
            "3 fill", id="of a value that is decrypted",
        ),
        pytest.param(
            "def fill():\n  for user in all_users():\n    user.index = hmac.new(settings.INDEX_KEY, user.mail, 'sha1')",
            "3 fill", id="of rows",
        ),
    ],
)  # fmt: skip
def test_a_hash_of_data_with_a_key(tmp_path, code, place):
    assert find(tmp_path, code) == [f"INDEX_KEY shop/search.py:{place} (hashes with it)"]


DERIVED = "INDEX = sha512(settings.INDEX_KEY.encode()).digest()[:32]\n"
INDEX = "def index(mail):\n  return hmac.new({}, mail.encode(), 'sha256').hexdigest()\n"
BLIND_INDEX = (
    "class BlindIndex:\n  def __init__(self, key, label):\n    self.key = sha512(key.encode() + label).digest()\n"
    "  def __call__(self, mail):\n    return hmac.new(self.key, mail.encode(), 'sha256').hexdigest()\n"
)
DERIVE = (
    "def derive_key(purpose):\n  return HKDF(SHA256(), 32, None, info=purpose).derive(settings.INDEX_KEY.encode())\n"
)


@pytest.mark.parametrize(
    ("code", "others", "places"),
    [
        pytest.param(
            "from .keys import INDEX\n" + INDEX.format("INDEX"), {"keys": DERIVED}, ["search.py:3 index"], id="imported"
        ),
        pytest.param(
            "from .keys import INDEX as K\n" + INDEX.format("K"), {"keys": DERIVED}, ["search.py:3 index"],
            id="by another name",
        ),
        pytest.param(
            "from . import keys\n" + INDEX.format("keys.INDEX"), {"keys": DERIVED}, ["search.py:3 index"], id="module"
        ),
        pytest.param(
            "from shop import keys as k\n" + INDEX.format("k.index_key"),
            {"keys": "index_key = sha512(settings.INDEX_KEY)"}, ["search.py:3 index"], id="variable of a module",
        ),
        pytest.param(
            "from .more import *\n" + INDEX.format("mail_key"),
            {"keys": DERIVED, "more": "from .keys import INDEX\nmail_key = sha256(INDEX + b'mail')"},
            ["search.py:3 index"], id="derived twice",
        ),
        pytest.param(
            INDEX.format("settings.MAIL_KEY"), {"settings": "MAIL_KEY = sha512(os.environ['INDEX_KEY'])"},
            ["search.py:2 index"], id="a setting",
        ),
        pytest.param(
            INDEX.format("getattr(settings, 'MAIL_KEY')"), {"settings": "MAIL_KEY = sha512(os.environ['INDEX_KEY'])"},
            ["search.py:2 index"], id="a setting by its name",
        ),
        pytest.param(
            DERIVE + INDEX.format("derive_key(b'mail')"), {}, ["search.py:4 index"], id="for a purpose"
        ),
        pytest.param(
            "from .keys import derive_key\n" + INDEX.format("derive_key(b'mail')"), {"keys": DERIVE},
            ["search.py:3 index"], id="for a purpose in a module",
        ),
        pytest.param(
            "from shop.keys import Keys\n" + INDEX.format("Keys().of(b'mail')"),
            {"keys": "class Keys:\n  def of(self, info):\n    return HKDF(info=info).derive(settings.INDEX_KEY)"},
            ["search.py:3 index"], id="by a method",
        ),
        pytest.param(
            "from shop.keys import Keys\n" + INDEX.format("Keys().get(b'mail')"),
            {"keys": "class Keys:\n  def get(self, info):\n    return HKDF(info=info).derive(settings.INDEX_KEY)"},
            ["search.py:3 index"], id="by a method that others have too",
        ),
        pytest.param(
            BLIND_INDEX + "blind = BlindIndex(settings.INDEX_KEY, b'mail')", {}, ["search.py:5 BlindIndex.__call__"],
            id="class",
        ),
        pytest.param(
            "from .blind import BlindIndex as Blind\nblind = Blind(settings.INDEX_KEY, b'mail')",
            {"blind": BLIND_INDEX}, ["blind.py:5 BlindIndex.__call__"], id="class in a module",
        ),
        pytest.param(
            "from .blind import BlindIndex\nclass Mail(BlindIndex):\n  def __init__(self):\n"
            "    super().__init__(settings.INDEX_KEY, b'mail')",
            {"blind": BLIND_INDEX}, ["blind.py:5 BlindIndex.__call__"], id="class that another one extends",
        ),
        pytest.param(
            "from .blind import BlindIndex\nclass Mail(BlindIndex):\n  pass\nmail = Mail(settings.INDEX_KEY, b'mail')",
            {"blind": BLIND_INDEX}, ["blind.py:5 BlindIndex.__call__"], id="class with the constructor of another one",
        ),
        pytest.param(
            "@dataclass\nclass Blind:\n  secret: bytes\n  def of(self, mail):\n"
            "    return hmac.new(self.secret, mail, 'sha1')\nblind = Blind(settings.INDEX_KEY)",
            {}, ["search.py:5 Blind.of"], id="dataclass",
        ),
        pytest.param(
            "class Blind:\n  SECRET = sha512(settings.INDEX_KEY)\n  def of(self, mail):\n"
            "    return hmac.new(self.SECRET, mail, 'sha1')",
            {}, ["search.py:4 Blind.of"], id="of a class",
        ),
        pytest.param(
            "class Blind:\n  def __init__(self):\n    self.mac = hmac.new(settings.INDEX_KEY, digestmod='sha1')\n"
            "  def of(self, mail):\n    made = self.mac.copy()\n    made.update(mail)\n    return made.digest()",
            {}, ["search.py:6 Blind.of"], id="continued",
        ),
        pytest.param(
            "from .macs import mac\nindex = partial(mac, settings.INDEX_KEY)",
            {"macs": "def mac(secret, text):\n  return hmac.new(secret, text, 'sha1')"}, ["macs.py:2 mac"],
            id="a function in a module that receives the key",
        ),
        pytest.param(
            "index = partial(hmac.new, settings.INDEX_KEY, digestmod='sha1')", {}, ["search.py:1"], id="prepared"
        ),
        pytest.param("index = lambda mail: hmac.new(settings.INDEX_KEY, mail)", {}, ["search.py:1 index"], id="lambda"),
        pytest.param(
            "def index(mail, key=settings.INDEX_KEY):\n  return hmac.new(key, mail)", {}, ["search.py:2 index"],
            id="a default",
        ),
        pytest.param(
            "_keys = {}\ndef key(purpose):\n  _keys[purpose] = derive(settings.INDEX_KEY, purpose)\n"
            "  return _keys[purpose]\n" + INDEX.format("key('mail')"),
            {}, ["search.py:6 index"], id="remembered",
        ),
    ],
)  # fmt: skip
def test_a_hash_with_a_key_that_is_derived_from_the_key(tmp_path, code, others, places):
    assert find(tmp_path, code, **others) == [f"INDEX_KEY shop/{place} (hashes with it)" for place in places]


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
        pytest.param(
            "key = settings.INDEX_KEY\ndef etag(text, key):\n  return hmac.new(key, text)\netag('a', OTHER_KEY)",
            id="with another key of the same name",
        ),
        pytest.param(
            "class Box:\n  def __init__(self, key, label):\n    self.box = Fernet(sha256(key + label).digest())\n"
            "box = Box(settings.INDEX_KEY, b'mail')",
            id="of a key and its label in a class",
        ),
        pytest.param(
            "class Box:\n  def __init__(self, key):\n    self.box = Fernet(key)\n"
            "  def open(self, token):\n    return self.box.decrypt(token)\n"
            "box = Box(settings.INDEX_KEY)\n"
            "class Customer:\n  @property\n  def mail(self):\n    return box.open(self.mail_encrypted)\n"
            "  def etag(self, page):\n    return md5(self.mail + page)",
            id="of a value that is decrypted",
        ),
        pytest.param(
            "fernet = Fernet(settings.INDEX_KEY)\ndef send(hook, body):\n  secret = fernet.decrypt(hook.secret)\n"
            "  return hmac.new(secret, body, 'sha256').hexdigest()",
            id="with a secret that is decrypted",
        ),
        pytest.param("KEYS = [sha512(settings.INDEX_KEY + each) for each in (b'mail', b'name')]", id="of labels"),
        pytest.param(
            "def client():\n  return Client(settings.INDEX_KEY)\ndef etag(text):\n  return md5(text).hexdigest()",
            id="of content",
        ),
    ],
)
def test_what_is_no_hash_of_data_with_a_key(tmp_path, code):
    assert find(tmp_path, code) == []


def test_a_webhook_that_is_compared_with_a_derived_key_at_once_is_no_hash(tmp_path):
    code = (
        "from .keys import derive_key\ndef received(request):\n"
        "  made = hmac.new(derive_key(b'hook'), request.body, 'sha256').hexdigest()\n"
        "  return compare_digest(made, request.headers['X-Signature'])"
    )
    assert find(tmp_path, code, keys=DERIVE) == []


def test_a_module_of_the_same_name_elsewhere_changes_nothing(tmp_path):
    other = tmp_path / "other/search.py"
    other.parent.mkdir()
    other.write_text("from shop.views import key\ndef etag(text):\n  return hmac.new(key, text)")
    assert find(tmp_path, "key = settings.INDEX_KEY", "shop/keys.py") == []


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        *((f"shop/{name}", False) for name in ("tests/search.py", "db_migrations/0002_index.py", "test_search.py")),
        ("unittests/search.py", False),
        ("contests/search.py", True),
        ("lab_tests/search.py", True),
    ],
)
def test_tests_and_migrations_are_no_code_of_the_application(tmp_path, name, counts):
    code = "def index(mail):\n  return hmac.new(settings.INDEX_KEY, mail, 'sha256')"
    assert bool(find(tmp_path, code, name)) is counts
