# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One suite for all key stores, each on the real thing; moto's server stands for AWS, which cannot be had here."""

from __future__ import annotations

import base64
import contextlib
import errno
import functools
import io
import itertools
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import hvac
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret
from ansible.plugins.loader import lookup_loader
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores import aws_secrets_manager as aws
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import History
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.server_store import SIGNING
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.store_interface import UNKNOWN, Store
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import atomic_file
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys import configured_store
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from .servers import (
    BIN,
    CHECKOUT,
    answering,
    clean_environment,
    losing,
    make_certificates,
    openbao_dev,
    openbao_file,
    secrets_manager,
    set_up,
    unseal,
)

TREE = CHECKOUT / ".ansible/tree"
KINDS = ["vault_file", "hashi_vault", "aws_secrets_manager"]
SERVERS = KINDS[1:]
EXAMPLES = CHECKOUT / "examples/stores"
OLD = KeySet({"SECRET_KEY": "CANARY-old-secret-key", "ENCRYPTION_SALT": "CANARY-old-salt"})
NEW = KeySet({"SECRET_KEY": "CANARY-new-secret-key", "ENCRYPTION_SALT": "CANARY-new-salt"})
THIRD = KeySet({"SECRET_KEY": "CANARY-third-secret-key", "ENCRYPTION_SALT": "CANARY-third-salt"})
AWS = {"AWS_ACCESS_KEY_ID": "CANARY-access", "AWS_SECRET_ACCESS_KEY": "CANARY-secret-access", "AWS_REGION": "eu-west-1"}


