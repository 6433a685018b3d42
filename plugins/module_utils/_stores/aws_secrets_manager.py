# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key store in one secret of AWS Secrets Manager, by boto3.

The values of each version are one version of the secret, a flat JSON object. AWSCURRENT, AWSPENDING and AWSPREVIOUS
then give other readers what they expect. The ID of the version is derived from the rotation ID, and is the idempotency
token of its put. A label of its own keeps it, because AWS deletes versions without a label.

The index is a version too, under the label HISTORY. AWS has no check-and-set, but accepts no other content under an ID
that it has seen. The ID of an index is derived from the ID of the one that it replaces, so that of two successors the
second is refused. A tag of the secret has the head of the newest record.

Source: the API reference of AWS Secrets Manager (PutSecretValue, UpdateSecretVersionStage).
"""

from __future__ import annotations

import contextlib
import functools
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .._errors.base import RotationError
from .._errors.store import (
    StoreConflict,
    StoreDeletion,
    StoreDenied,
    StoreDown,
    StoreForeign,
    StoreFormat,
    StoreFull,
    StoreLogin,
    StoreMissing,
    StoreNeeds,
    StoreRefused,
    StoreStandby,
)
from .._options.option_spec import Options
from .history import History, HistoryDocument
from .server_store import ServerStore, StoreAnswer, address, in_clear, needed, seconds, sendable, tls_failed

with contextlib.suppress(ImportError):  # open_store raises E_STORE_PACKAGE
    import boto3
    import botocore.loaders
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConfigNotFound,
        ConfigParseError,
        ConnectionError,
        HTTPClientError,
        InvalidRegionError,
        NoRegionError,
        ParamValidationError,
        ProfileNotFound,
        SSLError,
    )

    OPTION_OF: dict[type[Exception], str] = {
        InvalidRegionError: "region",
        ProfileNotFound: "profile",
        ConfigParseError: "profile",
        ConfigNotFound: "profile",
        ParamValidationError: "path",
    }

HISTORY = "HISTORY"
ANCHOR = "key_rotation_record"
OURS = "rotation "  # begins the label by which a version of values is kept, and known as ours
# In this order: AWS moves AWSPREVIOUS itself when AWSCURRENT moves.
LABELS = {"pending": "AWSPENDING", "current": "AWSCURRENT", "previous": "AWSPREVIOUS"}
MOST_LABELS = 20  # of all versions of a secret together (quotas of AWS Secrets Manager)
NAMESPACE = uuid.UUID("6f0b6f0e-5a70-5d0c-9d55-2f1d3c1f0a11")
LOGIN = ("ExpiredToken", "UnrecognizedClient", "InvalidSignature", "InvalidClientToken", "SignatureDoesNotMatch")
DENIED = ("AccessDenied", "DecryptionFailure", "EncryptionFailure")  # the last two: the KMS key
DOWN = ("InternalService", "InternalFailure", "Throttling", "ServiceUnavailable", "RequestTimeout")


@functools.cache
def _service_data(folders: str | None) -> Any:
    """Return botocore's description of AWS: megabytes of JSON, which a process reads once for all its stores."""
    return botocore.loaders.create_loader(folders)


def _open_session(profile: str | None, region: str | None) -> Any:
    core = botocore.session.get_session()
    core.set_config_variable("profile", profile)
    core.register_component("data_loader", _service_data(core.get_config_variable("data_path")))
    return boto3.session.Session(botocore_session=core, profile_name=profile, region_name=region)


