# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HashiCorp Vault and OpenBao, beyond the contract of every store."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import hvac
import pytest
from ansible.plugins.loader import lookup_loader
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import History
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.server_store import SIGNING
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from ....servers import answering, make_certificates, openbao_file, unseal
from .store_contract import EXAMPLES, NEW, OLD, PROMOTED, THIRD, Place, change, refused


@pytest.mark.parametrize("rotation_id", ["", "../other", "a/b", "a?b", "a#b", "..", "r1 "])
def test_an_id_that_is_no_plain_name_is_no_path(hashi_vault, rotation_id):
    root = {"auth_method": "token", "token": hashi_vault.admin.token, "role_id": None, "secret_id": None}
    store = hashi_vault.open(**root)
    for ask in (store.read_values, store.destroy_values, lambda one: store.write_values(one, NEW.values)):
        assert refused(ask, rotation_id).code == "E_STORE_FORMAT"


def test_vault_itself_says_that_the_values_of_one_version_are_destroyed(hashi_vault, begin):
    begin(hashi_vault)
    change(hashi_vault.open(), History.promote)
    change(hashi_vault.open(), lambda history: history.close("r1"))
    hashi_vault.may_destroy()
    change(hashi_vault.open(), lambda history: history.destroy(OLD.key_id, compromised=False))
    hashi_vault.open().destroy_values(f"adopted {OLD.key_id}")
    kv = hashi_vault.admin.secrets.kv.v2
    destroyed = {
        path: [
            version["destroyed"]
            for version in kv.read_secret_metadata(path, mount_point="kv")["data"]["versions"].values()
        ]
        for path in hashi_vault.value_secrets()
    }
    assert destroyed == {f"food_ordering/keys/adopted~{OLD.key_id}": [True], "food_ordering/keys/r1": [False]}


def test_the_policy_lets_nobody_overwrite_the_values_of_a_version(hashi_vault, begin):
    store = begin(hashi_vault).open()
    failure = refused(store._write, "food_ordering/keys/r1", dict(THIRD.values), 1)
    assert (failure.code, failure.where) == ("E_STORE_DENIED", {"place": "kv/data/food_ordering/keys/r1"})
    assert store.load().stage("pending").values == NEW.values


def test_the_policy_lets_nobody_have_the_history_of_the_index_dropped(hashi_vault, begin):
    store = begin(hashi_vault).open()
    store.load()
    metadata = store._client.secrets.kv.v2.update_metadata
    for wrong in ({"max_versions": 1}, {"delete_version_after": "1s"}, {"cas_required": False}):
        with pytest.raises(hvac.exceptions.Forbidden):
            metadata("food_ordering/keys", mount_point="kv", custom_metadata={"a": "b"}, **wrong)
    change(hashi_vault.open(), History.promote)
    assert hashi_vault.open().load().stages == PROMOTED


def test_the_index_and_all_metadata_hold_no_value(hashi_vault, begin):
    begin(hashi_vault)
    kv = hashi_vault.admin.secrets.kv.v2
    shown = [kv.read_secret("food_ordering/keys", mount_point="kv", raise_on_deleted_version=True)]
    for path in ["food_ordering/keys", *hashi_vault.value_secrets()]:
        shown.append(kv.read_secret_metadata(path, mount_point="kv"))
    assert "CANARY" not in json.dumps(shown)
    assert shown[1]["data"]["custom_metadata"] == {"current": OLD.key_id, "pending": NEW.key_id, "previous": "none"}


def test_a_reader_with_the_reader_s_policy_reads_and_changes_nothing(hashi_vault, begin):
    begin(hashi_vault)
    token = hashi_vault.admin.auth.token.create(policies=["key-rotation-reader"])["auth"]["client_token"]
    reader = {"auth_method": "token", "token": token, "role_id": None, "secret_id": None}
    before = hashi_vault.open(**reader).load()
    assert before.stage("pending").values == NEW.values
    failure = refused(change, hashi_vault.open(**reader), History.promote)
    assert (failure.code, failure.changed) == ("E_STORE_DENIED", "Nothing was changed.")
    assert hashi_vault.open().load() == before