@dataclass
class Place:
    """A store of a test's own: its options, and what else its client takes from the environment."""

    kind: str
    options: dict[str, Any]
    loader: DataLoader
    environment: dict[str, str] = field(default_factory=dict)
    admin: Any = None

    def open(self, **other: Any) -> Store:
        options = {**self.options, **other}
        return configured_store.open_store(
            {name: value for name, value in options.items() if value is not None}, {}, self.loader
        )

    def on_another_control_node(self, **other: Any) -> Store:
        """Nothing but the server holds its changers and ours apart."""
        store = self.open(**other)
        store._folder += "-of-another"
        return store


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test meets the files or the servers of the person who runs it."""
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[hvac.Client, dict[str, str]]]:
    """OpenBao as examples/stores/openbao-setup.sh sets it up, and the AppRole's two credentials."""
    with openbao_dev(tmp_path_factory.mktemp("openbao")) as admin:
        yield admin, set_up(admin)


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with secrets_manager(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture
def loader() -> DataLoader:
    """Ansible started with two vault ids."""
    started = DataLoader()
    started.set_vault_secrets([("dev", VaultSecret(b"CANARY-dev")), ("prod", VaultSecret(b"CANARY-prod"))])
    return started


@pytest.fixture
def vault_file(loader: DataLoader, tmp_path: Path) -> Place:
    return Place("vault_file", {"path": str(tmp_path / "store" / "keys.vault.yml"), "vault_id": "prod"}, loader)


@pytest.fixture
def hashi_vault(loader: DataLoader, openbao: tuple[hvac.Client, dict[str, str]]) -> Iterator[Place]:
    """With the AppRole that has examples/stores/openbao-policy.hcl, and nothing in the paths that it names."""
    admin, approle = openbao
    options = {"type": "hashi_vault", "url": admin.url, "mount": "kv", "path": "food_ordering/keys"}
    yield Place("hashi_vault", {**options, "auth_method": "approle", **approle}, loader, admin=admin)
    for path in ["food_ordering/keys", *_below(admin, "food_ordering/keys")]:
        admin.secrets.kv.v2.delete_metadata_and_all_versions(path, mount_point="kv")


def _below(admin: hvac.Client, path: str) -> list[str]:
    try:
        return [f"{path}/{name}" for name in admin.secrets.kv.v2.list_secrets(path, mount_point="kv")["data"]["keys"]]
    except hvac.exceptions.InvalidPath:
        return []


@pytest.fixture
def aws_secrets_manager(loader: DataLoader, moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """An empty secret, as an administrator makes it."""
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    admin = boto3.client("secretsmanager", endpoint_url=moto, region_name=AWS["AWS_REGION"])
    admin.create_secret(Name="food_ordering/keys")
    options = {"type": "aws_secrets_manager", "path": "food_ordering/keys", "endpoint_url": moto}
    yield Place("aws_secrets_manager", options, loader, AWS, admin)
    admin.delete_secret(SecretId="food_ordering/keys", ForceDeleteWithoutRecovery=True)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Place:
    return request.getfixturevalue(request.param)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Place:
    return request.getfixturevalue(request.param)


@pytest.fixture
def begin() -> Callable[[Place], Place]:
    """Rotation r1 has its old keys current and its new ones pending."""

    def begun(place: Place) -> Place:
        with place.open().change() as history:
            history.adopt(OLD)
        with place.open().change() as history:
            history.add_pending(NEW, "r1")
        return place

    return begun


def refused(call: Callable[..., Any], *args: Any) -> RotationError:
    with pytest.raises(RotationError) as caught:
        call(*args)
    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def change(store: Store, act: Callable[[History], Any]) -> None:
    with store.change() as history:
        act(history)


# What every store does


def test_a_store_in_which_nothing_was_put_is_empty_and_stays_so(place):
    assert place.open().load().versions == []
    change(place.open(), lambda history: None)
    assert place.open().load().versions == []


def test_what_was_put_is_there_for_the_next_one_value_by_value(place, begin):
    history = begin(place).open().load()
    assert history.stages == {"current": OLD.key_id, "pending": NEW.key_id}
    assert (history.stage("current").values, history.stage("pending").values) == (OLD.values, NEW.values)
    assert (history.open_rotation, history.path) == ("r1", place.open().path)


def test_a_rotation_is_promoted_closed_and_followed_by_another(place, begin):
    begin(place)
    change(place.open(), History.promote)
    assert place.open().load().stages == {"previous": OLD.key_id, "current": NEW.key_id}
    change(place.open(), lambda history: history.close("r1"))
    change(place.open(), lambda history: history.add_pending(THIRD, "r2"))
    change(place.open(), History.promote)
    history = place.open().load()
    assert history.for_host()["key_sets"] == {
        "current": THIRD.values,
        "previous": NEW.values,
        f"older-{OLD.key_id}": OLD.values,
    }
    assert [(version.state, version.outcome) for version in history.versions] == [
        ("deactivated", "completed"),
        ("deactivated", "completed"),
        ("active", None),
    ]


@pytest.mark.parametrize("promoted", [False, True])
def test_a_rotation_is_rolled_back_and_its_version_kept(place, begin, promoted):
    begin(place)
    if promoted:
        change(place.open(), History.promote)
    change(place.open(), History.roll_back)
    history = place.open().load()
    assert history.stages == {"current": OLD.key_id}
    assert (history.outcome("r1"), history.version(NEW.key_id).values) == ("rolled back", NEW.values)


def test_the_head_of_the_record_and_the_key_that_signs_it_are_kept(place, begin):
    assert place.open().anchor() is None
    begin(place)
    place.open().set_anchor(f"r1 1 {'a' * 64}")
    assert [place.open().kept_signing_key() for _ in range(2)] == [None, None], "asking makes none"
    key = place.open().signing_key()
    change(place.open(), History.promote)
    longest = f"{'r' * 64} 12345 {'b' * 64} {'a-z.' * 16} ada:/srv/{'a_b@c+d=' * 5}".ljust(256, "z")
    assert len(longest) == 256
    place.open().set_anchor(longest)
    assert place.open().anchor() == longest
    assert place.open().signing_key() == place.open().kept_signing_key() == key
    history = place.open().load()
    assert history.stages == {"previous": OLD.key_id, "current": NEW.key_id}
    assert len(base64.b64decode(key)) == 32
    assert key not in str(history)


def test_a_change_that_is_given_up_changes_nothing(place, begin):
    before = begin(place).open().load()

    def give_up(history: History) -> None:
        history.promote()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change(place.open(), give_up)
    assert place.open().load() == before


def test_keys_that_were_used_before_are_not_put_again(place, begin):
    begin(place)
    change(place.open(), History.roll_back)
    before = place.open().load()
    for keys in (OLD, NEW):
        assert refused(change, place.open(), lambda history, keys=keys: history.add_pending(keys, "r2")).code == (
            "E_KEY_REUSED"
        )
    assert place.open().load() == before


def test_of_many_changes_at_once_on_one_control_node_none_is_lost(place):
    """As the forks of one playbook for many hosts: one adopts, the others find it."""

    def adopt(store: Store) -> None:
        with store.change() as history:
            if not history.versions:
                history.adopt(OLD)
            history.versions[0].origin += "+"

    forks = [threading.Thread(target=adopt, args=[place.open()]) for _ in range(5)]
    for fork in forks:
        fork.start()
    for fork in forks:
        fork.join()
    (version,) = place.open().load().versions
    assert version.origin == "adopted+++++"


@pytest.mark.parametrize("compromised", [False, True])
def test_a_destroyed_version_is_remembered_and_its_values_are_gone(place, begin, compromised):
    begin(place)
    change(place.open(), History.promote)
    change(place.open(), lambda history: history.close("r1"))
    may_destroy(place)
    change(place.open(), lambda history: history.destroy(OLD.key_id, compromised=compromised))
    for _ in range(2):  # doing it again changes nothing
        place.open().destroy_values(f"adopted {OLD.key_id}")
    history = place.open().load()
    kept = history.version(OLD.key_id)
    assert (kept.values, kept.outcome, kept.origin) == ({}, "completed", "adopted")
    assert kept.state == ("destroyed compromised" if compromised else "destroyed")
    assert history.stages == {"current": NEW.key_id}
    assert history.for_host()["key_sets"] == {"current": NEW.values}
    change(place.open(), lambda history: history.add_pending(THIRD, "r2"))
    assert place.open().load().stage("pending").values == THIRD.values


def may_destroy(place: Place) -> None:
    """The rotating credentials alone may not."""
    if place.kind == "hashi_vault":
        assert refused(place.open().destroy_values, f"adopted {OLD.key_id}").code == "E_STORE_DENIED"
        login = {"token_policies": ["key-rotation", "key-rotation-destroy"], "secret_id_num_uses": 0}
        place.admin.auth.approle.create_or_update_approle("destroyer", **login)
        role_id = place.admin.auth.approle.read_role_id("destroyer")["data"]["role_id"]
        secret_id = place.admin.auth.approle.generate_secret_id("destroyer")["data"]["secret_id"]
        place.options.update(role_id=role_id, secret_id=secret_id)


# What every store on a server does


def test_of_two_control_nodes_the_second_is_told_and_overwrites_nothing(server, begin):
    begin(server)
    late = server.on_another_control_node()

    def roll_back(history: History) -> None:
        change(server.open(), History.promote)
        history.roll_back()

    assert refused(change, late, roll_back).code == "E_STORE_CONFLICT"
    assert server.open().load().stages == {"previous": OLD.key_id, "current": NEW.key_id}


def test_of_two_control_nodes_that_make_keys_for_one_rotation_one_wins(server):
    change(server.open(), lambda history: history.adopt(OLD))
    late = server.on_another_control_node()

    def make(history: History) -> None:
        change(server.open(), lambda history: history.add_pending(NEW, "r1"))
        history.add_pending(THIRD, "r1")

    assert refused(change, late, make).code == "E_STORE_CONFLICT"
    assert server.open().load().stage("pending").values == NEW.values


def test_a_write_that_comes_between_the_look_and_ours_is_not_written_over(server, begin):
    begin(server)
    if server.kind == "hashi_vault":  # with every right: the check-and-set holds where no policy does
        server.options.update(auth_method="token", token=server.admin.token, role_id=None, secret_id=None)
    late = server.on_another_control_node()
    write_index, write_values = late.write_index, late.write_values

    def index_too_late(index: dict[str, Any], revision: Any) -> None:
        change(server.open(), lambda history: history.close("r1"))
        write_index(index, revision)

    def values_too_late(rotation_id: str, values: Mapping[str, str]) -> None:
        server.open().write_values(rotation_id, {"SECRET_KEY": "CANARY-of-another"})
        write_values(rotation_id, values)

    late.write_index = index_too_late
    assert refused(change, late, History.promote).code == "E_STORE_CONFLICT"
    late.write_values = values_too_late
    assert refused(change, late, lambda history: history.add_pending(THIRD, "r2")).code == "E_STORE_CONFLICT"
    assert server.open().load().outcome("r1") == "completed"
    assert "pending" in server.open().load().stages
    assert server.open().read_values("r2") == {"SECRET_KEY": "CANARY-of-another"}


# The ends of the requests that put the values of r1, and the index.
LOST = {
    "hashi_vault": {"values": "/keys/r1", "index": "/keys"},
    "aws_secrets_manager": {"values": "PutSecretValue", "index": "PutSecretValue"},
}


@pytest.mark.parametrize("what", ["values", "index"])
@pytest.mark.parametrize("deliver", [False, True])
def test_a_put_whose_answer_is_lost_is_looked_for_before_it_is_tried_again(server, what, deliver):
    change(server.open(), lambda history: history.adopt(OLD))
    address = "url" if server.kind == "hashi_vault" else "endpoint_url"
    lost = [LOST[server.kind][what]]
    with losing(server.options[address], lost, deliver=deliver) as proxy:
        change(server.open(**{address: proxy}), lambda history: history.add_pending(NEW, "r1"))
    assert lost == []
    assert server.open().load().stage("pending").values == NEW.values


def test_values_that_a_run_put_before_it_died_are_found_by_the_rotation_id(server):
    change(server.open(), lambda history: history.adopt(OLD))
    server.open().write_values("r1", NEW.values)  # killed here, before the index
    again = server.open()
    assert again.load().open_rotation is None
    assert again.read_values("r1") == NEW.values
    assert again.read_values("r2") is None
    taken = refused(change, server.open(), lambda history: history.add_pending(THIRD, "r1"))
    assert taken.code == "E_STORE_CONFLICT"
    change(server.open(), lambda history: history.add_pending(KeySet(again.read_values("r1")), "r1"))
    assert server.open().load().stage("pending").values == NEW.values


def test_the_application_s_keys_that_a_run_put_aside_before_it_died_stand_in_nobody_s_way(server):
    server.open().write_values(f"adopted {OLD.key_id}", OLD.values)  # killed here, and the .env changed since
    change(server.open(), lambda history: history.adopt(NEW))
    assert server.open().load().stage("current").values == NEW.values


@pytest.mark.parametrize("rotation_id", ["", "../other", "a/b", "a?b", "a#b", "..", "r1 "])
def test_an_id_that_is_no_plain_name_is_no_path(hashi_vault, rotation_id):
    root = {"auth_method": "token", "token": hashi_vault.admin.token, "role_id": None, "secret_id": None}
    store = hashi_vault.open(**root)
    for ask in (store.read_values, store.destroy_values, lambda one: store.write_values(one, NEW.values)):
        assert refused(ask, rotation_id).code == "E_OPTION"


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_is_down_is_told(kind, loader, monkeypatch):
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    with answering((200, {})) as (gone, _):
        pass
    options = {"type": kind, "path": "food_ordering/keys", "url": gone, "token": "CANARY"}
    if kind == "aws_secrets_manager":
        options = {"type": kind, "path": "food_ordering/keys", "endpoint_url": gone}
    failure = refused(Place(kind, options, loader).open().load)
    assert (failure.code, failure.changed) == ("E_STORE_DOWN", "Nothing was changed.")


def test_keys_do_not_travel_in_clear(loader):
    for options in (
        {"type": "hashi_vault", "url": "http://vault.example.com"},
        {"type": "hashi_vault", "url": "CANARY:CANARY@vault.example.com:8200"},
        {"type": "aws_secrets_manager", "endpoint_url": "http://aws.example.com"},
    ):
        assert refused(Place("", {"path": "p", **options}, loader).open).code == "E_STORE_CLEARTEXT"


# The vault file


def test_of_two_vault_ids_the_one_asked_for_encrypts_and_ansible_vault_shows_it(vault_file, begin, tmp_path):
    begin(vault_file)
    path = vault_file.options["path"]
    assert Path(path).read_bytes().startswith(b"$ANSIBLE_VAULT;1.2;AES256;prod\n")
    (tmp_path / "prod").write_text("CANARY-prod\n")
    (tmp_path / "dev").write_text("CANARY-dev\n")

    def view(*ids: str) -> subprocess.CompletedProcess[str]:
        given = [f"--vault-id={name}@{tmp_path / name}" for name in ids]
        argv = [str(BIN / "ansible-vault"), "view", *given, path]
        return subprocess.run(argv, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False)

    for ids in (("prod",), ("dev", "prod")):
        shown = json.loads(view(*ids).stdout)
        assert [version["values"] for version in shown["versions"]] == [OLD.values, NEW.values]
    assert view("dev").returncode != 0
    vault_file.loader.set_vault_secrets([("dev", VaultSecret(b"CANARY-dev"))])
    before = Path(path).read_bytes()
    assert refused(change, vault_file.open(), History.promote).code == "E_STORE_PASSWORD"
    assert Path(path).read_bytes() == before


BEGUN = {"current": OLD.key_id, "pending": NEW.key_id}
PROMOTED = {"previous": OLD.key_id, "current": NEW.key_id}
# Every call of the system by which atomic_file changes something; a write is torn in two.
CALLS = ["open", "close", "fsync", "rename", "unlink", "mkdir", "fchmod", "fchown", "stat", "listxattr", "setxattr"]


class Fault:
    """Strikes at the call of the system of one number: by the end of the process, or by an error of the disk."""

    def __init__(self, number: int, strike: Callable[[], Any]) -> None:
        self.number, self.strike, self.calls = number, strike, 0

    def count(self) -> None:
        self.calls += 1
        if self.calls == self.number:
            self.strike()

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **kwargs: Any) -> Any:
            self.count()
            return call(*args, **kwargs)

        return counting

    def torn(self, descriptor: int, mode: str) -> io.FileIO:
        fault = self

        class Torn(io.FileIO):
            def write(self, data: Any) -> int:
                fault.count()
                half = len(data) // 2
                super().write(data[:half])
                fault.count()
                return half + int(super().write(data[half:]) or 0)

        return Torn(descriptor, mode)

    def set(self, patch: pytest.MonkeyPatch) -> None:
        for name in CALLS:
            patch.setattr(atomic_file.os, name, self.counted(getattr(os, name)))
        patch.setattr(atomic_file.os, "fdopen", self.torn)


def disk_error() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("first", [True, False], ids=["first write", "later write"])
def test_a_crash_at_any_call_of_the_system_leaves_the_old_file_or_the_new_one(vault_file, begin, monkeypatch, first):
    folder = Path(vault_file.options["path"]).parent
    act = functools.partial(History.adopt, keys=OLD) if first else History.promote
    old, new = ({}, {"current": OLD.key_id}) if first else (BEGUN, PROMOTED)
    seen, ended = [], None
    while ended != 0:
        shutil.rmtree(folder, ignore_errors=True)
        if not first:
            begin(vault_file)
        store = vault_file.open()
        child = os.fork()
        if child == 0:
            try:
                Fault(len(seen) + 1, lambda: os._exit(9)).set(monkeypatch)
                change(store, act)
            finally:
                os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert ended in (0, 9)
        seen.append(vault_file.open().load().stages)
        if seen[-1] == old:
            change(vault_file.open(), act)  # which takes away what the crash left
            assert [path.name for path in folder.iterdir()] == ["keys.vault.yml"]
        assert vault_file.open().load().stages == new
    before = seen.index(new)
    assert seen == [old] * before + [new] * (len(seen) - before)
    assert before >= 7  # lock, open, mode, two halves, fsync, rename
    assert len(seen) - before >= 3


def test_a_disk_error_at_any_call_of_the_system_is_told_as_it_is(vault_file, begin, monkeypatch):
    told, number, struck = [], 0, True
    while struck:
        number += 1
        shutil.rmtree(Path(vault_file.options["path"]).parent, ignore_errors=True)
        store = begin(vault_file).open()
        fault = Fault(number, disk_error)
        code = said = None
        with monkeypatch.context() as patch:
            fault.set(patch)
            with contextlib.suppress(OSError):  # at the end, when the lock is let go
                try:
                    change(store, History.promote)
                except RotationError as exc:
                    code, said = exc.code, exc.changed
        struck = fault.calls >= number
        stages = vault_file.open().load().stages
        assert stages in (BEGUN, PROMOTED)
        if code:
            told.append(said)
            assert (code, said == "Nothing was changed.") == ("E_STORE_WRITE", stages == BEGUN)
        assert code or stages == PROMOTED
    assert told.count("Nothing was changed.") >= 7
    assert told.count(UNKNOWN) >= 1


# HashiCorp Vault and OpenBao


def test_vault_itself_says_that_the_values_of_one_version_are_destroyed(hashi_vault, begin):
    begin(hashi_vault)
    change(hashi_vault.open(), History.promote)
    change(hashi_vault.open(), lambda history: history.close("r1"))
    may_destroy(hashi_vault)
    change(hashi_vault.open(), lambda history: history.destroy(OLD.key_id, compromised=False))
    hashi_vault.open().destroy_values(f"adopted {OLD.key_id}")
    kv = hashi_vault.admin.secrets.kv.v2
    destroyed = {
        path: [
            version["destroyed"]
            for version in kv.read_secret_metadata(path, mount_point="kv")["data"]["versions"].values()
        ]
        for path in _below(hashi_vault.admin, "food_ordering/keys")
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
    for path in ["food_ordering/keys", *_below(hashi_vault.admin, "food_ordering/keys")]:
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


def test_a_token_without_any_right_is_told_apart_from_a_dead_one(hashi_vault, begin):
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
def test_what_no_request_can_carry_is_named_before_it_is_used(loader, tmp_path, name, character):
    value = f"CANARY{character}CANARY"
    (tmp_path / "secret").write_text(value, encoding="utf-8")
    method = {"auth_method": "jwt", "role": "r"} if name == "jwt_file" else {"auth_method": "token"}
    login = {**method, name: str(tmp_path / "secret") if name.endswith("file") else value}
    with answering((200, {})) as (url, asked):
        failure = refused(Place("", {"type": "hashi_vault", "path": "p", "url": url, **login}, loader).open().load)
    assert (failure.code, failure.where["name"], asked) == ("E_STORE_NEEDS", name, [])


@pytest.mark.parametrize("wrong", [{"secret_id": "CANARY-wrong"}, {"auth_mount": "nowhere"}])
def test_a_login_that_is_refused_is_told_with_the_options_that_this_store_has(hashi_vault, wrong):
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
def test_a_mount_that_is_none_is_told(hashi_vault, mount):
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
    assert _below(hashi_vault.admin, "food_ordering/keys") == []


def test_an_index_that_is_deleted_after_a_time_is_refused_before_anything_is_put(hashi_vault):
    kv = hashi_vault.admin.secrets.kv.v2
    kv.update_metadata("food_ordering/keys", delete_version_after="24h", mount_point="kv")
    failure = refused(change, hashi_vault.open(), lambda history: history.adopt(OLD))
    assert failure.code == "E_STORE_EXPIRES"
    assert _below(hashi_vault.admin, "food_ordering/keys") == []


def test_values_that_will_be_deleted_are_told_while_they_are_there(hashi_vault, begin):
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
def test_a_server_that_cannot_be_written_to_is_told_and_keeps_its_token_to_itself(loader, answers, code):
    """Standbys and replicas need a cluster: a server that answers as they do stands for them."""
    with answering(*answers) as (url, asked):
        options = {"type": "hashi_vault", "path": "p", "url": url, "token": "CANARY"}
        failure = refused(
            change, Place("", options, loader).open(), lambda history: history.stages.update(current="0" * 16)
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
def test_a_login_that_is_answered_without_a_token_is_told(loader, answer, code, login):
    with answering(answer) as (url, _):
        assert (
            refused(Place("", {"type": "hashi_vault", "path": "p", "url": url, **login}, loader).open().load).code
            == code
        )


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"url": "https://[::1"}, "url"),
        ({"url": "https://host:CANARY"}, "url"),
        ({"url": "https://host:99999"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://v/v1"}, "url"),
        ({"url": "https://v/vault/v1/"}, "url"),
        ({"url": "https://v:8200/ui/vault/secrets"}, "url"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": 10**12}, "timeout"),
        ({"type": "aws_secrets_manager", "endpoint_url": "https://[::1"}, "endpoint_url"),
        ({"type": "aws_secrets_manager", "timeout": 0}, "timeout"),
    ],
)
def test_an_address_or_a_time_that_is_none_is_named(loader, wrong, name):
    options = {"type": "hashi_vault", "path": "p", "url": "https://v", **wrong}
    if options["type"] == "aws_secrets_manager":
        del options["url"]
    failure = refused(Place("", options, loader).open)
    assert (failure.code, failure.where["name"]) == ("E_STORE_NEEDS", name)


def test_an_address_may_have_the_path_under_which_a_proxy_has_the_server(loader):
    with answering((200, {"data": None})) as (url, asked):
        options = {"type": "hashi_vault", "path": "p", "url": f"{url}/vault/", "token": "CANARY"}
        assert refused(Place("", options, loader).open().load).code == "E_STORE_MOUNT"
    assert asked[0][1] == "/vault/v1/secret/data/p"


@pytest.mark.parametrize(
    "options",
    [
        {"type": "hashi_vault", "url": "{}", "token": "CANARY"},
        {"type": "hashi_vault", "url": "{}", "auth_method": "approle", "role_id": "r", "secret_id": "CANARY"},
        {"type": "aws_secrets_manager", "endpoint_url": "{}"},
    ],
)
def test_a_server_without_tls_under_an_https_address_has_no_wrong_certificate(loader, monkeypatch, options):
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    with answering((200, {})) as (url, _):
        there = {name: value.format(url.replace("http:", "https:")) for name, value in options.items()}
        failure = refused(Place("", {**there, "path": "p"}, loader).open().load)
    assert (failure.code, failure.where["server"].endswith(url.removeprefix("http://"))) == ("E_STORE_NO_TLS", True)


def test_what_goes_in_clear_to_this_machine_goes_through_no_proxy(server, begin, monkeypatch):
    """It would be given the token, and the keys."""
    with answering((200, {})) as (proxy, asked), monkeypatch.context() as patch:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            patch.setenv(name, proxy)
        begin(server)
    assert asked == []
    assert server.open().load().stage("pending").values == NEW.values


def test_files_of_a_login_may_be_in_the_home_folder(tmp_path, loader):
    make_certificates(tmp_path)
    with answering((200, {})) as (url, _):
        names = {"ca_cert": "~/ca.pem", "client_cert": "~/client.pem", "client_key": "~/client.key"}
        options = {"type": "hashi_vault", "path": "p", "url": url, "auth_method": "cert", **names}
        assert refused(Place("", options, loader).open().load).code == "E_STORE_LOGIN"


def test_one_stage_is_read_without_the_values_of_the_others(server, begin, monkeypatch):
    begin(server)
    store = server.open()
    read, seen = store.read_values, []

    def missing(rotation_id: str) -> dict[str, str] | None:
        seen.append(rotation_id)
        return read(rotation_id) if rotation_id == "r1" else None

    monkeypatch.setattr(store, "read_values", missing)
    assert store.stage("pending").values == NEW.values
    assert seen == ["r1"]
    assert refused(store.stage, "current").code == "E_STORE_VALUES"


def test_a_sealed_server_is_told_and_after_unsealing_all_is_as_before(tmp_path, loader, begin):
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
        place = Place("hashi_vault", {**options, "ca_cert": str(tmp_path / "ca.pem")}, loader)
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


# AWS Secrets Manager


def labelled(place: Place) -> dict[str, Any]:
    """What another reader is given for each of AWS's labels."""
    found = {}
    for label in ("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"):
        try:
            answer = place.admin.get_secret_value(SecretId="food_ordering/keys", VersionStage=label)
        except place.admin.exceptions.ResourceNotFoundException:
            continue
        found[label] = json.loads(answer["SecretString"])
    return found


def test_aws_labels_follow_the_stages_for_other_readers(aws_secrets_manager, begin):
    begin(aws_secrets_manager)
    assert labelled(aws_secrets_manager) == {"AWSCURRENT": OLD.values, "AWSPENDING": NEW.values}
    change(aws_secrets_manager.open(), History.promote)
    assert labelled(aws_secrets_manager) == {"AWSCURRENT": NEW.values, "AWSPREVIOUS": OLD.values}
    change(aws_secrets_manager.open(), History.roll_back)
    assert labelled(aws_secrets_manager) == {"AWSCURRENT": OLD.values}


def test_each_version_that_the_history_needs_has_a_label_until_it_is_destroyed(aws_secrets_manager, begin):
    begin(aws_secrets_manager)
    change(aws_secrets_manager.open(), History.promote)
    change(aws_secrets_manager.open(), lambda history: history.close("r1"))

    def labels() -> set[str]:
        found = aws_secrets_manager.admin.describe_secret(SecretId="food_ordering/keys")["VersionIdsToStages"]
        return {label for some in found.values() for label in some if not label.startswith("AWS")}

    assert labels() == {f"rotation adopted {OLD.key_id}", "rotation r1", "HISTORY"}
    change(aws_secrets_manager.open(), lambda history: history.destroy(OLD.key_id, compromised=False))
    aws_secrets_manager.open().destroy_values(f"adopted {OLD.key_id}")
    assert labels() == {"rotation r1", "HISTORY"}
    assert labelled(aws_secrets_manager) == {"AWSCURRENT": NEW.values}


def test_labels_that_lag_behind_the_history_do_not_count_and_catch_up(aws_secrets_manager, begin, monkeypatch):
    begin(aws_secrets_manager)
    killed = aws_secrets_manager.open()
    monkeypatch.setattr(killed, "show_stages", lambda: None)
    change(killed, History.promote)
    assert labelled(aws_secrets_manager)["AWSCURRENT"] == OLD.values
    assert aws_secrets_manager.open().load().stage("current").values == NEW.values
    change(aws_secrets_manager.open(), lambda history: history.close("r1"))
    assert labelled(aws_secrets_manager) == {"AWSCURRENT": NEW.values, "AWSPREVIOUS": OLD.values}


def fails(monkeypatch: pytest.MonkeyPatch, operations: set[str]) -> list[str]:
    """AWS throttles the first call of each of these. What it is asked."""
    asked: list[str] = []
    call = BaseClient._make_api_call

    def throttled(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        asked.append(operation)
        if operation in operations:
            operations.remove(operation)
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "CANARY"}}, operation)
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", throttled)
    return asked


