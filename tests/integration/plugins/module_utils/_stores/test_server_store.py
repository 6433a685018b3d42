# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a store on a server, beyond what every store does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import History

from ....servers import answering, losing
from .store_contract import AWS, NEW, OLD, THIRD, Place, change, refused


def test_of_two_control_nodes_the_second_is_refused_and_overwrites_nothing(server, begin):
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
    server.take_every_right()  # the check-and-set holds where no policy does
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


@pytest.mark.parametrize("what", ["values", "index"])
@pytest.mark.parametrize("deliver", [False, True])
def test_a_put_whose_answer_is_lost_is_looked_for_before_it_is_tried_again(server, what, deliver):
    change(server.open(), lambda history: history.adopt(OLD))
    lost = [server.puts[what]]
    with losing(server.options[server.address], lost, deliver=deliver) as proxy:
        change(server.open(**{server.address: proxy}), lambda history: history.add_pending(NEW, "r1"))
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


def test_the_application_s_keys_that_a_run_put_aside_before_it_died_block_nobody(server):
    server.open().write_values(f"adopted {OLD.key_id}", OLD.values)  # killed here, and the .env changed since
    change(server.open(), lambda history: history.adopt(NEW))
    assert server.open().load().stage("current").values == NEW.values


def test_a_server_that_is_down_is_reported(server):
    server.take_every_right()
    with answering((200, {})) as (gone, _):
        pass
    failure = refused(server.open(**{server.address: gone}).load)
    assert (failure.code, failure.changed) == ("E_STORE_DOWN", "Nothing was changed.")


def test_what_goes_unencrypted_to_this_machine_goes_through_no_proxy(server, begin, monkeypatch):
    """It would be given the token, and the keys."""
    with answering((200, {})) as (proxy, asked), monkeypatch.context() as patch:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            patch.setenv(name, proxy)
        begin(server)
    assert asked == []
    assert server.open().load().stage("pending").values == NEW.values


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


def test_keys_do_not_travel_unencrypted(loader_of_ids):
    for options in (
        {"type": "hashi_vault", "url": "http://vault.example.com"},
        {"type": "hashi_vault", "url": "CANARY:CANARY@vault.example.com:8200"},
        {"type": "aws_secrets_manager", "endpoint_url": "http://aws.example.com"},
    ):
        assert refused(Place({"path": "p", **options}, loader_of_ids).open).code == "E_STORE_CLEARTEXT"


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
def test_an_address_or_a_time_that_is_invalid_is_named(loader_of_ids, wrong, name):
    options = {"type": "hashi_vault", "path": "p", "url": "https://v", **wrong}
    if options["type"] == "aws_secrets_manager":
        del options["url"]
    failure = refused(Place(options, loader_of_ids).open)
    assert (failure.code, failure.where["name"]) == ("E_STORE_NEEDS", name)


@pytest.mark.parametrize(
    "options",
    [
        {"type": "hashi_vault", "url": "{}", "token": "CANARY"},
        {"type": "hashi_vault", "url": "{}", "auth_method": "approle", "role_id": "r", "secret_id": "CANARY"},
        {"type": "aws_secrets_manager", "endpoint_url": "{}"},
    ],
)
def test_a_server_without_tls_under_an_https_address_has_no_wrong_certificate(loader_of_ids, monkeypatch, options):
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    with answering((200, {})) as (url, _):
        there = {name: value.format(url.replace("http:", "https:")) for name, value in options.items()}
        failure = refused(Place({**there, "path": "p"}, loader_of_ids).open().load)
    assert (failure.code, failure.where["server"].endswith(url.removeprefix("http://"))) == ("E_STORE_NO_TLS", True)