def test_the_reader_s_policy_keeps_the_key_that_signs_records_from_the_reader(hashi_vault, begin):
    """Who has it writes records that pass for ours."""
    key = begin(hashi_vault).open().signing_key()
    token = hashi_vault.admin.auth.token.create(policies=["key-rotation-reader"])["auth"]["client_token"]
    reader = hashi_vault.open(auth_method="token", token=token, role_id=None, secret_id=None)
    failure = refused(reader.read_values, SIGNING)
    place = "kv/data/food_ordering/keys/record~signing"
    assert (failure.code, failure.where) == ("E_STORE_DENIED", {"place": place})
    assert reader.load().stage("pending").values == NEW.values
    assert hashi_vault.open().signing_key() == key


def test_who_may_not_write_is_seen_before_anything_is_written(hashi_vault, vault_file, begin):
    begin(hashi_vault)
    assert hashi_vault.open().unwritable() is None
    token = hashi_vault.admin.auth.token.create(policies=["key-rotation-reader"])["auth"]["client_token"]
    reader = {"auth_method": "token", "token": token, "role_id": None, "secret_id": None}
    assert (
        hashi_vault.open(**reader).unwritable().startswith("this login may not write kv/data/food_ordering/keys and ")
    )
    assert vault_file.open().unwritable() is None


def test_a_token_without_any_right_is_distinguished_from_a_dead_one(hashi_vault, begin):
    begin(hashi_vault)
    tokens = hashi_vault.admin.auth.token
    made = {
        "E_STORE_DENIED": tokens.create(policies=["default"])["auth"]["client_token"],
        "E_STORE_LOGIN": tokens.create(policies=["key-rotation"])["auth"]["client_token"],
    }
    tokens.revoke(made["E_STORE_LOGIN"])
    for code, token in made.items():
        assert (
            refused(hashi_vault.open(auth_method="token", token=token, role_id=None, secret_id=None).load).code == code
        )


def test_a_token_that_expires_before_the_write_changes_nothing(hashi_vault, begin):
    before = begin(hashi_vault).open().load()
    token = hashi_vault.admin.auth.token.create(policies=["key-rotation"])["auth"]["client_token"]
    store = hashi_vault.open(auth_method="token", token=token, role_id=None, secret_id=None)

    def promote(history: History) -> None:
        hashi_vault.admin.auth.token.revoke(token)
        history.promote()

    failure = refused(change, store, promote)
    assert (failure.code, failure.changed) == ("E_STORE_LOGIN", "Nothing was changed.")
    assert hashi_vault.open().load() == before


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"path": None}, "path"),
        ({"url": None}, "url"),
        ({"role_id": None}, "role_id"),
        ({"auth_method": "token"}, "token_file"),
        ({"auth_method": "jwt", "role": "r", "jwt_file": "/none"}, "jwt_file"),
        ({"auth_method": "kubernetes", "role": "r"}, "jwt_file"),
        ({"auth_method": "cert"}, "client_cert"),
        ({"auth_method": "password"}, "auth_method"),
        ({"ca_cert": "/none"}, "ca_cert"),
    ],
)
def test_what_a_login_needs_and_has_not_is_named(hashi_vault, wrong, name):
    failure = refused(lambda: hashi_vault.open(**wrong).load())
    assert (failure.code, failure.where["name"]) == ("E_STORE_NEEDS", name)


@pytest.mark.parametrize("character", [" ", "\n", "\t", "\u00e9", "\u20ac", "\x7f", "\0", "\u2028"])
@pytest.mark.parametrize("name", ["token", "token_file", "jwt_file", "namespace"])
def test_what_no_request_can_carry_is_named_before_it_is_used(loader_of_ids, tmp_path, name, character):
    value = f"CANARY{character}CANARY"
    (tmp_path / "secret").write_text(value, encoding="utf-8")
    method = {"auth_method": "jwt", "role": "r"} if name == "jwt_file" else {"auth_method": "token"}
    login = {**method, name: str(tmp_path / "secret") if name.endswith("file") else value}
    with answering((200, {})) as (url, asked):
        failure = refused(Place({"type": "hashi_vault", "path": "p", "url": url, **login}, loader_of_ids).open().load)
    assert (failure.code, failure.where["name"], asked) == ("E_STORE_NEEDS", name, [])


