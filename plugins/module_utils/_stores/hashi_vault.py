# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key store in HashiCorp Vault or OpenBao, in a KV secrets engine of version 2, by hvac.

``PATH`` is the index. ``PATH/ROTATION_ID`` has the values of one version, written once with cas=0. So max_versions
never drops any, a policy without ``update`` prevents overwriting, and ``destroy`` removes the values of one version
only.

The stages are not kept in custom metadata, because HashiCorp Vault has no check-and-set for it. Nor are they KV
versions of one path: whoever reads that without a version would get the pending keys. Custom metadata of the index
repeats the stages for people and monitors, and has the head of the newest record.

The form of the answers is that of the KV version 2 API in the Vault documentation, as seen on OpenBao 2.7.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from .._errors.base import RotationError
from .._errors.store import (
    StoreConflict,
    StoreDeleted,
    StoreDenied,
    StoreDown,
    StoreExpires,
    StoreFormat,
    StoreKvVersion,
    StoreLogin,
    StoreMount,
    StoreNeeds,
    StoreRefused,
    StoreSealed,
    StoreStandby,
)
from .._options.option_spec import Options
from .._record.rotation_id import is_plain
from .._system import atomic_file
from .history import STAGES, History, HistoryDocument
from .server_store import ServerStore, StoreAnswer, address, in_clear, needed, seconds, sendable, tls_failed

with contextlib.suppress(ImportError):  # open_store raises E_STORE_PACKAGE
    import hvac
    import requests
    from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, Unauthorized, VaultError, VaultNotInitialized

ANCHOR = "record"
NO_ADDRESS = {"v1", "ui"}  # a proxy may have the server below a path, and below that are its API and its pages
KUBERNETES_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
# What a server says that is there, and is not the one that writes (vault/request_handling.go, sdk/logical/error.go).
STANDBY = ("not active", "standby", "read-only", "readonly", "secondary")


def _token(client: hvac.Client, options: Options) -> Any:
    token = sendable("token", options["token"] or "")
    return {"auth": {"client_token": token or _content(options, "token_file", "token (VAULT_TOKEN)")}}


def _approle(client: hvac.Client, options: Options) -> Any:
    role_id, mount = needed(options, "role_id"), options["auth_mount"]
    return client.auth.approle.login(role_id, options["secret_id"], use_token=False, mount_point=mount)


def _jwt(client: hvac.Client, options: Options) -> Any:
    jwt = options["jwt"] or _content(options, "jwt_file")
    return client.auth.jwt.jwt_login(needed(options, "role"), jwt, use_token=False, path=options["auth_mount"])


def _kubernetes(client: hvac.Client, options: Options) -> Any:
    jwt = options["jwt"] or _content({"jwt_file": options["jwt_file"] or KUBERNETES_TOKEN}, "jwt_file")
    role, mount = needed(options, "role"), options["auth_mount"]
    return client.auth.kubernetes.login(role, jwt, use_token=False, mount_point=mount)


def _cert(client: hvac.Client, options: Options) -> Any:
    certificate, key = needed(options, "client_cert"), needed(options, "client_key")
    role, mount = options["role"] or "", options["auth_mount"]
    return client.auth.cert.login(role, cert_pem=certificate, key_pem=key, mount_point=mount, use_token=False)


# What the server answers to a login.
LOGINS: dict[str, Callable[[hvac.Client, Options], Any]] = {
    "token": _token,
    "approle": _approle,
    "jwt": _jwt,
    "kubernetes": _kubernetes,
    "cert": _cert,
}
FILES = ("ca_cert", "client_cert", "client_key")