def test_labels_that_could_not_be_moved_are_moved_by_the_same_command_again(aws_secrets_manager, begin, monkeypatch):
    def current(history: History) -> None:
        if "pending" in history.stages:
            history.promote()

    begin(aws_secrets_manager)
    asked = fails(monkeypatch, {"UpdateSecretVersionStage"})
    failure = refused(change, aws_secrets_manager.open(), current)
    assert (failure.code, failure.changed.startswith("The store was changed")) == ("E_STORE_DOWN", True)
    assert labelled(aws_secrets_manager)["AWSCURRENT"] == OLD.values
    change(aws_secrets_manager.open(), current)
    assert labelled(aws_secrets_manager) == {"AWSCURRENT": NEW.values, "AWSPREVIOUS": OLD.values}
    asked.clear()
    change(aws_secrets_manager.open(), current)
    assert asked.count("DescribeSecret") == 1, "it costs one look where all is as it is to be"
    assert set(asked) == {"DescribeSecret", "GetSecretValue"}


def test_a_label_that_somebody_else_has_is_not_taken_where_nothing_is_to_be_changed(aws_secrets_manager, begin):
    begin(aws_secrets_manager)
    aws_secrets_manager.admin.put_secret_value(SecretId="food_ordering/keys", SecretString='{"a": "CANARY"}')
    assert refused(change, aws_secrets_manager.open(), lambda history: None).code == "E_STORE_FOREIGN"
    assert labelled(aws_secrets_manager)["AWSCURRENT"] == {"a": "CANARY"}