@pytest.mark.parametrize("wrong", [{"secret_id": "CANARY-wrong"}, {"auth_mount": "nowhere"}])
def test_a_login_that_is_refused_is_reported_with_the_options_that_this_store_has(hashi_vault, wrong):
    failure = refused(hashi_vault.open(**wrong).load)
    assert (failure.code, "auth_mount, role or namespace" in failure.todo) == ("E_STORE_LOGIN", True)
    assert "profile" not in failure.todo


@pytest.mark.parametrize("options", [{"version": "1"}, None])
def test_a_mount_of_version_1_is_refused(hashi_vault, options):
    hashi_vault.admin.sys.enable_secrets_engine("kv", path="kv1", options=options)
    try:
        store = hashi_vault.open(mount="kv1", auth_method="token", token=hashi_vault.admin.token, role_id=None)
        failure = refused(change, store, lambda history: history.adopt(OLD))
        assert failure.code == "E_STORE_KV_VERSION"
        assert hashi_vault.admin.adapter.get("/v1/kv1?list=true", raise_exception=False).status_code == 404
    finally:
        hashi_vault.admin.sys.disable_secrets_engine("kv1")


@pytest.mark.parametrize("mount", ["nowhere", "cubbyhole"])
def test_a_mount_that_is_invalid_is_reported(hashi_vault, mount):
    root = {"auth_method": "token", "token": hashi_vault.admin.token, "role_id": None, "secret_id": None}
    assert refused(hashi_vault.open(mount=mount, **root).load).code == "E_STORE_MOUNT"


def test_a_mount_that_deletes_after_a_time_is_refused_before_anything_is_put(hashi_vault):
    kv = hashi_vault.admin.secrets.kv.v2
    kv.configure(delete_version_after="24h", mount_point="kv")
    try:
        failure = refused(change, hashi_vault.open(), lambda history: history.adopt(OLD))
    finally:
        kv.configure(delete_version_after="0s", mount_point="kv")
    assert (failure.code, failure.where["after"]) == ("E_STORE_EXPIRES", "24h0m0s")
    assert hashi_vault.open().load().versions == []
    assert hashi_vault.value_secrets() == []


def test_an_index_that_is_deleted_after_a_time_is_refused_before_anything_is_put(hashi_vault):
    kv = hashi_vault.admin.secrets.kv.v2
    kv.update_metadata("food_ordering/keys", delete_version_after="24h", mount_point="kv")
    failure = refused(change, hashi_vault.open(), lambda history: history.adopt(OLD))
    assert failure.code == "E_STORE_EXPIRES"
    assert hashi_vault.value_secrets() == []


def test_values_that_will_be_deleted_are_reported_while_they_are_there(hashi_vault, begin):
    begin(hashi_vault)
    kv = hashi_vault.admin.secrets.kv.v2
    kv.update_metadata("food_ordering/keys/r1", delete_version_after="24h", mount_point="kv")
    kv.create_or_update_secret("food_ordering/keys/r1", dict(NEW.values), mount_point="kv")
    assert refused(hashi_vault.open().load).code == "E_STORE_EXPIRES"


def test_few_kept_versions_drop_nothing(hashi_vault, begin):
    kv = hashi_vault.admin.secrets.kv.v2
    kv.configure(max_versions=1, mount_point="kv")
    try:
        begin(hashi_vault)
        change(hashi_vault.open(), History.promote)
        change(hashi_vault.open(), lambda history: history.close("r1"))
        assert [version.values for version in hashi_vault.open().load().versions] == [OLD.values, NEW.values]
    finally:
        kv.configure(max_versions=0, mount_point="kv")


