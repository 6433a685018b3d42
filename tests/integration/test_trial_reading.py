# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that depend on a key are named by the plan: what decrypts a column that nobody listed, what signs."""

from __future__ import annotations

import json

import pytest

from .conftest import Site

MODELS = '''
import hashlib, hmac, secrets, uuid
from django.core import signing
from core.encryption import EncryptionManager


def pad(length):
    return hashlib.sha256(settings.SECRET_KEY.encode()).digest()[:length]


def open_number(number):
    return number ^ int.from_bytes(pad(7), "big")


def open_uuid(found):
    stream = bytearray(pad(16))
    stream[8] = stream[8] & 0x3F | 0x40  # under any key, what is stored has another variant than that of RFC 9562
    return uuid.UUID(bytes=bytes(a ^ b for a, b in zip(found.bytes, stream)))


class Holder(models.Model):
    """Beside one encrypted column: numbers and UUIDs that properties decrypt, and properties that sign and hash."""

    _email_encrypted = models.TextField()
    _card = models.BigIntegerField()
    _ref = models.UUIDField()
    public_id = models.UUIDField()
    city = models.TextField()

    class Meta:
        db_table, managed = "customer_holder", False

    @property
    def email(self):
        return EncryptionManager.decrypt(self._email_encrypted)

    @property
    def card(self):
        return open_number(self._card)

    @property
    def ref(self):
        return open_uuid(self._ref)

    @property
    def unsubscribe(self):
        return signing.Signer().sign(EncryptionManager.decrypt(self._email_encrypted))

    @property
    def etag(self):
        return hashlib.md5(self._email_encrypted.encode()).hexdigest()

    @property
    def nonce(self):
        return EncryptionManager.decrypt(self._email_encrypted) + secrets.token_hex(8)

    @property
    def link(self):
        return signing.Signer().sign(str(self.public_id))

    @property
    def city_code(self):
        return hmac.new(settings.SECRET_KEY.encode(), self.city.encode(), "sha256").hexdigest()

    @property
    def label(self):
        return f"{self.city} {self.public_id}"
'''
FILL = """
import uuid
from django.db import connection
from customer.models import EncryptionManager, open_number, open_uuid
with connection.cursor() as cursor:
    for number in range(12):
        row = (number, EncryptionManager.encrypt(f"ada{number}@example.org"), open_number(4111000011110000 + number),
               str(open_uuid(uuid.uuid4())), str(uuid.uuid4()), "Graz")
        cursor.execute("INSERT INTO customer_holder VALUES (%s, %s, %s, %s, %s, %s)", row)
"""


@pytest.fixture
def holders(site: Site) -> Site:
    """The example with one more model."""
    site.add_models(
        MODELS,
        "CREATE TABLE customer_holder (id int PRIMARY KEY, _email_encrypted text, _card bigint, _ref uuid,"
        " public_id uuid, city text)",
        fill=FILL,
    )
    return site


def test_attributes_that_depend_on_a_key_are_in_the_plan_and_stop_a_rotation_without_one(holders: Site) -> None:
    """A UUID that is one block of ciphertext is unexplained as well."""
    names = [f"customer.Holder.{name}" for name in ("card", "ref", "unsubscribe")]
    planned = holders.play("plan")
    assert planned.code == 2, planned.text
    stops = [line.split() for line in planned.text.splitlines() if line.strip().startswith("STOP")]
    assert {line[1].rstrip(":") for line in stops} == {*names, "customer_holder._ref"}, planned.text
    assert "customer_holder._ref: 12 of 12" in planned.text or "values look like ciphertext in bytes" in planned.text
    assert planned.text.count("(E_DEPENDS_ON_KEY)") >= len(names)
    for name in names:
        assert f'{{"key_rotation_application_ignore": ["{name}"]}}' in " ".join(planned.text.split())
    settled = {"customer_holder._ref": {"not_ours": "a test"}}
    holders.write_inventory(key_rotation_settlements=settled, key_rotation_plan=str(holders.folder / "no plan.yml"))

    before, keys = holders.read_all(), holders.env_file.read_bytes()
    ignored = ("-e", '{"key_rotation_application_ignore": ["customer.Holder.unsubscribe"]}')
    supplied = holders.folder / "new.vault.yml"
    supplied.write_bytes(holders.vault().encrypt(json.dumps({"SECRET_KEY": "supplied-by-the-operator-7" * 3})))
    values = ("-e", f"key_rotation_values_file={supplied}", "--vault-password-file", str(holders.password))
    for words in (("rotate", "--check"), ("rotate",), ("rotate", "--check", *values), ("rotate", *values)):
        refused = holders.play(*words, *ignored)
        assert (refused.code != 0, refused.error()) == (True, "E_DEPENDS_ON_KEY"), refused.text
        assert "Nothing was changed." in refused.text
        shown = " ".join(refused.text.split())
        assert "customer.Holder.card reads differently" in shown
        assert "customer.Holder.ref reads differently" in shown
        assert "customer.Holder.label reads" not in shown
        assert "customer.Holder.unsubscribe reads" not in shown
        assert (holders.read_all(), holders.env_file.read_bytes()) == (before, keys)