def test_custom_metadata_that_lags_behind_catches_up_where_nothing_is_to_be_changed(hashi_vault, begin, monkeypatch):
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


def test_a_secret_that_somebody_else_uses_is_not_taken_over(aws_secrets_manager):
    """AWS deletes a version that has no label, and AWSCURRENT would be taken from it."""
    admin = aws_secrets_manager.admin
    admin.put_secret_value(SecretId="food_ordering/keys", SecretString='{"db_password": "CANARY-precious"}')
    before = admin.describe_secret(SecretId="food_ordering/keys")["VersionIdsToStages"]
    failure = refused(change, aws_secrets_manager.open(), lambda history: history.adopt(OLD))
    assert (failure.code, failure.where["labels"]) == ("E_STORE_FOREIGN", "AWSCURRENT")
    assert admin.describe_secret(SecretId="food_ordering/keys")["VersionIdsToStages"] == before


def test_a_version_that_somebody_else_put_into_our_secret_keeps_its_label(aws_secrets_manager, begin):
    begin(aws_secrets_manager)
    aws_secrets_manager.admin.put_secret_value(SecretId="food_ordering/keys", SecretString='{"a": "CANARY"}')
    assert refused(change, aws_secrets_manager.open(), History.promote).code == "E_STORE_FOREIGN"
    assert labelled(aws_secrets_manager)["AWSCURRENT"] == {"a": "CANARY"}
    assert aws_secrets_manager.open().load().stage("pending").values == NEW.values


