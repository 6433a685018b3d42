# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole rotation and its rollback with the versions of the keys on a server, nothing of them in files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

from .conftest import Site
from .servers import openbao_dev, secrets_manager, set_up

AWS = {"AWS_ACCESS_KEY_ID": "CANARY-access", "AWS_SECRET_ACCESS_KEY": "CANARY-secret", "AWS_REGION": "eu-west-1"}


@contextmanager
def on_openbao(folder: Path) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """The options and the environment of the AppRole that examples/stores/openbao-setup.sh makes."""
    with openbao_dev(folder) as admin:
        approle = set_up(admin)
        options = {"type": "hashi_vault", "mount": "kv", "path": "food_ordering/keys", "auth_method": "approle"}
        yield options, {"VAULT_ADDR": admin.url, **{f"VAULT_{name.upper()}": value for name, value in approle.items()}}


@contextmanager
def on_secrets_manager(folder: Path) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    with secrets_manager(folder) as url:
        keys = {"aws_access_key_id": "CANARY-access", "aws_secret_access_key": "CANARY-secret"}
        boto3.client("secretsmanager", endpoint_url=url, region_name="eu-west-1", **keys).create_secret(Name="keys")
        yield {"type": "aws_secrets_manager", "path": "keys"}, {**AWS, "AWS_ENDPOINT_URL": url}


@pytest.mark.thorough  # the story rotate has its keys in OpenBao
@pytest.mark.parametrize("on_server", [on_openbao, on_secrets_manager])
def test_keys_on_a_server_are_rotated_and_rolled_back(site: Site, on_server, tmp_path_factory):
    before, plain = site.env_values(), site.read_all()
    with on_server(tmp_path_factory.mktemp("server")) as (options, environment):
        site.write_inventory(key_rotation_store=options)
        rotated = site.play("rotate", **environment)
        assert rotated.code == 0, rotated.text
        new = site.env_values()
        assert not set(new.values()) & set(before.values())
        assert site.read_all() == plain

        back = site.play("rollback", **environment)
        assert back.code == 0, back.text
        assert site.env_values() == before
        assert site.read_all() == plain
    assert not site.store.exists()
    kept = "".join(
        content.decode(errors="replace") for path, (_, content) in site.files().items() if ".env" not in path
    )
    secrets = [*before.values(), *new.values(), *environment.values()]
    shown = rotated.text + back.text + kept
    assert [value for value in secrets if value in shown and not value.startswith(("http", "eu-"))] == []