SIGNALS = '''
import hashlib
from django.db.models.signals import post_init, post_save, pre_save
from core.encryption import EncryptionManager


def pad(length):
    return hashlib.sha256(settings.SECRET_KEY.encode()).digest()[:length]


class Patient(models.Model):
    """A column without a field class of its own: signals encrypt and decrypt it."""

    ssn = models.TextField()
    deleted = models.BooleanField(default=False)

    class Meta:
        db_table, managed = "customer_patient", False


class Sealed(models.Model):
    """No instance of it can be made under other keys."""

    number = models.BigIntegerField()
    city = models.TextField()

    class Meta:
        db_table, managed = "customer_sealed", False


def opened(sender, instance, **about):
    if instance.ssn and instance.ssn.startswith("gAAAA"):
        instance.ssn = EncryptionManager._get_fernet().decrypt(instance.ssn.encode()).decode()


def sealed(sender, instance, **about):
    instance.ssn = EncryptionManager.encrypt(instance.ssn)


def refused(sender, instance, **about):
    if instance.number != int.from_bytes(pad(7), "big"):
        raise ValueError("a number of another key")


post_init.connect(opened, sender=Patient)
pre_save.connect(sealed, sender=Patient)
post_save.connect(opened, sender=Patient)
post_init.connect(refused, sender=Sealed)
'''
FILL_BY_SIGNALS = """
from customer.models import Patient, Sealed, pad
for number in range(12):
    Patient.objects.create(ssn=f"078-05-11{number:02}", deleted=number % 2 == 0)
    Sealed.objects.create(number=int.from_bytes(pad(7), "big"), city="Graz")
"""


def test_a_model_whose_signals_decrypt_as_a_row_is_made_is_tried_with_its_tokens_in_place(site: Site) -> None:
    """Of a model whose rows cannot be made under other keys nothing is known, so that nothing is said."""
    site.add_models(
        SIGNALS,
        "CREATE TABLE customer_patient (id bigserial PRIMARY KEY, ssn text, deleted bool)",
        "CREATE TABLE customer_sealed (id bigserial PRIMARY KEY, number bigint, city text)",
        fill=FILL_BY_SIGNALS,
    )
    planned = site.play("plan")
    assert (planned.code, "E_DEPENDS_ON_KEY" in planned.text) == (0, False), planned.text
    assert "customer_patient.ssn" in planned.text


STAMPED = '''
from core.encryption import EncryptionManager
from django.core import signing


class Subscriber(models.Model):
    """Links that have the time in them, signed with a key that stays."""

    _email_encrypted = models.TextField()

    class Meta:
        db_table, managed = "customer_subscriber", False

    @property
    def email(self):
        return EncryptionManager.decrypt(self._email_encrypted)

    @property
    def unsubscribe(self):
        return signing.dumps(EncryptionManager.decrypt(self._email_encrypted), key="of the links")
'''
FILL_STAMPED = """
from customer.models import EncryptionManager, Subscriber
for number in range(12):
    Subscriber.objects.create(_email_encrypted=EncryptionManager.encrypt(f"ada{number}@example.org"))
"""


@pytest.mark.thorough
def test_links_that_are_signed_with_the_time_roll_nothing_back(site: Site) -> None:
    """Their code is seen to sign so, and the plan says which they are."""
    site.add_models(
        STAMPED,
        "CREATE TABLE customer_subscriber (id bigserial PRIMARY KEY, _email_encrypted text)",
        fill=FILL_STAMPED,
    )
    planned = site.play("plan")
    assert planned.code == 0, planned.text
    assert "customer.Subscriber.unsubscribe" in planned.text
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text


