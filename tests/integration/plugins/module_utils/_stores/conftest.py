# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places of the stores, one fixture a kind, on the real server. Moto's server replaces AWS."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import hvac
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret

from ....servers import clean_environment, openbao_dev, secrets_manager, set_up
from .store_contract import AWS, KINDS, NEW, OLD, SERVERS, Place, refused


class HashiVaultPlace(Place):
    """Its login is the AppRole that has examples/stores/openbao-policy.hcl."""

    def take_every_right(self) -> None:
        self.options.update(auth_method="token", token=self.admin.token, role_id=None, secret_id=None)

    def may_destroy(self) -> None:
        assert refused(self.open().destroy_values, f"adopted {OLD.key_id}").code == "E_STORE_DENIED"
        login = {"token_policies": ["key-rotation", "key-rotation-destroy"], "secret_id_num_uses": 0}
        self.admin.auth.approle.create_or_update_approle("destroyer", **login)
        role_id = self.admin.auth.approle.read_role_id("destroyer")["data"]["role_id"]
        secret_id = self.admin.auth.approle.generate_secret_id("destroyer")["data"]["secret_id"]
        self.options.update(role_id=role_id, secret_id=secret_id)

    def value_secrets(self) -> list[str]:
        """The secrets below that of the index: one a version, and the key that signs records."""
        path = self.options["path"]
        try:
            found = self.admin.secrets.kv.v2.list_secrets(path, mount_point="kv")["data"]["keys"]
        except hvac.exceptions.InvalidPath:
            return []
        return [f"{path}/{name}" for name in found]


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
def loader_of_ids() -> DataLoader:
    """Ansible started with two vault ids."""
    started = DataLoader()
    started.set_vault_secrets([("dev", VaultSecret(b"CANARY-dev")), ("prod", VaultSecret(b"CANARY-prod"))])
    return started


@pytest.fixture
def vault_file(loader_of_ids: DataLoader, tmp_path: Path) -> Place:
    return Place({"path": str(tmp_path / "store" / "keys.vault.yml"), "vault_id": "prod"}, loader_of_ids)


@pytest.fixture
def hashi_vault(loader_of_ids: DataLoader, openbao: tuple[hvac.Client, dict[str, str]]) -> Iterator[HashiVaultPlace]:
    """With nothing in the paths that its policy names."""
    admin, approle = openbao
    options = {"type": "hashi_vault", "url": admin.url, "mount": "kv", "path": "food_ordering/keys"}
    made = HashiVaultPlace({**options, "auth_method": "approle", **approle}, loader_of_ids, admin=admin)
    made.address, made.puts = "url", {"values": "/keys/r1", "index": "/keys"}
    yield made
    for path in ["food_ordering/keys", *made.value_secrets()]:
        admin.secrets.kv.v2.delete_metadata_and_all_versions(path, mount_point="kv")


@pytest.fixture
def aws_secrets_manager(loader_of_ids: DataLoader, moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """An empty secret, as an administrator makes it."""
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    admin = boto3.client("secretsmanager", endpoint_url=moto, region_name=AWS["AWS_REGION"])
    admin.create_secret(Name="food_ordering/keys")
    options = {"type": "aws_secrets_manager", "path": "food_ordering/keys", "endpoint_url": moto}
    made = Place(options, loader_of_ids, AWS, admin)
    made.address, made.puts = "endpoint_url", {"values": "PutSecretValue", "index": "PutSecretValue"}
    yield made
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