def test_labels_that_come_late_are_those_of_the_index_of_now(aws_secrets_manager, begin):
    begin(aws_secrets_manager)
    late = aws_secrets_manager.on_another_control_node()
    show = late.show_stages

    def slow() -> None:
        change(aws_secrets_manager.open(), lambda history: history.close("r1"))
        change(aws_secrets_manager.open(), lambda history: history.add_pending(THIRD, "r2"))
        show()

    late.show_stages = slow
    change(late, History.promote)
    assert labelled(aws_secrets_manager) == {
        "AWSCURRENT": NEW.values, "AWSPREVIOUS": OLD.values, "AWSPENDING": THIRD.values,
    }  # fmt: skip


def test_an_address_that_the_profile_names_is_looked_at_too(loader, monkeypatch, tmp_path):
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://127.0.0.2:1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    options = {"type": "aws_secrets_manager", "path": "food_ordering/keys", "timeout": 2}
    assert refused(Place("", options, loader).open().load).code == "E_STORE_CLEARTEXT"


def test_a_password_in_an_address_is_not_shown(aws_secrets_manager):
    address = aws_secrets_manager.options["endpoint_url"].replace("http://", "http://user:CANARY@")
    store = aws_secrets_manager.open(endpoint_url=address)
    assert "CANARY" not in store.path
    assert store.path.startswith("food_ordering/keys in 127.0.0.1:")