class SecretsManager(ServerStore):
    """A key store in AWS Secrets Manager. ``options`` are those of the doc fragment key_store.

    The secret must exist already: whoever creates it chooses its KMS key.
    """

    def __init__(self, options: Options, folder: str) -> None:
        self._secret = needed(options, "path")
        self._options = options
        self._seconds = seconds(options)
        self._client: Any = None
        endpoint = options["endpoint_url"]
        where = address(endpoint, "endpoint_url") if endpoint else options["region"] or "the profile's region"
        super().__init__(f"{self._secret} in {where}", folder)

    def read_index(self) -> tuple[object, str]:
        answer = self._read(VersionStage=HISTORY)
        if answer is None:
            self._refuse_foreign(self._described())
            return None, "none"
        return self._content(answer), answer["VersionId"]

    def write_index(self, index: HistoryDocument, revision: str) -> None:
        self._write(_id(f"index after {revision}"), index, HISTORY)

    def read_values(self, rotation_id: str) -> dict[str, str] | None:
        answer = self._read(VersionId=_id(rotation_id))
        return None if answer is None else self._content(answer)

    def write_values(self, rotation_id: str, values: Mapping[str, str]) -> None:
        """Write the values as in the base class.

        Raise also E_STORE_FULL if there is no room left for the labels that this version will need.
        """
        label = f"{OURS}{rotation_id}"
        there = {label for labels in self._described()["VersionIdsToStages"].values() for label in labels}
        if len(there | {label, HISTORY, *LABELS.values()}) > MOST_LABELS:
            raise StoreFull(path=self.path)
        self._write(_id(rotation_id), dict(values), label)

    def destroy_values(self, rotation_id: str) -> None:
        """Take every label away. AWS deletes a version without labels when it likes, and has no call to hasten it."""
        labels = self._described()["VersionIdsToStages"].get(_id(rotation_id), ())
        for label in sorted(labels, key=lambda label: label.startswith(OURS)):  # our own last: by it we know it again
            self._move(label, _id(rotation_id), None)

    def show_stages(self) -> None:
        for label, now, wanted in self._misplaced(self._index()):
            self._move(label, now, wanted)

    def shows(self, history: History) -> bool:
        return next(self._misplaced(history), None) is None

    def _misplaced(self, history: History) -> Iterator[tuple[str, str | None, str | None]]:
        """Yield each label of AWS that does not match its stage: the version that has it, and the version that should
        have it."""
        labelled = self._described()["VersionIdsToStages"]
        for stage, label in LABELS.items():
            now = next((version for version, labels in labelled.items() if label in labels), None)
            key_id = history.stages.get(stage)
            wanted = None if key_id is None else _id(history.version(key_id).rotation_id)
            if wanted != now and (wanted or label != "AWSCURRENT"):  # which AWS does not release
                yield label, now, wanted
                labelled = self._described()["VersionIdsToStages"]  # moving one, AWS may have moved another

    def anchor(self) -> str | None:
        tags = {tag["Key"]: str(tag["Value"]) for tag in self._described().get("Tags", ())}
        return tags.get(ANCHOR)

    def set_anchor(self, head: str) -> None:
        tags = [{"Key": ANCHOR, "Value": head}]
        self._ask("TagResource", lambda client: client.tag_resource(SecretId=self._secret, Tags=tags))

    def refuse_unsafe(self) -> None:
        """Raise E_STORE_STANDBY if the secret is a replica of another region's, E_STORE_FOREIGN as read_index."""
        description = self._described()
        self._refuse_foreign(description)
        region = self._client.meta.region_name
        if description.get("PrimaryRegion", region) != region:
            raise StoreStandby(server=self.path)

    def _refuse_foreign(self, description: StoreAnswer) -> None:
        """Raise E_STORE_FOREIGN if someone else keeps a version here: AWS deletes a version that loses its label to
        ours."""
        for labels in description["VersionIdsToStages"].values():
            if labels and not any(label == HISTORY or label.startswith(OURS) for label in labels):
                raise StoreForeign(path=self.path, labels=", ".join(labels))

    def _described(self) -> StoreAnswer:
        """Return the secret without its values. Raise E_STORE_MISSING, E_STORE_DELETION."""
        description = self._ask("DescribeSecret", lambda client: client.describe_secret(SecretId=self._secret))
        if description is None:
            raise StoreMissing(path=self.path, name=self._secret)
        if description.get("DeletedDate"):
            raise self._deletion()
        return {"VersionIdsToStages": {}, **description}

    def _read(self, **version: str) -> StoreAnswer | None:
        return self._ask("GetSecretValue", lambda client: client.get_secret_value(SecretId=self._secret, **version))

    def _content(self, answer: StoreAnswer) -> dict[str, str]:
        try:
            content: dict[str, str] = json.loads(answer["SecretString"])
        except (KeyError, ValueError):
            raise StoreFormat(path=self.path, reason="a version that is not JSON") from None
        return content

    def _write(self, version_id: str, content: Mapping[str, object], label: str) -> None:
        self._ask(
            "PutSecretValue",
            lambda client: client.put_secret_value(
                SecretId=self._secret,
                ClientRequestToken=version_id,
                SecretString=json.dumps(content),
                VersionStages=[label],
            ),
        )

    def _move(self, label: str, old: str | None, new: str | None) -> None:
        ends = {"RemoveFromVersionId": old, "MoveToVersionId": new}
        self._ask(
            "UpdateSecretVersionStage",
            lambda client: client.update_secret_version_stage(
                SecretId=self._secret, VersionStage=label, **{name: end for name, end in ends.items() if end}
            ),
        )

    def _ask(self, action: str, call: Callable[[Any], StoreAnswer]) -> StoreAnswer | None:
        """Return the answer of AWS, or None if there is no such thing. Turn a refusal into an error of the
        catalog."""
        failure: RotationError | None = None
        try:
            self._client = self._client or self._connected()
            return call(self._client)
        except ClientError as exc:
            code = exc.response["Error"]["Code"]
            if code == "ResourceNotFoundException":
                return None
            failure = self._refused(code, action)
        except BotoCoreError as exc:
            failure = self._failure(exc)
        except ValueError:  # boto3's for an invalid address
            failure = StoreNeeds(name="endpoint_url", fault="is not an address")
        raise failure

    def _connected(self) -> Any:
        options = self._options
        session = _open_session(options["profile"], options["region"])
        if credentials := session.get_credentials():
            frozen = credentials.get_frozen_credentials()
            sendable("AWS_ACCESS_KEY_ID", frozen.access_key or "")
            sendable("AWS_SESSION_TOKEN", frozen.token or "")
        config = Config(
            connect_timeout=self._seconds,
            read_timeout=self._seconds,
            retries={"mode": "standard", "max_attempts": 3},  # safe: every put has its idempotency token
        )
        client = session.client("secretsmanager", endpoint_url=options["endpoint_url"], config=config)
        endpoint = client.meta.endpoint_url  # the profile may have named it
        address(endpoint, "endpoint_url")
        if in_clear(endpoint):
            direct = config.merge(Config(proxies={}))  # a proxy would be given the keys
            client = session.client("secretsmanager", endpoint_url=endpoint, config=direct)
        return client

    def _refused(self, code: str, action: str) -> RotationError:
        """The error of the catalog for an error code of AWS."""
        if code == "ResourceExistsException":
            return StoreConflict(path=self.path)
        if code == "LimitExceededException":
            return StoreFull(path=self.path)
        if code.startswith(LOGIN):
            return self._login_refused("AWS")
        if code.startswith(DENIED):
            return StoreDenied(place=f"secretsmanager:{action} ({code})")
        if code.startswith(DOWN):
            return StoreDown(server=self.path, reason=code)
        if code == "InvalidRequestException" and self._to_be_deleted():
            return self._deletion()
        return StoreRefused(server=self.path, place=f"{action} ({code})")

    def _failure(self, exc: Exception) -> RotationError:
        """The error of the catalog for one of botocore's own."""
        if isinstance(exc, NoRegionError):
            return StoreNeeds(name="region", fault="is not set")
        for kind, name in OPTION_OF.items():
            if isinstance(exc, kind):
                return StoreNeeds(name=name, fault=f"is invalid ({type(exc).__name__})")
        if isinstance(exc, SSLError):
            return tls_failed(self.path, exc)
        if isinstance(exc, (ConnectionError, HTTPClientError)):
            return StoreDown(server=self.path, reason=type(exc).__name__)
        return self._login_refused(type(exc).__name__)

    def _login_refused(self, method: str) -> RotationError:
        wrong = "profile, region or endpoint_url"
        return StoreLogin(server=self.path, method=method, options=wrong)

    def _deletion(self) -> RotationError:
        return StoreDeletion(path=self.path, name=self._secret)

    def _to_be_deleted(self) -> bool:
        """Return whether AWS refuses the request because the secret will be deleted. AWS has no code of its own for
        that."""
        try:
            return bool(self._client.describe_secret(SecretId=self._secret).get("DeletedDate"))
        except (ClientError, BotoCoreError):
            return False


def _id(name: str) -> str:
    return str(uuid.uuid5(NAMESPACE, name))
