# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search columns whose recipe a person gave: computed again with their tokens, and checked before the first write."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import application_findings, under_new_keys
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import Finding
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.plan import plan
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import rewriter
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

from ......conftest import Site, rewrite
from ......test_digests import opened, searched
from ......test_discovery import token
from ......test_engine import NEW, OLD, keyring  # noqa: F401  # a fixture

ROWS = 20
LABEL = b"phone index"
KEY = {"derive": "hkdf_sha256", "secret": "SECRET_KEY", "info": {"text": LABEL.decode()}}
RECIPE = {"hash": "hmac_sha256", "key": KEY, "input": ["value", {"text": "|"}, "tenant_id"]}


def hkdf(secret: str) -> bytes:
    """HKDF-SHA256 of one block, by its definition (RFC 5869)."""
    extracted = hmac.digest(bytes(32), secret.encode(), "sha256")
    return hmac.digest(extracted, LABEL + b"\x01", "sha256")


def mac(secret: str, number: int, tenant: object) -> bytes:
    return hmac.digest(hkdf(secret), f"Value {number}|{tenant}".encode(), "sha256")


def tenant(number: int) -> int:
    return number % 3


def fingerprint(secret: str, number: int) -> str:
    return mac(secret, number, tenant(number)).hex()


def fill(database: Database, ring: Keyring, stored: Callable[[int], str | None], sql_type: str = "text") -> None:
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text, tenant_id int, searched {sql_type})")
    for number in range(ROWS):
        row = (number, token(ring, f"Value {number}"), tenant(number), stored(number))
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s)", row)


def entry(recipe: Mapping[str, Any] = RECIPE, **members: str) -> dict[str, Any]:
    return {"table": "secrets", "column": "searched", "digest_of": "a", "recipe": recipe, **members}


def surveyed(database: Database, ring: Keyring, recipe: Mapping[str, Any] = RECIPE) -> target_survey.Survey:
    return target_survey.find(database, ["auto", entry(recipe)], (), ring)


def before_first_write(
    database: Database, found: target_survey.Survey, ring: Keyring, destination: str = "pending", **settled: str
) -> list[Finding]:
    decided = {f"secrets.{name}": {decision: "a reason"} for name, decision in settled.items()}
    application = replace(opened(database, found, ring), settlements=settlements.parse(decided))
    tallies = application.census(destination, searched=True)
    stops = application_findings.find_staying(application, tallies)
    proved = application_findings.find_unexplained_digests(application, tallies)
    assert [each.what for each in proved] == [each.what for each in stops], "a proof looks at the same"
    return stops


# What an application writes into its column: the recipe, the type of the column, and the same by the standard library.
RECIPES: dict[str, tuple[dict[str, Any], str, Callable[[str, int], str]]] = {
    "hex": (RECIPE, "text", fingerprint),
    "cut, after a prefix": (
        {**RECIPE, "encoding": "upper_hex", "length": 20, "prefix": "v1:"},
        "varchar(23)",
        lambda secret, number: "v1:" + fingerprint(secret, number).upper()[:20],
    ),
    "base64 of SHA-512 under the setting itself": (
        {
            "hash": "hmac_sha512",
            "key": {"derive": "raw", "secret": "SECRET_KEY"},
            "input": ["tenant_id", {"text": "/"}, {"value": ["lower"]}],
            "encoding": "urlsafe_base64_bare",
        },
        "text",
        lambda secret, number: (
            base64.urlsafe_b64encode(
                hmac.digest(secret.encode(), f"{tenant(number)}/value {number}".encode(), "sha512")
            )
            .decode()
            .rstrip("=")
        ),
    ),
    "the first bytes": (
        {**RECIPE, "encoding": "raw", "length": 12},
        "bytea",
        lambda secret, number: "\\x" + fingerprint(secret, number)[:24],
    ),
    "a UUID": (
        {**RECIPE, "encoding": "uuid"},
        "uuid",
        lambda secret, number: str(uuid.UUID(bytes=mac(secret, number, tenant(number))[:16])),
    ),
    "salted under a slow key": (
        {
            "hash": "sha256_salt_value",
            "key": {"derive": "pbkdf2_sha256", "secret": "SECRET_KEY", "salt": "ENCRYPTION_SALT", "iterations": 10},
            "input": ["value"],
        },
        "char(64)",
        lambda secret, number: hashlib.sha256(
            hashlib.pbkdf2_hmac("sha256", secret.encode(), secret.replace("secret", "salt").encode(), 10)
            + f"Value {number}".encode()
        ).hexdigest(),
    ),
}


