# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS Secrets Manager, beyond the contract of every store."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores import aws_secrets_manager as aws
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import History
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.server_store import SIGNING
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from ....servers import answering
from .store_contract import AWS, EXAMPLES, NEW, OLD, THIRD, Place, change, refused


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


def test_a_label_that_somebody_else_has_is_not_taken_if_nothing_is_to_be_changed(aws_secrets_manager, begin):
    begin(aws_secrets_manager)
    aws_secrets_manager.admin.put_secret_value(SecretId="food_ordering/keys", SecretString='{"a": "CANARY"}')
    assert refused(change, aws_secrets_manager.open(), lambda history: None).code == "E_STORE_FOREIGN"
    assert labelled(aws_secrets_manager)["AWSCURRENT"] == {"a": "CANARY"}


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


def test_an_address_that_the_profile_names_is_looked_at_too(loader_of_ids, monkeypatch, tmp_path):
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://127.0.0.2:1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    options = {"type": "aws_secrets_manager", "path": "food_ordering/keys", "timeout": 2}
    assert refused(Place(options, loader_of_ids).open().load).code == "E_STORE_CLEARTEXT"


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


def test_a_secret_that_nobody_made_is_reported_with_how_to_make_it(aws_secrets_manager):
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
def test_what_aws_refuses_is_reported_and_nothing_is_changed(aws_secrets_manager, said, code):
    """moto refuses nobody: a server that answers as AWS does stands for it."""
    with answering((400, {"__type": said, "message": "CANARY"})) as (url, asked):
        failure = refused(change, aws_secrets_manager.open(endpoint_url=url), History.promote)
    assert (failure.code, failure.changed) == (code, "Nothing was changed.")
    looked = ["DescribeSecret"] if said == "InvalidRequestException" else []  # for a deletion, which this is none
    actions = {f"secretsmanager.{action}" for action in ["GetSecretValue", *looked]}
    assert {target["X-Amz-Target"] for _, _, target in asked} == actions
    assert (code != "E_STORE_LOGIN") or "profile, region or endpoint_url" in failure.todo


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"])
def test_a_credential_that_no_header_carries_is_reported_by_its_name(aws_secrets_manager, monkeypatch, name):
    monkeypatch.setenv(name, "CANARY\n")
    failure = refused(aws_secrets_manager.open().load)
    assert failure.code == "E_STORE_NEEDS"
    assert f"{name} has a space, or a character that is not printable ASCII" in str(failure)


def test_a_secret_that_will_be_deleted_is_reported_with_how_to_restore_it(aws_secrets_manager, begin):
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
def test_a_full_secret_is_reported_loses_nothing_and_has_room_again_after_a_destruction(
    aws_secrets_manager, monkeypatch
):
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
def test_what_aws_needs_and_has_not_is_reported(aws_secrets_manager, monkeypatch, unset, options, code):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in unset:
        monkeypatch.delenv(name)
    assert refused(aws_secrets_manager.open(**options).load).code == code