class HashiVault(ServerStore):
    """A key store in HashiCorp Vault or OpenBao. ``options`` are those of the doc fragment key_store.

    It logs in at the first request.
    """

    def __init__(self, options: Options, folder: str) -> None:
        self._server = address(needed(options, "url"), "url")
        if NO_ADDRESS & set(urlsplit(options["url"]).path.split("/")):
            fault = "has a path that does not belong to the address: remove /v1 or /ui and everything after it"
            raise StoreNeeds(name="url", fault=fault)
        if options["auth_method"] not in LOGINS:
            raise StoreNeeds(name="auth_method", fault=f"is not one of {', '.join(LOGINS)}")
        self._secret = str(needed(options, "path")).strip("/")
        self._mount = str(options["mount"]).strip("/")
        files = {name: os.path.expanduser(options[name]) for name in FILES if options[name]}
        self._options = {**options, **files, "auth_mount": options["auth_mount"] or options["auth_method"]}
        self._seconds = seconds(options)
        self._client: hvac.Client | None = None
        super().__init__(f"{self._mount}/{self._secret} on {self._server}", folder)

    def read_index(self) -> tuple[object, int]:
        index, metadata = self._read(self._secret)
        if not metadata:
            self._refuse_mount()
        elif index is None:
            raise StoreDeleted(mount=self._mount, secret=self._secret)
        return index, metadata.get("version", 0)

    def write_index(self, index: HistoryDocument, revision: int) -> None:
        self._write(self._secret, index, revision)

    def read_values(self, rotation_id: str) -> dict[str, str] | None:
        secret = self._place(rotation_id)
        values, metadata = self._read(secret)
        if values is None and metadata and not metadata["destroyed"]:
            raise StoreDeleted(mount=self._mount, secret=secret)
        return values

    def write_values(self, rotation_id: str, values: Mapping[str, str]) -> None:
        self._write(self._place(rotation_id), dict(values), 0)

    def destroy_values(self, rotation_id: str) -> None:
        secret = self._place(rotation_id)
        self._ask(
            f"{self._mount}/destroy/{secret}",
            lambda client: client.secrets.kv.v2.destroy_secret_versions(secret, [1], mount_point=self._mount),
        )

    def show_stages(self) -> None:
        self._show(_members(self._index()))

    def shows(self, history: History) -> bool:
        return _members(history).items() <= self._read_metadata().items()

    def anchor(self) -> str | None:
        return self._read_metadata().get(ANCHOR)

    def set_anchor(self, head: str) -> None:
        self._show({ANCHOR: head})

    def _read_metadata(self) -> dict[str, str]:
        """The custom metadata of the index."""
        answer = self._ask(
            f"{self._mount}/metadata/{self._secret}",
            lambda client: client.secrets.kv.v2.read_secret_metadata(self._secret, mount_point=self._mount),
        )
        return dict((answer.get("data") or {}).get("custom_metadata") or {})

    def _show(self, members: Mapping[str, str]) -> None:
        shown = {**self._read_metadata(), **members}  # what is written replaces all of it
        self._ask(
            f"{self._mount}/metadata/{self._secret}",
            lambda client: client.secrets.kv.v2.update_metadata(
                self._secret, custom_metadata=shown, mount_point=self._mount
            ),
        )

    def unwritable(self) -> str | None:
        """Return the missing rights of the token. The policy `default` of both servers lets it ask
        (sys/capabilities-self)."""
        paths = [f"{self._mount}/data/{self._secret}", f"{self._mount}/data/{self._secret}/-"]
        try:
            capabilities = self._ask("sys/capabilities-self", lambda client: client.sys.get_capabilities(paths=paths))
        except StoreDenied:
            return None
        denied = [path for path in paths if capabilities.get(path) and not {"create", "root"} & set(capabilities[path])]
        return f"this login may not write {' and '.join(denied)}" if denied else None

    def refuse_unsafe(self) -> None:
        """Raise E_STORE_EXPIRES if the mount or the index deletes what is put after a time."""
        asked = {
            f"{self._mount}/config": lambda client: client.secrets.kv.v2.read_configuration(mount_point=self._mount),
            f"{self._mount}/metadata/{self._secret}": lambda client: client.secrets.kv.v2.read_secret_metadata(
                self._secret, mount_point=self._mount
            ),
        }
        for place, call in asked.items():
            after = self._ask(place, call).get("data", {}).get("delete_version_after", "0s")
            if after != "0s":
                raise StoreExpires(place=place, after=after)

    def _place(self, rotation_id: str) -> str:
        """Return the path of a version's values. Raise E_STORE_FORMAT: no other path is ever built from an ID."""
        names = rotation_id.split(" ")
        if not all(map(is_plain, names)):
            raise StoreFormat(path=self.path, reason="a version with an invalid rotation ID")
        return f"{self._secret}/{'~'.join(names)}"  # no rotation's id has a ~

    def _read(self, secret: str) -> tuple[StoreAnswer | None, StoreAnswer]:
        """Return data and metadata of the newest KV version. Without data if it was deleted, without both if there is
        none."""
        answer = self._ask(
            f"{self._mount}/data/{secret}",
            lambda client: client.secrets.kv.v2.read_secret_version(
                secret, mount_point=self._mount, raise_on_deleted_version=True
            ),
        )
        body = answer.get("data") or {}
        metadata = body.get("metadata") or {}
        if metadata.get("deletion_time") and body.get("data") is not None:
            raise StoreExpires(place=f"{self._mount}/{secret}", after=metadata["deletion_time"])
        return body.get("data"), metadata

    def _write(self, secret: str, data: Mapping[str, object], cas: int) -> None:
        self._ask(
            f"{self._mount}/data/{secret}",
            lambda client: client.secrets.kv.v2.create_or_update_secret(secret, data, cas=cas, mount_point=self._mount),
        )

    def _refuse_mount(self) -> None:
        """Raise E_STORE_MOUNT or E_STORE_KV_VERSION unless the mount is a KV engine of version 2."""
        place = f"sys/internal/ui/mounts/{self._mount}/{self._secret}"
        try:
            mount = self._ask(place, lambda client: client.adapter.get(f"/v1/{place}")).get("data") or {}
        except StoreDenied:
            mount = {}  # the server does not say whether it is missing or not allowed
        if mount.get("type") != "kv":
            raise StoreMount(mount=self._mount, server=self._server)
        if (mount.get("options") or {}).get("version") != "2":  # a mount created as plain kv has no version
            raise StoreKvVersion(mount=self._mount)

    def _ask(self, place: str, call: Callable[[hvac.Client], Any]) -> StoreAnswer:
        """Return the answer of the server, empty if it has none. Turn a refusal into an error of the catalog."""
        failure: RotationError | None = None
        try:
            self._client = self._client or self._login()
            answer = call(self._client)
        except InvalidPath as exc:
            answer = exc.json or {}
        except (VaultError, requests.RequestException) as exc:
            failure = self._failure(exc, place)
        if failure is not None:
            raise failure
        return self._read_answer(answer)

    def _read_answer(self, answer: Any) -> StoreAnswer:
        """Return the content of an answer, empty if it has none. Raise E_STORE_STANDBY if it leads elsewhere."""
        if isinstance(answer, dict):
            return answer
        if 300 <= answer.status_code < 400:
            raise StoreStandby(server=self._server)
        return {}

    def _login(self) -> hvac.Client:
        options = self._options
        for name in FILES:
            if options[name] and not os.path.isfile(options[name]):
                raise StoreNeeds(name=name, fault=f"({options[name]}) is not a file")
        sendable("namespace", options["namespace"] or "")
        client = hvac.Client(
            url=options["url"],
            token="",
            namespace=options["namespace"],
            verify=options["ca_cert"] or True,
            cert=(options["client_cert"], options["client_key"]) if options["client_cert"] else None,
            timeout=self._seconds,
            allow_redirects=False,  # a redirect would carry the token to another host
        )
        client.session.trust_env = not in_clear(options["url"])  # a proxy would be given the token
        try:
            answer = self._read_answer(LOGINS[options["auth_method"]](client, options))
        except (InvalidPath, InvalidRequest, Forbidden, Unauthorized):
            raise self._login_refused() from None
        client.token = (answer.get("auth") or {}).get("client_token")
        if not client.token:
            raise self._login_refused()
        return client

    def _login_refused(self) -> RotationError:
        method, wrong = self._options["auth_method"], "auth_mount, role or namespace"
        return StoreLogin(server=self._server, method=method, options=wrong)

    def _failure(self, exc: Exception, place: str) -> RotationError:
        """Return the error of the catalog for an error of hvac or requests. Their texts are examined and never
        shown."""
        said = " ".join(getattr(exc, "errors", None) or ()).lower()
        if isinstance(exc, requests.exceptions.SSLError):
            return tls_failed(self._server, exc)
        if any(word in said for word in STANDBY):
            return StoreStandby(server=self._server)
        if "sealed" in said or isinstance(exc, VaultNotInitialized):
            return StoreSealed(server=self._server)
        if isinstance(exc, (Forbidden, Unauthorized)):
            return StoreDenied(place=place) if self._token_lives() else self._login_refused()
        if "check-and-set" in said:
            return StoreConflict(path=self.path)
        if isinstance(exc, InvalidRequest):
            return StoreRefused(server=self._server, place=place)
        return StoreDown(server=self._server, reason=type(exc).__name__)

    def _token_lives(self) -> bool:
        """Return whether the server knows the token. It answers 403 both to an expired token and to one without the
        right."""
        try:
            return bool(self._client and self._client.auth.token.lookup_self())
        except (VaultError, requests.RequestException):
            return False


def _members(history: History) -> dict[str, str]:
    """Return the stages for custom metadata, which can only hold texts."""
    return {stage: history.stages.get(stage, "none") for stage in STAGES}


def _content(options: Options, name: str, instead_of: str = "") -> str:
    """Return the content of the file that an option names. Raise E_STORE_NEEDS."""
    path = os.path.expanduser(needed(options, name))
    try:
        return sendable(name, atomic_file.read(path).decode("ascii", "replace").strip())
    except (OSError, ValueError):
        fault = f"({path}) cannot be read" + (f", and {instead_of} is not set" if instead_of else "")
        raise StoreNeeds(name=name, fault=fault) from None