@pytest.mark.parametrize(("recipe", "sql_type", "computed"), RECIPES.values(), ids=RECIPES)
def test_a_given_recipe_is_computed_again_with_its_token_and_goes_back(
    database: Database, keyring: Keyring, recipe: dict[str, Any], sql_type: str, computed: Callable[[str, int], str]
) -> None:
    fill(database, keyring, lambda number: computed("old-secret", number), sql_type)
    database.execute("INSERT INTO secrets VALUES (90, %s, 1, NULL)", (token(keyring, "no digest"),))
    for stage, secret in (("pending", "new-secret"), ("current", "old-secret")):
        found = surveyed(database, keyring, recipe)
        assert not found.findings.of("digest", "unproved")
        assert before_first_write(database, found, keyring, stage) == []
        assert not rewrite(database, found.targets, keyring, stage).stale
        assert searched(database) == [*(computed(secret, number) for number in range(ROWS)), None]
        assert before_first_write(database, found, keyring, stage) == [], "so it is proved"


def test_without_its_recipe_it_is_named_and_stays(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, lambda number: fingerprint("old-secret", number))
    found = target_survey.find(database, "auto", (), keyring)
    (told,) = found.findings.of("digest")
    assert (told.column, "give its recipe in key_rotation_targets" in told.todo) == ("secrets.searched", True)


@pytest.mark.parametrize("destination", ["current", "pending"])
@pytest.mark.parametrize(
    "odd", [mac("elsewhere", 7, 1).hex(), mac("old-secret", 7, 2).hex(), fingerprint("new-secret", 7)[:40], "n/a"]
)
def test_a_row_with_another_digest_stops_before_the_first_write(
    database: Database, keyring: Keyring, odd: str, destination: str
) -> None:
    """Under another key, of another tenant, of another length, and what is no digest at all."""
    fill(database, keyring, lambda number: odd if number == 7 else fingerprint("old-secret", number))
    found = surveyed(database, keyring)
    (told,) = before_first_write(database, found, keyring, destination)
    assert (told.kind.code, told.fields) == (
        "E_STALE_DIGESTS",
        {"count": 1, "looked_at": ROWS, "rows": "secrets.searched:7"},
    )
    assert before_first_write(database, found, keyring, destination, searched="unreadable") == []


def test_after_the_switch_a_digest_under_the_old_keys_is_no_success(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, lambda number: fingerprint("old-secret", number))
    found = surveyed(database, keyring)
    rewrite(database, found.targets, keyring, "pending")
    database.execute("UPDATE secrets SET searched = %s WHERE id = 4", (fingerprint("old-secret", 4),))
    alone = Keyring(schemes.parse("auto"), {"pending": NEW}, keyring.application, "pending")
    (told,) = before_first_write(database, surveyed(database, alone), alone)
    assert (told.kind.code, told.fields["rows"]) == ("E_STALE_DIGESTS", "secrets.searched:4")


def test_a_recipe_that_explains_no_row_is_an_error_of_the_options(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, lambda number: fingerprint("old-secret", number))
    wrong = {**RECIPE, "key": {**KEY, "info": {"text": "another label"}}}
    (told,) = before_first_write(database, surveyed(database, keyring, wrong), keyring)
    assert told.kind.code == "E_DIGEST_RECIPE"
    assert f"{ROWS} digests were compared with searched as hmac_sha256 under SECRET_KEY" in told.what
    assert "key_rotation_targets" in told.what
    assert before_first_write(database, surveyed(database, keyring, wrong), keyring, searched="unreadable")


