# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of PyPI that encrypt: fields of models, and functions by which an application encrypts a value itself.

Each is imported where it is used, since only the application has it on its path.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from django.conf import settings

from .formats import FERNET, HEX, WORDS, Format

LIBRARIES: dict[str, Format] = {}
SECRET_KEY = {"SECRET_KEY": WORDS}


def same(value: Any) -> Any:
    return value


def of(path: str) -> Any:
    """An object of a library by its dotted path."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def field(
    package: str, path: str, keys: dict[str, str], settings: str = "", read: Callable[[Any], Any] = same, **options: Any
) -> Format:
    """A field of a library, by which the application reads and writes plaintexts."""
    made = Format(same, read, keys, package=package, settings=settings, field=lambda: of(path)(**options))
    return replace(made, search=bool(options.keys() & {"blind_index", "searchable"}))


def functions(
    package: str,
    seal: Callable[[str], Any],
    open_: Callable[[Any], str],
    keys: dict[str, str],
    settings: str = "",
    column: str = "text",
) -> Format:
    """Functions of a library, which the application calls for a value in an ordinary column."""
    return Format(seal, open_, keys, column, package=package, settings=settings)


def from_env(name: str, around: str = "{}") -> str:
    """A line of the settings module."""
    return f"{name} = {around.format(f'os.environ[{name!r}]')}\n"


# fields
FERNETIX = from_env("DJANGO_FERNETIX_KEYS", "[{}]")
LIBRARIES["fernetix"] = field(
    "django-fernetix", "django_fernetix.FernetTextField", {"DJANGO_FERNETIX_KEYS": FERNET}, FERNETIX
)
LIBRARIES["fernetix_blind_index"] = field(
    "django-fernetix",
    "django_fernetix.FernetTextField",
    {"DJANGO_FERNETIX_KEYS": FERNET, "DJANGO_FERNETIX_INDEX_KEY": WORDS},
    FERNETIX + from_env("DJANGO_FERNETIX_INDEX_KEY"),
    blind_index=True,
)
LIBRARIES["fernetix_index_key_stays"] = field(
    "django-fernetix",
    "django_fernetix.FernetTextField",
    {"DJANGO_FERNETIX_KEYS": FERNET},
    FERNETIX + "DJANGO_FERNETIX_INDEX_KEY = os.environ['SECOND_KEY']\n",
    blind_index=True,
)
LIBRARIES["djfernet_redux"] = field("djfernet-redux", "fernet_fields.fields.EncryptedTextField", SECRET_KEY)
LIBRARIES["djfernet_redux_json"] = field("djfernet-redux", "fernet_fields.fields.EncryptedJSONField", SECRET_KEY)
HASHED = "encrypted_fields.fields.types.EncryptedTextField"
LIBRARIES["hashed_encrypted"] = field(
    "django-hashed-encrypted-fields", HASHED, {"ENCRYPTED_FIELDS_KEY": FERNET}, from_env("ENCRYPTED_FIELDS_KEY")
)
LIBRARIES["hashed_encrypted_searchable"] = field(
    "django-hashed-encrypted-fields",
    HASHED,
    {"ENCRYPTED_FIELDS_KEY": FERNET, "ENCRYPTED_FIELDS_HASH_SALT": WORDS},
    from_env("ENCRYPTED_FIELDS_KEY")
    + from_env("ENCRYPTED_FIELDS_HASH_SALT")
    + "INSTALLED_APPS += ['encrypted_fields']\n",
    searchable=True,
)
LIBRARIES["encrypted_text_field"] = field(  # returns None for what it cannot open, and saves None for it
    "encrypted-text-field",
    "encrypted_text_field.models.EncryptedTextField",
    {"ENCRYPTION_KEY": FERNET},
    from_env("ENCRYPTION_KEY"),
)
for algorithm in ("CC20P", "AGCM", "CC20"):  # the last one without authentication
    LIBRARIES[f"encrypted_field_{algorithm.lower()}"] = field(
        "django-encrypted-field",
        "encrypted_field.EncryptedField",
        {"DJANGO_ENCRYPTED_FIELD_KEY": HEX},
        from_env("DJANGO_ENCRYPTED_FIELD_KEY", "bytes.fromhex({})"),
        algorithm=algorithm,
    )
LIBRARIES["encrypted_json_field"] = field("encrypted-json-field", "encrypted_json_field.EncryptedJSONField", SECRET_KEY)
LIBRARIES["symmetric_fields"] = field(
    "django-symmetric-fields",
    "symmetricfields.fields.FernetEncryptedTextField",
    {"DSF_ENCRYPTION_KEYS": FERNET},
    from_env("DSF_ENCRYPTION_KEYS", "[{}.encode()]"),
    lambda value: value.decrypted,
)
LIBRARIES["safe_fields"] = field("django-safe-fields", "django_safe_fields.fields.SafeTextField", SECRET_KEY)
LIBRARIES["cryptographic_fields"] = field(
    "django-cryptographic-fields-bihealth",
    "cryptographic_fields.fields.EncryptedTextField",
    {"FIELD_ENCRYPTION_KEY": FERNET},
    from_env("FIELD_ENCRYPTION_KEY"),
)
LIBRARIES["encrypt_decrypt_fields"] = field(
    "encrypt-decrypt-fields",
    "encrypt_decrypt_fields.EncryptedBinaryField",
    SECRET_KEY,
    read=lambda stored: of("encrypt_decrypt_fields.Crypto")(settings.SECRET_KEY).decrypt_token(bytes(stored)),
)
# A keyset in a file, which no setting and no line of the .env holds.
KEYSET = """
import base64, json
_KEY = {"typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmKey", "keyMaterialType": "SYMMETRIC",
    "value": base64.b64encode(bytes([26, 32, *range(32)])).decode()}