@pytest.mark.parametrize("secret", ["food_ordering/keys", "food_ordering/keys/r1"])
def test_what_was_deleted_by_hand_is_not_taken_for_empty(hashi_vault, begin, secret):
    before = begin(hashi_vault).open().load()
    kv = hashi_vault.admin.secrets.kv.v2
    versions = list(map(int, kv.read_secret_metadata(secret, mount_point="kv")["data"]["versions"]))
    kv.delete_latest_version_of_secret(secret, mount_point="kv")
    failure = refused(change, hashi_vault.open(), lambda history: history.adopt(THIRD))
    assert (failure.code, failure.where["secret"]) == ("E_STORE_DELETED", secret)
    kv.undelete_secret_versions(secret, versions[-1:], mount_point="kv")
    assert hashi_vault.open().load() == before


def test_values_that_were_destroyed_by_hand_are_missed(hashi_vault, begin):
    begin(hashi_vault)
    hashi_vault.admin.secrets.kv.v2.destroy_secret_versions("food_ordering/keys/r1", [1], mount_point="kv")
    failure = refused(hashi_vault.open().load)
    assert (failure.code, failure.where["key_id"]) == ("E_STORE_VALUES", NEW.key_id)


def test_an_index_of_another_form_is_refused_without_showing_it(hashi_vault):
    hashi_vault.admin.secrets.kv.v2.create_or_update_secret(
        "food_ordering/keys", {"SECRET_KEY": "CANARY"}, mount_point="kv"
    )
    assert refused(hashi_vault.open().load).code == "E_STORE_FORMAT"


def test_a_secret_that_somebody_overwrote_is_reported_and_not_used(hashi_vault, begin):
    """``kv put`` with one key replaces the whole secret."""
    begin(hashi_vault)
    kv = hashi_vault.admin.secrets.kv.v2
    kv.create_or_update_secret("food_ordering/keys/r1", {"SECRET_KEY": "CANARY"}, mount_point="kv")
    failure = refused(hashi_vault.open().load().refuse_damaged)
    assert (failure.code, "get -version=N" in failure.todo) == ("E_STORE_DAMAGED", True)
    kv.create_or_update_secret("food_ordering/keys/r1", {"SECRET_KEY": 7}, mount_point="kv")
    assert refused(hashi_vault.open().load).code == "E_STORE_FORMAT"


def test_custom_metadata_that_lags_behind_catches_up_if_nothing_is_to_be_changed(hashi_vault, begin, monkeypatch):
    begin(hashi_vault)
    killed = hashi_vault.open()
    monkeypatch.setattr(killed, "show_stages", lambda: None)
    change(killed, History.promote)
    store = hashi_vault.open()
    store.set_anchor("r1 1 0")
    assert not store.shows(store.load())
    change(hashi_vault.open(), lambda history: None)
    assert store._read_metadata() == {
        "current": NEW.key_id,
        "pending": "none",
        "previous": OLD.key_id,
        "record": "r1 1 0",
    }


STANDBY = "local node not active but active cluster node not found"

