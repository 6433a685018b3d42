# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in entries of a Secret of Kubernetes. The application finds each in its environment, under the name of the key.

All entries change in one request. The API server accepts it only if no one has changed the Secret since it was read.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from .._engine.crypto.key_entry import DestinationOptions
from .._errors.base import RotationError
from .._errors.kubernetes import KubernetesConflict, KubernetesOwner, KubernetesReadback, KubernetesSecret
from .._kubernetes.kubernetes_api import ApiPath, Cluster, Json
from .destination_interface import Delivery, Destination, DestinationChange

KEPT = "{place} still has its previous values."
UNKNOWN = "{place} may have the new values or the previous ones: both are in the key store."


@dataclass(frozen=True)
class SecretPlace:
    """One Secret of a cluster."""

    cluster: Cluster
    namespace: str
    name: str

    @classmethod
    def of(cls, destination: DestinationOptions) -> SecretPlace:
        """The Secret of a destination, as an operator writes it."""
        kubeconfig = os.path.expanduser(destination.get("kubeconfig") or "")
        cluster = Cluster(kubeconfig, destination.get("context") or "")
        return cls(cluster, destination.get("namespace") or "default", destination["secret"])

    @property
    def where(self) -> ApiPath:
        """Return its path, and its name for a person."""
        path = f"/api/v1/namespaces/{quote(self.namespace)}/secrets/{quote(self.name)}"
        return ApiPath(path, f"the Secret {self.namespace}/{self.name}")

    def read(self) -> Json:
        """Return the object. Raise E_KUBERNETES_*."""
        return self.cluster.get(self.where)


class SecretDestination(Destination):
    """Entries of one Secret. ``entries`` has the entry of each key. Raise E_KUBERNETES_*."""

    def __init__(self, secret: SecretPlace, entries: Mapping[str, str]) -> None:
        super().__init__(secret.where.place, list(entries), delivery=Delivery.ENVIRONMENT)
        self.secret = secret
        self._entries = entries

    @property
    def changed_at(self) -> float:
        """Return the time by the clock of the API server, to the second; 0 if it does not say."""
        from .._system.timestamps import seconds_since_1970
        from . import secret_owners

        managed = secret_owners.managed_by(self._metadata(), self._entries.values())
        times = [each.get("time") for each in managed]
        return max((seconds_since_1970(time) for time in times if time), default=0.0)

    def read(self, *, every: bool = True) -> dict[str, str]:
        secret = self.secret.read()
        data = secret.get("data") or {}
        return {
            name: _value(self.secret, data, entry)[0] for name, entry in self._entries.items() if every or entry in data
        }

    def rewritten_by(self) -> str:
        from . import secret_owners

        release = secret_owners.helm_release(self._metadata())
        return f"helm upgrade {release}" if release else ""

    def refuse_unwritable(self) -> None:
        self._refuse_unfit(self.secret.read())

    def change(self, values: Mapping[str, str]) -> DestinationChange | None:
        secret = self.secret.read()
        self._refuse_unfit(secret)
        data = secret["data"]
        new = {
            entry: _encoded(values[name] + _value(self.secret, data, entry)[1]) for name, entry in self._entries.items()
        }
        old = {entry: data[entry] for entry in new}
        return SecretChange(self.secret, old, new) if new != old else None

    def _metadata(self) -> Json:
        metadata: Json = self.secret.read().get("metadata") or {}
        return metadata

    def _refuse_unfit(self, secret: Json) -> None:
        from . import secret_owners

        place = self.place
        if owner := secret_owners.find(secret.get("metadata") or {}, self._entries.values()):
            raise KubernetesOwner(place=place, owner=owner)
        for entry in self._entries.values():
            if secret.get("immutable"):
                raise KubernetesSecret(place=place, entry=entry, fault="cannot be changed: the Secret is immutable")
            _value(self.secret, secret.get("data") or {}, entry)


def _value(secret: SecretPlace, data: Mapping[str, str], entry: str) -> tuple[str, str]:
    """Return the key in an entry, and the line ending after it. Raise E_KUBERNETES_SECRET."""
    if entry not in data:
        raise KubernetesSecret(place=secret.where.place, entry=entry, fault="is not set")
    with contextlib.suppress(binascii.Error, UnicodeDecodeError):
        text = base64.b64decode(data[entry], validate=True).decode("utf-8")
        value = text.rstrip("\r\n")
        if value and value.isprintable():
            return value, text[len(value) :]
    raise KubernetesSecret(place=secret.where.place, entry=entry, fault="is not a text on one line")


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode("utf-8")).decode("ascii")


@dataclass(frozen=True, repr=False)
class SecretChange(DestinationChange):
    """New entries of a Secret."""

    secret: SecretPlace
    old: Mapping[str, str]
    new: Mapping[str, str]

    @property
    def place(self) -> str:
        return self.secret.where.place

    def rehearse(self) -> None:
        """Let the API server check everything without the change: rights, admission, and that no one has changed it."""
        secret = self._read_unchanged()
        if not self._is_switched(secret):
            self._put(secret, dry=True)

    @contextlib.contextmanager
    def prepared(self) -> Iterator[Callable[[], None]]:
        secret = self._read_unchanged()
        yield lambda: self._switch(secret)

    def refuse_difference(self) -> None:
        if not self._is_switched(self.secret.read()):
            raise KubernetesReadback(place=self.place)

    def _entries_of(self, secret: Json) -> dict[str, str | None]:
        return {entry: (secret.get("data") or {}).get(entry) for entry in self.new}

    def _is_switched(self, secret: Json) -> bool:
        return self._entries_of(secret) == self.new

    def _read_unchanged(self) -> Json:
        """Return the Secret if it has the old values, or the new ones, for example because another host wrote them."""
        secret = self.secret.read()
        if self._entries_of(secret) not in (self.old, self.new):
            raise KubernetesConflict(place=self.place)
        return secret

    def _put(self, secret: Json, *, dry: bool = False) -> None:
        new = {**secret, "data": {**secret["data"], **self.new}}
        self.secret.cluster.put(self.secret.where, new, dry=dry)

    def _switch(self, secret: Json) -> None:
        if self._is_switched(secret):
            return
        try:
            self._put(secret)
        except RotationError as exc:
            if there := self._state_after_failure():
                raise exc.with_changed(there.format(place=self.place)) from None

    def _state_after_failure(self) -> str:
        """Return what the Secret has after a failed write or a lost answer. Empty if it has the new values."""
        with contextlib.suppress(RotationError):
            secret = self.secret.read()
            if self._is_switched(secret):
                return ""
            return KEPT if self._entries_of(secret) == self.old else UNKNOWN
        return UNKNOWN