def test_a_column_that_is_null_leaves_a_digest_unexplained_unless_it_has_a_default(
    database: Database, keyring: Keyring
) -> None:
    def stored(secret: str, number: int) -> str:
        return mac(secret, number, "" if number == 3 else tenant(number)).hex()

    fill(database, keyring, lambda number: stored("old-secret", number))
    database.execute("UPDATE secrets SET tenant_id = NULL WHERE id = 3")
    (told,) = before_first_write(database, surveyed(database, keyring), keyring)
    assert (told.kind.code, told.fields["rows"]) == ("E_STALE_DIGESTS", "secrets.searched:3")
    with_default = {**RECIPE, "input": ["value", {"text": "|"}, {"column": "tenant_id", "default": ""}]}
    found = surveyed(database, keyring, with_default)
    assert before_first_write(database, found, keyring) == []
    rewrite(database, found.targets, keyring, "pending")
    assert searched(database) == [stored("new-secret", number) for number in range(ROWS)]


def test_a_rotation_that_was_interrupted_goes_on(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, keyring, lambda number: fingerprint("old-secret", number))
    write, batches = rewriter.compare_and_set, iter(range(1))

    def interrupted(*asked: Any) -> Any:
        if next(batches, None) is None:
            raise KeyboardInterrupt
        return write(*asked)

    monkeypatch.setattr(rewriter, "compare_and_set", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rewrite(database, surveyed(database, keyring).targets, keyring, "pending")
    monkeypatch.undo()
    half = searched(database)
    assert 0 < sum(text == fingerprint("new-secret", number) for number, text in enumerate(half)) < ROWS
    found = surveyed(database, keyring)
    for stage, secret in (("current", "old-secret"), ("pending", "new-secret")):
        assert before_first_write(database, found, keyring, stage) == []
        rewrite(database, found.targets, keyring, stage)
        assert searched(database) == [fingerprint(secret, number) for number in range(ROWS)]


def test_the_plan_says_that_a_recipe_is_given_and_its_key_has_a_value(database: Database) -> None:
    old, new = (KeySet({**keys.values, "INDEX_KEY": value}) for keys, value in ((OLD, "ab" * 32), (NEW, "?")))
    ring = Keyring(schemes.parse("auto"), {"current": old, "pending": new}, ApplicationSettings(lambda name: None))
    recipe = {**RECIPE, "key": {"derive": "hex", "secret": "INDEX_KEY"}, "input": ["value"]}
    fill(
        database, ring, lambda number: hmac.digest(bytes.fromhex("ab" * 32), f"Value {number}".encode(), "sha256").hex()
    )
    found = surveyed(database, ring, recipe)
    (described,) = plan.Plan([found], [], ring, []).as_document()["targets"]
    assert described["recomputed"] == ["searched as hmac_sha256 under INDEX_KEY, key hex, of value, hex, as given"]
    assert before_first_write(database, found, ring, "current") == []
    with pytest.raises(RotationError, match=r"E_\w+: .*secrets\.searched .*hex makes of INDEX_KEY"):
        under_new_keys.refuse_keyless_digests(opened(database, found, ring), "pending")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no column": (entry({**RECIPE, "input": ["value", "nobody"]}), "no such column"),
    "no token": (entry({**RECIPE, "input": ["value"]}, digest_of="tenant_id"), "no token was found"),
    "no source": (entry(digest_of="b"), "no other column"),
    "a type": (entry(column="tenant_id"), "of type integer"),
    "raw in a text": (entry({**RECIPE, "encoding": "raw"}), "cannot hold"),
    "what changes": (entry({**RECIPE, "input": ["value", "a"]}), "which the rotation changes"),
}


@pytest.mark.parametrize(("wrong", "fault"), WRONG.values(), ids=WRONG)
def test_an_entry_that_does_not_fit_its_table_is_refused(
    database: Database, keyring: Keyring, wrong: dict[str, Any], fault: str
) -> None:
    fill(database, keyring, lambda number: fingerprint("old-secret", number))
    with pytest.raises(RotationError) as refused:
        target_survey.find(database, ["auto", wrong], (), keyring)
    assert (refused.value.code, refused.value.where["index"]) == ("E_TARGET", 1)
    assert fault in refused.value.where["fault"]