FOUND = {"data": {"data": {"format": 1, "versions": [], "stages": {}}, "metadata": {"version": 1}}}


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        pytest.param([(500, {"errors": [STANDBY]})], "E_STORE_STANDBY", id="standby without an active node"),
        pytest.param([(307, {"headers": {"Location": "http://127.0.0.1:1/"}})], "E_STORE_STANDBY", id="standby"),
        pytest.param(
            [(200, FOUND), (200, {"data": {}}), (200, {"data": {}}), (200, FOUND), (500, {"errors": ["read-only"]})],
            "E_STORE_STANDBY",
            id="replica",
        ),
        pytest.param([(503, {"errors": ["Vault is sealed"]})], "E_STORE_SEALED", id="sealed"),
        pytest.param([(501, {"errors": []})], "E_STORE_SEALED", id="never set up"),
        pytest.param([(429, {"errors": []})], "E_STORE_DOWN", id="overloaded"),
        pytest.param([(502, {"errors": []})], "E_STORE_DOWN", id="proxy"),
        pytest.param([(400, {"errors": ["CANARY"]})], "E_STORE_REFUSED", id="bad request"),
    ],
)
def test_a_server_that_cannot_be_written_to_is_reported_and_keeps_its_token_to_itself(loader_of_ids, answers, code):
    """Standbys and replicas need a cluster: a server that answers as they do stands for them."""
    with answering(*answers) as (url, asked):
        options = {"type": "hashi_vault", "path": "p", "url": url, "token": "CANARY"}
        failure = refused(
            change, Place(options, loader_of_ids).open(), lambda history: history.stages.update(current="0" * 16)
        )
        assert (failure.code, failure.changed) == (code, "Nothing was changed.")
        assert len(asked) >= len(answers)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param((307, {"headers": {"Location": "http://127.0.0.1:1/"}}), "E_STORE_STANDBY", id="standby"),
        pytest.param((200, {}), "E_STORE_LOGIN", id="proxy"),
        pytest.param((200, {"auth": None}), "E_STORE_LOGIN", id="no token"),
        pytest.param((204, {}), "E_STORE_LOGIN", id="nothing"),
    ],
)
@pytest.mark.parametrize(
    "login",
    [
        {"auth_method": "approle", "role_id": "r", "secret_id": "CANARY"},
        {"auth_method": "jwt", "role": "r", "jwt": "CANARY"},
        {"auth_method": "kubernetes", "role": "r", "jwt": "CANARY"},
    ],
)
def test_a_login_that_is_answered_without_a_token_is_reported(loader_of_ids, answer, code, login):
    with answering(answer) as (url, _):
        assert (
            refused(Place({"type": "hashi_vault", "path": "p", "url": url, **login}, loader_of_ids).open().load).code
            == code
        )


def test_an_address_may_have_the_path_under_which_a_proxy_has_the_server(loader_of_ids):
    with answering((200, {"data": None})) as (url, asked):
        options = {"type": "hashi_vault", "path": "p", "url": f"{url}/vault/", "token": "CANARY"}
        assert refused(Place(options, loader_of_ids).open().load).code == "E_STORE_MOUNT"
    assert asked[0][1] == "/vault/v1/secret/data/p"


def test_files_of_a_login_may_be_in_the_home_folder(tmp_path, loader_of_ids):
    make_certificates(tmp_path)
    with answering((200, {})) as (url, _):
        names = {"ca_cert": "~/ca.pem", "client_cert": "~/client.pem", "client_key": "~/client.key"}
        options = {"type": "hashi_vault", "path": "p", "url": url, "auth_method": "cert", **names}
        assert refused(Place(options, loader_of_ids).open().load).code == "E_STORE_LOGIN"


def test_a_sealed_server_is_reported_and_after_unsealing_all_is_as_before(tmp_path, loader_of_ids, begin):
    with openbao_file(tmp_path) as (admin, unseal_key):
        admin.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
        admin.sys.create_or_update_policy("key-rotation", (EXAMPLES / "openbao-policy.hcl").read_text())
        options = {
            "type": "hashi_vault",
            "mount": "kv",
            "path": "food_ordering/keys",
            "url": admin.url,
            "token": admin.token,
        }
        place = Place({**options, "ca_cert": str(tmp_path / "ca.pem")}, loader_of_ids)
        until = time.monotonic() + 10
        while True:  # a new mount of version 2 answers 400 while it is being upgraded
            try:
                begin(place)
                break
            except RotationError as exc:
                if exc.code != "E_STORE_REFUSED" or time.monotonic() > until:
                    raise
                time.sleep(0.1)
        before = place.open().load()
        assert refused(place.open(ca_cert=None).load).code == "E_STORE_TLS"

        admin.sys.seal()
        failure = refused(change, place.open(), History.promote)
        assert (failure.code, failure.changed) == ("E_STORE_SEALED", "Nothing was changed.")
        unseal(admin, unseal_key)
        assert place.open().load() == before

        admin.sys.enable_auth_method("cert")
        admin.auth.cert.create_ca_certificate_role(
            "rotation", certificate=(tmp_path / "client.pem").read_text(), token_policies=["key-rotation"]
        )
        client = {
            name: str(tmp_path / f"client.{end}") for name, end in (("client_cert", "pem"), ("client_key", "key"))
        }
        assert place.open(auth_method="cert", role="rotation", token=None, **client).load() == before