_KEYSET = Path(__file__).with_name("keyset.json")
_KEYSET.write_text(json.dumps({"primaryKeyId": 7, "key": [
    {"keyId": 7, "status": "ENABLED", "outputPrefixType": "TINK", "keyData": _KEY}]}))
TINK_FIELDS_CONFIG = {"default": {"path": str(_KEYSET), "cleartext": True}}
"""
LIBRARIES["tink_fields"] = field("django-tink-fields", "tink_fields.EncryptedTextField", SECRET_KEY, KEYSET)


# functions
LIBRARIES["dynconfig"] = functions(
    "django-dynconfig",
    lambda text: of("dynconfig.encryption.encrypt")(text),
    lambda stored: of("dynconfig.encryption.decrypt")(stored),
    {"DYNCONFIG_ENCRYPTION_KEY": FERNET},
    from_env("DYNCONFIG_ENCRYPTION_KEY"),
)
LIBRARIES["dynconfig_some"] = functions(  # its entries are encrypted or not, as a flag of each says
    "django-dynconfig",
    lambda text: of("dynconfig.encryption.encrypt")(text) if "2," in text else text,
    lambda stored: of("dynconfig.encryption.decrypt")(stored) if stored.startswith("gAAAA") else stored,
    {"DYNCONFIG_ENCRYPTION_KEY": FERNET},
    from_env("DYNCONFIG_ENCRYPTION_KEY"),
)
REGIONS = ("ENCRYPTION_KEY_EU", "ENCRYPTION_KEY_OTHER")
LIBRARIES["compliance_shield"] = functions(  # keys in a nested dict, and a region without a key has that of the others
    "django-compliance-shield",
    lambda text: of("compliance_shield.encryption.RegionalEncryption").encrypt(text, "EU" if "2," in text else "US"),
    lambda stored: of("compliance_shield.encryption.RegionalEncryption").decrypt(stored, "EU"),
    dict.fromkeys(REGIONS, FERNET),
    f"COMPLIANCE_SHIELD = {{name: os.environ[name] for name in {REGIONS}}}\n",
)
LIBRARIES["entirius_crypt"] = functions(
    "entirius-django-crypt",
    lambda text: of("django_crypt.Crypt")().encrypt(text),
    lambda stored: of("django_crypt.Crypt")().decrypt(stored),
    {"CRYPT_SALT": FERNET},
    from_env("CRYPT_SALT"),
)


def user_secrets() -> Any:
    """Under the password of a user, with SECRET_KEY as the salt: rotated by nobody, and lost with SECRET_KEY."""
    return of("user_secrets.crypto.Cryptor")(secret="correct horse battery staple")


LIBRARIES["user_secrets"] = functions(
    "django-user-secrets",
    lambda text: user_secrets().encrypt(data=text),
    lambda stored: user_secrets().decrypt(encrypted_data=stored),
    SECRET_KEY,
)


def sqlalchemy_engine(name: str) -> Any:
    """What is in a column of StringEncryptedType."""
    engine = of(f"sqlalchemy_utils.types.encrypted.encrypted_type.{name}")()
    engine._update_key(settings.APP_KEY)
    if name == "AesEngine":
        engine._set_padding_mechanism("pkcs5")
    return engine


def add_engine(name: str) -> None:
    LIBRARIES[f"sqlalchemy_utils_{name.removesuffix('Engine').lower()}"] = functions(
        "sqlalchemy-utils",
        lambda text: sqlalchemy_engine(name).encrypt(text),
        lambda stored: sqlalchemy_engine(name).decrypt(stored),
        {"APP_KEY": WORDS},
    )


for engine in ("AesEngine", "AesGcmEngine", "FernetEngine"):
    add_engine(engine)
LIBRARIES["cryptocode"] = functions(  # a salt and a key of its own for each value
    "cryptocode",
    lambda text: of("cryptocode.encrypt")(text, settings.APP_KEY),
    lambda stored: of("cryptocode.decrypt")(stored, settings.APP_KEY),
    {"APP_KEY": WORDS},
)
LIBRARIES["3ncr"] = functions(
    "3ncr",
    lambda text: of("threencr.TokenCrypt").from_sha3(settings.APP_KEY).encrypt_3ncr(text),
    lambda stored: of("threencr.TokenCrypt").from_sha3(settings.APP_KEY).decrypt_if_3ncr(stored),
    {"APP_KEY": WORDS},
)


def data_encrypter() -> tuple[Any, bytes]:
    encrypter = of("data_encrypter.data_encrypter.DataEncrypter")()
    return encrypter, encrypter.generate_key(settings.APP_KEY)


LIBRARIES["data_encrypter"] = functions(  # XOR
    "data-encrypter",
    lambda text: (lambda made: made[0].encrypt(text, made[1]))(data_encrypter()),
    lambda stored: (lambda made: made[0].decrypt(stored, made[1]))(data_encrypter()),
    {"APP_KEY": WORDS},
)


def jwe_key() -> Any:
    return of("joserfc.jwk.OctKey").import_key(bytes.fromhex(settings.APP_KEY))


LIBRARIES["joserfc_key_wrap"] = functions(
    "joserfc",
    lambda text: of("joserfc.jwe.encrypt_compact")(
        {"alg": "A256KW", "enc": "A256CBC-HS512"}, text.encode(), jwe_key(), algorithms=["A256KW", "A256CBC-HS512"]
    ),
    lambda stored: of("joserfc.jwe.decrypt_compact")(
        stored, jwe_key(), algorithms=["A256KW", "A256CBC-HS512"]
    ).plaintext.decode(),
    {"APP_KEY": HEX},
)