def test_an_ignored_column_and_one_that_is_nowhere_are_refused(database: Database, keyring: Keyring) -> None:
    fill(database, keyring, lambda number: fingerprint("old-secret", number))
    with pytest.raises(RotationError) as refused:
        target_survey.find(database, ["auto", entry()], ["secrets.searched"], keyring)
    assert refused.value.code == "E_TARGET"
    assert target_survey.find(database, ["auto", entry(table="nobody")], (), keyring).missing == {
        1: ("nobody", "searched")
    }


class Function:
    """A process of the application, whose function makes digests."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def seal(self, inside: Opened) -> bytes:
        assert inside.frame.startswith(b'[["tenant_id", ')
        number = inside.plaintext.removeprefix(b"sValue ").decode()
        return mac(self.secret, int(number), inside.frame[15:-2].decode().strip()).hex().encode()


def test_a_function_of_the_application_makes_the_digests(database: Database) -> None:
    def build(functions: Any, stage: str) -> Any:
        assert (functions.encrypt, functions.context) == ("shop.search.fingerprint", ("tenant_id",))
        return Function({"current": "old-secret", "pending": "new-secret"}[stage])

    stages = {"current": OLD, "pending": NEW}
    ring = Keyring(schemes.parse("auto"), stages, ApplicationSettings(lambda name: None), build_row_cipher=build)
    fill(database, ring, lambda number: fingerprint("old-secret", number))
    recipe = {"application": "shop.search.fingerprint", "context": ["tenant_id"]}
    for stage, secret in (("pending", "new-secret"), ("current", "old-secret")):
        found = surveyed(database, ring, recipe)
        assert before_first_write(database, found, ring, stage) == []
        rewrite(database, found.targets, ring, stage)
        assert searched(database) == [fingerprint(secret, number) for number in range(ROWS)]


MODELS = """
import hmac
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from core.encryption import EncryptionManager

KEY = HKDF(hashes.SHA256(), 32, None, b"phone index").derive(settings.SECRET_KEY.encode())


def fingerprint(text, tenant_id):
    return hmac.digest(KEY, f"{text}|{tenant_id:d}".encode(), "sha256").hex()


class Caller(models.Model):
    a = models.TextField()
    tenant_id = models.IntegerField()
    by_data = models.TextField()
    by_function = models.TextField()

    class Meta:
        db_table, managed = "secrets", False

    @property
    def phone(self):
        return EncryptionManager.decrypt(self.a)
"""
FILL = """
from customer.models import Caller, EncryptionManager, fingerprint
for number in range(20):
    text, tenant_id = f"Value {number}", number % 3
    digest = fingerprint(text, tenant_id)
    Caller.objects.create(
        a=EncryptionManager.encrypt(text), tenant_id=tenant_id, by_data=digest, by_function=digest
    )
"""
TABLE = "CREATE TABLE secrets (id bigserial PRIMARY KEY, a text, tenant_id int, by_data text, by_function text)"


@pytest.mark.thorough
def test_both_kinds_of_recipes_in_a_rotation_and_back(site: Site) -> None:
    site.add_models(MODELS, TABLE, fill=FILL)
    function = {"application": "customer.models.fingerprint", "context": ["tenant_id"]}
    site.write_inventory(key_rotation_targets=["auto", entry(column="by_data"), entry(function, column="by_function")])
    secrets = [site.env_values()["SECRET_KEY"]]
    for playbook in ("rotate", "rollback"):
        done = site.play(playbook)
        assert done.code == 0, done.text
        secrets.append(site.env_values()["SECRET_KEY"])
        stored = site.sql("SELECT by_data, by_function FROM secrets ORDER BY id")
        assert stored == [(fingerprint(secrets[-1], number),) * 2 for number in range(ROWS)]
    assert secrets[0] == secrets[2] != secrets[1]