def test_a_login_by_jwt_or_as_a_pod_of_kubernetes(hashi_vault, begin, tmp_path):
    """A server that answers one TokenReview stands for the API of Kubernetes."""
    before = begin(hashi_vault).open().load()
    admin = hashi_vault.admin
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "jwt").write_text(signed_jwt(key) + "\n")
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    user = {"username": "system:serviceaccount:apps:rotation", "uid": "1"}
    reviewed = {"status": {"authenticated": True, "user": user, "audiences": ["vault"]}}
    make_certificates(tmp_path)
    with answering((201, {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", **reviewed})) as (url, _):
        admin.sys.enable_auth_method("jwt")
        admin.sys.enable_auth_method("kubernetes")
        try:
            admin.adapter.post("/v1/auth/jwt/config", json={"jwt_validation_pubkeys": [public.decode()]})
            role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "policies": ["key-rotation"]}
            admin.adapter.post("/v1/auth/jwt/role/rotation", json=role)
            admin.adapter.post(
                "/v1/auth/kubernetes/config",
                json={
                    "disable_local_ca_jwt": True,
                    "kubernetes_host": url,
                    "kubernetes_ca_cert": (tmp_path / "ca.pem").read_text(),
                },
            )
            bound = {"bound_service_account_names": ["rotation"], "bound_service_account_namespaces": ["apps"]}
            admin.adapter.post("/v1/auth/kubernetes/role/rotation", json={**bound, "policies": ["key-rotation"]})
            for method in ("jwt", "kubernetes"):
                login = {"auth_method": method, "role": "rotation", "jwt_file": str(tmp_path / "jwt")}
                assert hashi_vault.open(role_id=None, secret_id=None, **login).load() == before
        finally:
            admin.sys.disable_auth_method("jwt")
            admin.sys.disable_auth_method("kubernetes")


def signed_jwt(key: ec.EllipticCurvePrivateKey) -> str:
    """As RFC 7515 has it, ES256."""
    claims = {
        "aud": ["vault"],
        "exp": int(time.time()) + 600,
        "nbf": int(time.time()) - 60,
        "iss": "kubernetes/serviceaccount",
        "sub": "system:serviceaccount:apps:rotation",
        "kubernetes.io": {"namespace": "apps", "serviceaccount": {"name": "rotation", "uid": "1"}},
    }

    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    head = f"{part(json.dumps({'alg': 'ES256'}).encode())}.{part(json.dumps(claims).encode())}"
    r, s = utils.decode_dss_signature(key.sign(head.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{head}.{part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def test_a_namespace_holds_a_store_of_its_own(hashi_vault):
    admin = hashi_vault.admin
    admin.adapter.post("/v1/sys/namespaces/team")
    try:
        inside = hvac.Client(admin.url, admin.token, namespace="team")
        inside.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
        root = {"auth_method": "token", "token": admin.token, "role_id": None, "secret_id": None}
        change(hashi_vault.open(namespace="team", **root), lambda history: history.adopt(OLD))
        assert hashi_vault.open(namespace="team", **root).load().stage("current").values == OLD.values
        assert hashi_vault.open(**root).load().versions == []
    finally:
        admin.adapter.delete("/v1/sys/namespaces/team")


def test_one_login_serves_many_terms(hashi_vault, begin, monkeypatch):
    begin(hashi_vault)
    logins = []
    login = hvac.api.auth_methods.AppRole.login

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        logins.append(1)
        return login(self, *args, **kwargs)

    monkeypatch.setattr(hvac.api.auth_methods.AppRole, "login", counted)
    lookup = lookup_loader.get("tetech.key_rotation.keys", loader=hashi_vault.loader)
    found = lookup.run(["SECRET_KEY", "ENCRYPTION_SALT"] * 3, {}, store=hashi_vault.options, stage="pending")
    assert found == [NEW.values["SECRET_KEY"], NEW.values["ENCRYPTION_SALT"]] * 3
    assert len(logins) == 1