GUARDED = '''
from core.encryption import EncryptionManager


class NoteField(models.TextField):
    def get_prep_value(self, value):
        return EncryptionManager.encrypt(value)

    def from_db_value(self, value, expression, connection):
        return EncryptionManager.decrypt(value)


class Guarded(models.Model):
    """Instances are made for a user who may have them alone."""

    user = None
    note = NoteField()

    class Meta:
        db_table, managed = "customer_guarded", False

    def __init__(self, *values, **named):
        if Guarded.user is None:
            raise PermissionError("no request")
        super().__init__(*values, **named)
'''
FILL_GUARDED = """
from customer.models import Guarded
Guarded.user = "ada"
for number in range(12):
    Guarded.objects.create(note=f"note {number}")
"""
READ_GUARDED = """
from customer.models import Guarded
Guarded.user = "ada"
print(sorted(row.note for row in Guarded.objects.all()) == sorted(f"note {number}" for number in range(12)), "read")
"""


@pytest.mark.thorough
def test_a_model_that_makes_no_instance_outside_of_a_request_is_rotated(site: Site) -> None:
    """Its values are proved by their tokens; by its attributes nothing can be compared."""
    site.add_models(
        GUARDED,
        "CREATE TABLE customer_guarded (id bigserial PRIMARY KEY, note text)",
        fill=FILL_GUARDED,
    )
    planned = site.play("plan")
    assert planned.code == 0, planned.text
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert "True read" in site.manage("shell", "--command", READ_GUARDED).text


BYTES = '''
from core.encryption import EncryptionManager


class Parcel(models.Model):
    """Its key is bytes, which psycopg2 wraps, as are those of an encrypted column of bytes; some of them are empty."""

    id = models.BinaryField(primary_key=True)
    _secret = models.TextField()
    _note = models.BinaryField()

    class Meta:
        db_table, managed = "customer_parcel", False

    @property
    def secret(self):
        return EncryptionManager.decrypt(self._secret)

    @property
    def note(self):
        return EncryptionManager.decrypt(bytes(self._note).decode())


class Stamp(models.Model):
    """Bytes are a part of its key."""

    pk = models.CompositePrimaryKey("parcel", "number")
    parcel = models.BinaryField()
    number = models.IntegerField()
    _secret = models.TextField()

    class Meta:
        db_table, managed = "customer_stamp", False

    @property
    def secret(self):
        return EncryptionManager.decrypt(self._secret)
'''
FILL_BYTES = """
from customer.models import EncryptionManager, Parcel, Stamp
for number in range(12):
    key, token = b"parcel \\x00 %d" % number, EncryptionManager.encrypt(f"ada{number}@example.org")
    Parcel.objects.create(id=key, _secret=token, _note=token.encode() if number else b"")
    Stamp.objects.create(parcel=key, number=number, _secret=token)
"""
READ_BYTES = """
from customer.models import Parcel, Stamp
print("READ", [(bytes(each.id), each.secret, each.note) for each in Parcel.objects.order_by("id")])
print("READ", [(bytes(each.parcel), each.secret) for each in Stamp.objects.order_by("pk")])
"""


def test_rows_whose_key_is_bytes_are_tried_and_rotated(site: Site) -> None:
    site.add_models(
        BYTES,
        "CREATE TABLE customer_parcel (id bytea PRIMARY KEY, _secret text, _note bytea)",
        "CREATE TABLE customer_stamp (parcel bytea, number int, _secret text, PRIMARY KEY (parcel, number))",
        fill=FILL_BYTES,
    )
    before, tokens = site.manage("shell", "--command", READ_BYTES).text, site.sql("SELECT _secret FROM customer_stamp")
    assert before.count("ada11@example.org") == 3, before

    planned = site.play("plan")
    assert planned.code == 0, planned.text
    for column in ("customer_parcel._secret", "customer_parcel._note", "customer_stamp._secret"):
        assert column in planned.text
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert site.manage("shell", "--command", READ_BYTES).text == before
    assert not {*tokens} & {*site.sql("SELECT _secret FROM customer_stamp")}