def test_the_policies_grant_what_is_asked_of_aws_and_no_more(aws_secrets_manager, begin, monkeypatch):
    """moto takes any credentials: what is asked is compared with what the policies name."""
    asked: list[str] = []
    call = BaseClient._make_api_call

    def noted(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        asked.append(f"secretsmanager:{operation}")
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    aws_secrets_manager.open().load()
    assert set(asked) == granted("aws-reader-policy.json")
    begin(aws_secrets_manager)
    change(aws_secrets_manager.open(), History.promote)
    change(aws_secrets_manager.open(), lambda history: history.close("r1"))
    change(aws_secrets_manager.open(), lambda history: history.destroy(OLD.key_id, compromised=False))
    aws_secrets_manager.open().destroy_values(f"adopted {OLD.key_id}")
    aws_secrets_manager.open().set_anchor("r1 1 0")
    aws_secrets_manager.open().signing_key()
    assert set(asked) == {action for action in granted("aws-policy.json") if action.startswith("secretsmanager:")}


def statements(policy: str, effect: str) -> list[dict[str, Any]]:
    found = json.loads((EXAMPLES / policy).read_text())["Statement"]
    return [statement for statement in found if statement["Effect"] == effect]


def granted(policy: str) -> set[str]:
    return {action for statement in statements(policy, "Allow") for action in statement["Action"]}


def test_the_reader_s_policy_denies_the_key_that_signs_records_by_the_id_and_the_label_that_it_has(
    aws_secrets_manager, begin
):
    """moto lets everybody read: what is denied is compared with what is there. Each name is denied by itself, as a
    condition with both would hold for nobody who asks by one."""
    begin(aws_secrets_manager).open().signing_key()
    labels = aws_secrets_manager.admin.describe_secret(SecretId="food_ordering/keys")["VersionIdsToStages"]
    (label,) = labels[aws._id(SIGNING)]
    allowed, *denied = [*statements("aws-reader-policy.json", "Allow"), *statements("aws-reader-policy.json", "Deny")]
    assert [statement["Condition"] for statement in denied] == [
        {"StringEquals": {"secretsmanager:VersionId": aws._id(SIGNING)}},
        {"StringEquals": {"secretsmanager:VersionStage": label}},
    ]
    for statement in denied:
        assert statement["Action"] == ["secretsmanager:GetSecretValue"]
        assert statement["Resource"] == allowed["Resource"]


def test_a_secret_that_nobody_made_is_told_with_how_to_make_it(aws_secrets_manager):
    failure = refused(change, aws_secrets_manager.open(path="other"), lambda history: history.adopt(OLD))
    assert (failure.code, failure.where["name"]) == ("E_STORE_MISSING", "other")


def test_a_replica_is_read_and_not_written(aws_secrets_manager, begin):
    begin(aws_secrets_manager)
    aws_secrets_manager.admin.replicate_secret_to_regions(
        SecretId="food_ordering/keys", AddReplicaRegions=[{"Region": "us-east-1"}]
    )
    try:
        replica = aws_secrets_manager.open(region="us-east-1")
        failure = refused(change, replica, History.promote)
        assert (failure.code, failure.changed) == ("E_STORE_STANDBY", "Nothing was changed.")
    finally:
        aws_secrets_manager.admin.remove_regions_from_replication(
            SecretId="food_ordering/keys", RemoveReplicaRegions=["us-east-1"]
        )
    assert "pending" in aws_secrets_manager.open().load().stages


def test_a_version_of_another_form_is_refused_without_showing_it(aws_secrets_manager):
    aws_secrets_manager.admin.put_secret_value(
        SecretId="food_ordering/keys", SecretString="CANARY", VersionStages=["HISTORY"]
    )
    assert refused(aws_secrets_manager.open().load).code == "E_STORE_FORMAT"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("ExpiredTokenException", "E_STORE_LOGIN"),
        ("UnrecognizedClientException", "E_STORE_LOGIN"),
        ("InvalidSignatureException", "E_STORE_LOGIN"),
        ("AccessDeniedException", "E_STORE_DENIED"),
        ("DecryptionFailure", "E_STORE_DENIED"),
        ("InvalidRequestException", "E_STORE_REFUSED"),
        ("InternalServiceError", "E_STORE_DOWN"),
    ],
)
def test_what_aws_refuses_is_told_and_nothing_is_changed(aws_secrets_manager, said, code):
    """moto refuses nobody: a server that answers as AWS does stands for it."""
    with answering((400, {"__type": said, "message": "CANARY"})) as (url, asked):
        failure = refused(change, aws_secrets_manager.open(endpoint_url=url), History.promote)
    assert (failure.code, failure.changed) == (code, "Nothing was changed.")
    looked = ["DescribeSecret"] if said == "InvalidRequestException" else []  # for a deletion, which this is none
    actions = {f"secretsmanager.{action}" for action in ["GetSecretValue", *looked]}
    assert {target["X-Amz-Target"] for _, _, target in asked} == actions
    assert (code != "E_STORE_LOGIN") or "profile, region or endpoint_url" in failure.todo