DISGUISED = '''
import datetime, hashlib, hmac, secrets
from core.encryption import EncryptionManager
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core import signing
from django.utils import timezone

LETTERS = "abcdefghijklmnop"
ALPHABET = "abcdefghijklmnopqrstuvwxyz "


def pad():
    return hashlib.sha256(settings.SECRET_KEY.encode()).digest()


def spell(text):
    nonce = secrets.token_bytes(12)
    return "".join(
        LETTERS[byte >> 4] + LETTERS[byte & 15] for byte in nonce + AESGCM(pad()).encrypt(nonce, text.encode(), None)
    )


def unspell(text):
    stored = bytes(LETTERS.index(high) << 4 | LETTERS.index(low) for high, low in zip(text[::2], text[1::2]))
    return AESGCM(pad()).decrypt(stored[:12], stored[12:], None).decode()


def turn(text, sign):
    return "".join(ALPHABET[(ALPHABET.index(each) + sign * by) % 27] for each, by in zip(text, pad()))


def shift():
    return datetime.timedelta(days=pad()[0] * 7 + pad()[1] + 1)


def lag():
    return datetime.timedelta(minutes=pad()[2] * 4 + pad()[3] + 1)


class Visit(models.Model):
    """Ciphertext that looks like words, dates and times, next to an encrypted column and plain columns."""

    _email_encrypted = models.TextField()
    spelled = models.TextField()
    turned = models.TextField()
    shifted = models.DateField()
    lagged = models.DateTimeField()
    took = models.DurationField()
    opens = models.TimeField()
    slug = models.TextField()
    starts = models.DateField()
    changed = models.DateTimeField()

    class Meta:
        db_table, managed = "customer_visit", False

    @property
    def email(self):
        return EncryptionManager.decrypt(self._email_encrypted)

    @property
    def link(self):
        return signing.Signer().sign(self.slug)

    @property
    def ticket(self):
        return signing.Signer().sign(f"{self.slug.title()} on {self.starts:%d.%m.%Y}")

    @property
    def slug_code(self):
        return hmac.new(settings.SECRET_KEY.encode(), self.slug.encode(), "sha256").hexdigest()

    @property
    def etag(self):
        return hmac.new(settings.SECRET_KEY.encode(), self.changed.isoformat().encode(), "sha256").hexdigest()

    @property
    def days_left(self):
        return (self.starts - timezone.now().date()).days if settings.SECRET_KEY else None

    @property
    def is_over(self):
        return bool(settings.SECRET_KEY) and self.starts < datetime.date.today()

    @property
    def local_start(self):
        return f"{self.starts:%A, %d %B}" if settings.SECRET_KEY else ""
'''
DISGUISED_DECRYPTS = """
    @property
    def secret(self):
        return unspell(self.spelled)

    @property
    def name(self):
        return turn(self.turned, -1)

    @property
    def born(self):
        return self.shifted - shift()

    @property
    def seen(self):
        return (self.lagged - lag()).isoformat()

    @property
    def length(self):
        return self.took - lag()

    @property
    def opened(self):
        return (datetime.datetime.combine(datetime.date(2000, 1, 1), self.opens) - lag()).time()
"""
VISITS = (
    "CREATE TABLE customer_visit (id bigserial PRIMARY KEY, _email_encrypted text, spelled text, turned text,"
    " shifted date, lagged timestamptz, took interval, opens time, slug text, starts date, changed timestamptz)"
)
FILL_DISGUISED = """
import datetime
from django.utils import timezone
from customer.models import EncryptionManager, Visit, lag, shift, spell, turn
for number in range(12):
    moment = datetime.datetime(2020, 1, 1 + number, 9, 30, tzinfo=datetime.timezone.utc)
    Visit.objects.create(
        _email_encrypted=EncryptionManager.encrypt(f"ada{number}@example.org"),
        spelled=spell(f"my secret number {number}"),
        turned=turn("the quick fox number " + "abcdefghijkl"[number], 1),
        shifted=datetime.date(1980, 1, 1 + number) + shift(),
        lagged=moment + lag(),
        took=datetime.timedelta(hours=number) + lag(),
        opens=(moment + lag()).time(),
        slug="visit-" + "abcdefghijkl"[number] * 4,
        starts=datetime.date(2030, 1, 1 + number),
        changed=moment,
    )
"""


def test_attributes_that_decrypt_letters_dates_and_times_are_in_the_plan(site: Site) -> None:
    """Their ciphertext looks like words or dates. Signatures of the columns next to it are not named."""
    site.add_models(DISGUISED + DISGUISED_DECRYPTS, VISITS, fill=FILL_DISGUISED)
    planned = site.play("plan")
    assert planned.code == 2, planned.text
    stops = {line.split()[1].rstrip(":") for line in planned.text.splitlines() if line.strip().startswith("STOP")}
    names = ("secret", "name", "born", "seen", "length", "opened")
    assert stops == {f"customer.Visit.{name}" for name in names}, planned.text
    assert planned.text.count("(E_DEPENDS_ON_KEY)") >= len(names)


@pytest.mark.thorough
def test_attributes_that_sign_words_and_dates_or_depend_on_the_time_stop_nothing(site: Site) -> None:
    site.add_models(DISGUISED, VISITS, fill=FILL_DISGUISED)
    planned = site.play("plan")
    assert (planned.code, "E_DEPENDS_ON_KEY" in planned.text) == (0, False), planned.text
    for name in ("days_left", "is_over"):
        assert f"customer.Visit.{name}" in planned.text, "its values are only counted"
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