def test_a_secret_that_somebody_overwrote_is_told_and_not_used(hashi_vault, begin):
    """``kv put`` with one key replaces the whole secret."""
    begin(hashi_vault)
    kv = hashi_vault.admin.secrets.kv.v2
    kv.create_or_update_secret("food_ordering/keys/r1", {"SECRET_KEY": "CANARY"}, mount_point="kv")
    failure = refused(hashi_vault.open().load().refuse_damaged)
    assert (failure.code, "get -version=N" in failure.todo) == ("E_STORE_DAMAGED", True)
    kv.create_or_update_secret("food_ordering/keys/r1", {"SECRET_KEY": 7}, mount_point="kv")
    assert refused(hashi_vault.open().load).code == "E_STORE_FORMAT"


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"])
def test_a_credential_that_no_header_carries_is_told_by_its_name(aws_secrets_manager, monkeypatch, name):
    monkeypatch.setenv(name, "CANARY\n")
    failure = refused(aws_secrets_manager.open().load)
    assert failure.code == "E_STORE_NEEDS"
    assert f"{name} has a space, or a character that is not printable ASCII" in str(failure)


def test_a_secret_that_is_to_be_deleted_is_told_with_how_to_bring_it_back(aws_secrets_manager, begin):
    before = begin(aws_secrets_manager).open().load()

    def promote_too_late(history: History) -> None:
        aws_secrets_manager.admin.delete_secret(SecretId="food_ordering/keys", RecoveryWindowInDays=7)
        history.promote()

    for call in (
        lambda: change(aws_secrets_manager.open(), promote_too_late),
        aws_secrets_manager.open().load,
        aws_secrets_manager.open().anchor,
        aws_secrets_manager.open().signing_key,
    ):
        failure = refused(call)
        assert (failure.code, failure.changed) == ("E_STORE_DELETION", "Nothing was changed.")
        assert "aws secretsmanager restore-secret --secret-id food_ordering/keys" in failure.todo
    aws_secrets_manager.admin.restore_secret(SecretId="food_ordering/keys")
    assert aws_secrets_manager.open().load() == before


@pytest.mark.thorough
def test_a_full_secret_is_told_loses_nothing_and_has_room_again_after_a_destruction(aws_secrets_manager, monkeypatch):
    """moto has no limit: AWS's 20 labels of a secret are counted here, and refused as AWS does."""
    call = BaseClient._make_api_call

    def limited(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        label = arguments.get("VersionStages") or [arguments.get("VersionStage")]
        if operation in ("PutSecretValue", "UpdateSecretVersionStage"):
            found = call(client, "DescribeSecret", {"SecretId": arguments["SecretId"]}).get("VersionIdsToStages", {})
            if len({*label, *itertools.chain(*found.values())}) > 20:
                raise ClientError({"Error": {"Code": "LimitExceededException", "Message": "CANARY"}}, operation)
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", limited)
    place, done = aws_secrets_manager, []

    def rotate() -> None:
        number = len(done)
        pending = KeySet({"SECRET_KEY": f"CANARY-{number}"})
        change(place.open(), lambda history: history.add_pending(pending, f"r{number}"))
        change(place.open(), History.promote)
        change(place.open(), lambda history: history.close(f"r{number}"))
        done.append(pending)

    def rotate_until_full() -> None:
        while len(done) < 30:
            rotate()

    change(place.open(), lambda history: history.adopt(OLD))
    failure = refused(rotate_until_full)
    assert (failure.code, failure.changed) == ("E_STORE_FULL", "Nothing was changed.")
    found = place.open().load()
    assert (found.open_rotation, found.stage("current").values) == (None, done[-1].values)
    change(place.open(), lambda history: history.destroy(OLD.key_id, compromised=False))
    place.open().destroy_values(f"adopted {OLD.key_id}")
    rotate()
    assert labelled(place)["AWSCURRENT"] == done[-1].values


@pytest.mark.parametrize(
    ("unset", "options", "code"),
    [
        (["AWS_REGION"], {}, "E_STORE_NEEDS"),
        (["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], {}, "E_STORE_LOGIN"),
        ([], {"profile": "nobody"}, "E_STORE_NEEDS"),
        ([], {"region": "no region"}, "E_STORE_NEEDS"),
    ],
)
def test_what_aws_needs_and_has_not_is_told(aws_secrets_manager, monkeypatch, unset, options, code):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in unset:
        monkeypatch.delenv(name)
    assert refused(aws_secrets_manager.open(**options).load).code == code


# As an operator uses them: ansible-playbook and the lookup

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - tetech.key_rotation.key_version: {state: adopted, env_file: "{{ env_file }}", store: "{{ key_rotation_store }}",
        rotation_id: r1, record_dir: "{{ playbook_dir }}/records"}
      register: adopted
    - tetech.key_rotation.key_version: {state: pending, store: "{{ key_rotation_store }}", rotation_id: r1,
        record_dir: "{{ playbook_dir }}/records"}
      register: pending
    - ansible.builtin.copy:
        content: "{{ lookup('tetech.key_rotation.keys', 'SECRET_KEY', 'ENCRYPTION_SALT', stage='pending') | to_json }}"
        dest: "{{ playbook_dir }}/pending"
        mode: "0600"
      no_log: true
      diff: false
    - tetech.key_rotation.key_version: {state: current, store: "{{ key_rotation_store }}", rotation_id: r1,
        record_dir: "{{ playbook_dir }}/records"}
    - tetech.key_rotation.key_version: {state: rolled_back, store: "{{ key_rotation_store }}", rotation_id: r1,
        record_dir: "{{ playbook_dir }}/records"}
    - tetech.key_rotation.key_version:
        state: destroyed
        key_id: "{{ pending.key_id }}"
        census: {key_ids: {pending: "{{ pending.key_id }}"}, targets: [], kept_aside: {}}
        store: "{{ key_rotation_store }}"
        rotation_id: r1
        record_dir: "{{ playbook_dir }}/records"
      register: destroyed
    - ansible.builtin.debug: {var: "{{ item }}"}
      loop: [adopted, pending, destroyed]
    - tetech.key_rotation.key_version: {state: current, store: "{{ key_rotation_store }}", rotation_id: r9,
        record_dir: "{{ playbook_dir }}/records"}
      ignore_errors: true
"""


def play(place: Place, folder: Path, text: str, *options: str, **environment: str) -> str:
    """What ansible-playbook prints, at the verbosity at which it prints most."""
    (folder / "play.yml").write_text(text)
    (folder / "dev").write_text("CANARY-dev\n")
    (folder / "prod").write_text("CANARY-prod\n")
    ids = [f"--vault-id={name}@{folder / name}" for name in ("dev", "prod")]
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", "localhost,", "-vvvvv", "--diff", *ids, *options, "play.yml"],
        cwd=folder,
        env=clean_environment(
            **place.environment,
            **environment,
            ANSIBLE_COLLECTIONS_PATH=str(TREE),
            ANSIBLE_LOG_PATH=str(folder / "log"),
            ANSIBLE_NOCOLOR="1",
            HOME=str(folder),
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_no_key_and_no_credential_is_in_results_output_log_or_record(place, tmp_path):
    (tmp_path / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in OLD.values.items()))
    (tmp_path / ".env").chmod(0o600)
    if place.kind == "hashi_vault":
        may_destroy(place)
    (tmp_path / "vars.json").write_text(
        json.dumps({"key_rotation_store": place.options, "env_file": str(tmp_path / ".env")})
    )
    shown = play(place, tmp_path, PLAY, "-e", f"@{tmp_path / 'vars.json'}")
    made = json.loads((tmp_path / "pending").read_text()).split(",")
    history = place.open().load()
    (left,) = [version for version in history.versions if version.rotation_id == "r1"]
    assert (left.state, left.values, history.stage("current").values) == ("destroyed", {}, OLD.values)
    assert left.key_id in shown
    assert "E_STORE_STAGE" in shown

    made = [value[at : at + 12] for value in made for at in range(len(value) - 11)]
    credentials = [place.options.get("secret_id"), *place.environment.values(), "CANARY-dev", "CANARY-prod"]
    secrets = {secret for secret in (*made, *OLD.values.values(), *credentials) if secret} - {AWS["AWS_REGION"]}
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name not in (".env", "pending", "vars.json", "keys.vault.yml", "dev", "prod"):
            shown += path.read_text(errors="replace")
    assert len(made) == 150
    assert {secret for secret in secrets if secret in shown} == set()


READ = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    key_rotation_store_path: "{{ here }}"
  tasks:
    - ansible.builtin.copy:
        content: "{{ {'one': lookup('tetech.key_rotation.keys', 'SECRET_KEY', stage='current'),
                      'pending': lookup('tetech.key_rotation.keys', 'SECRET_KEY', stage='pending'),
                      'set': lookup('tetech.key_rotation.keys')} | to_json }}"
        dest: "{{ playbook_dir }}/read"
        mode: "0600"
      no_log: true
      diff: false
"""


def test_people_outside_our_roles_read_with_options_from_variables_environment_and_ini(place, begin, tmp_path):
    begin(place)
    options = dict(place.options)
    path = options.pop("path")
    taken = {"url": "VAULT_ADDR", "role_id": "VAULT_ROLE_ID", "secret_id": "VAULT_SECRET_ID"}
    taken = {**taken, "endpoint_url": "AWS_ENDPOINT_URL", "type": "KEY_ROTATION_STORE_TYPE"}
    environment = {variable: options.pop(name) for name, variable in taken.items() if name in options}
    ini = "".join(f"{name} = {value}\n" for name, value in options.items())
    (tmp_path / "ansible.cfg").write_text(f"[key_rotation_store]\n{ini}")
    play(place, tmp_path, READ, "-e", f"here={path}", **environment)
    read = json.loads((tmp_path / "read").read_text())
    values = {"one": OLD.values["SECRET_KEY"], "pending": NEW.values["SECRET_KEY"], "set": OLD.values}
    assert read == values


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


@pytest.mark.parametrize(("kind", "package"), [("hashi_vault", "hvac"), ("aws_secrets_manager", "boto3")])
def test_a_package_that_is_missing_is_named_and_asked_for_only_then(kind, package, vault_file, begin):
    script = (
        "import sys\n"
        f"sys.modules.update({package}=None)\n"
        "from ansible.plugins.loader import init_plugin_loader\n"
        f"init_plugin_loader(['{TREE}'])\n"
        "from ansible.parsing.dataloader import DataLoader\n"
        "from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store\n"
        "assert open_store({'path': '/none'}, {}, DataLoader()).load().versions == []\n"
        "try:\n"
        f"    open_store({{'type': '{kind}', 'path': 'p', 'url': 'https://v'}} if '{package}' == 'hvac' else "
        f"{{'type': '{kind}', 'path': 'p'}}, {{}}, DataLoader())\n"
        "except Exception as exc:\n"
        "    print(exc)\n"
    )
    said = subprocess.run(
        [str(BIN / "python"), "-c", script],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said.stdout.startswith("E_STORE_PACKAGE")
    assert f"the Python package {package} is missing" in said.stdout
