# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key store on a server: an index without values, and the values of each version next to it.

The index is the history with every value left out. It changes by check-and-set only, so that stages, states and
outcomes move in one step, and it is authoritative. The values of a version are put once, under the rotation that
created them, before the index names them. They are never written again.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from .._errors.base import RotationError
from .._errors.store import (
    StoreCleartext,
    StoreConflict,
    StoreDown,
    StoreFormat,
    StoreNeeds,
    StoreNoTls,
    StoreReadback,
    StoreTls,
    StoreValues,
)
from .._options.option_spec import Options
from .._record import sshsig
from .history import History, HistoryDocument, Version, are_values
from .store_interface import UNKNOWN, Store

SENDABLE = re.compile(r"[!-~]*")  # what HTTP clients put into a header and into no other encoding
LOOPBACK = ("localhost", "127.0.0.1", "::1")
TRIES = 2
MOST_SECONDS = 3600
# What versions of OpenSSL say of an answer without TLS, such as one of plain HTTP.
NO_TLS = ("wrong version number", "record layer failure")
ASIDE = "New values are in the store under this rotation. Nothing uses them yet; the same command finds them again."
SIGNING = "record signing"  # the signing key's name among the values: no rotation ID has a blank
UNSURE = (StoreDown, StoreConflict)  # a conflict may be with our own write, that came late
StoreAnswer = dict[str, Any]  # of a server, from its JSON


class ServerStore(Store):
    """The common part of all stores on a server. A subclass reads and writes one index and one set of values."""

    @abc.abstractmethod
    def read_index(self) -> tuple[object, Any]:
        """Return the index, or None if there is none yet, and its revision."""

    @abc.abstractmethod
    def write_index(self, index: HistoryDocument, revision: Any) -> None:
        """Replace the index of that revision only. Raise E_STORE_CONFLICT, and E_STORE_DOWN if the result is
        unknown."""

    @abc.abstractmethod
    def write_values(self, rotation_id: str, values: Mapping[str, str]) -> None:
        """Put values if there are none. Raise E_STORE_CONFLICT, and E_STORE_DOWN if the result is unknown."""

    @abc.abstractmethod
    def show_stages(self) -> None:
        """Repeat the stages of the index where the server's own tools show them.

        The index is authoritative, not this copy. It is read again, since another controller may have changed it.
        """

    @abc.abstractmethod
    def shows(self, history: History) -> bool:
        """Return whether the server's own tools show the stages of this history."""

    @abc.abstractmethod
    def refuse_unsafe(self) -> None:
        """Raise an error if the server, as it is configured, would lose what is put, or cannot be written to."""

    def load(self) -> History:
        history = self._index()
        for version in history.versions:
            if not version.destroyed:
                self._filled(version)
        return history

    def stage(self, stage: str) -> Version:
        return self._filled(self._index().stage(stage))

    def kept_signing_key(self) -> str | None:
        values = self.read_values(SIGNING)
        return None if values is None else values["key"]

    def signing_key(self) -> str:
        key = self.kept_signing_key()
        if key is None:
            self.refuse_unsafe()
            key = sshsig.new_key()
            self._put_values(SIGNING, {"key": key})
        return key

    def _filled(self, version: Version) -> Version:
        values = self.read_values(version.rotation_id)
        if values is None:
            raise StoreValues(path=self.path, key_id=version.key_id)
        if not are_values(values):
            reason = f"the values of {version.key_id} are not texts by name"
            raise StoreFormat(path=self.path, reason=reason)
        version.values = values
        return version

    def _index(self) -> History:
        index, revision = self.read_index()
        history = History(self.path) if index is None else History.from_document(self.path, index)
        history.revision = revision
        return history

    def _save(self, history: History, before: HistoryDocument) -> None:
        self.refuse_unsafe()
        listed = {version["rotation_id"] for version in before["versions"]}
        new = [version for version in history.versions if version.rotation_id not in listed]
        for version in new:
            self._put_values(version.rotation_id, dict(version.values))
        try:
            self._put_index(history, before)
        except RotationError as exc:
            raise exc.with_changed(ASIDE if new and exc.changed_nothing else exc.changed) from None
        try:
            self.show_stages()
        except RotationError as exc:
            raise exc.with_changed(
                "The store was changed; only the stages that other tools show were not updated."
            ) from None

    def _catch_up(self, history: History) -> None:
        if history.versions and not self.shows(history):
            self.refuse_unsafe()
            self.show_stages()

    def _put_values(self, rotation_id: str, values: dict[str, str]) -> None:
        self._put(lambda: self.read_values(rotation_id), lambda: self.write_values(rotation_id, values), values, None)

    def _put_index(self, history: History, before: HistoryDocument) -> None:
        wanted = _without_values(history.as_document())
        self._put(
            lambda: _without_values(self._index().as_document()),
            lambda: self.write_index(wanted, history.revision),
            wanted,
            _without_values(before),
        )

    def _put(self, look: Callable[[], Any], write: Callable[[], None], wanted: Any, before: Any) -> None:
        """Read, write and read again. A put whose answer was lost is found or repeated once, and never overwrites
        another."""
        failure: RotationError | None = None
        for _ in range(TRIES):
            stored = _again(look, failure)
            if stored == wanted:
                return
            if stored != before:
                raise StoreConflict(path=self.path)
            try:
                write()
            except UNSURE as exc:
                failure = exc
            else:
                failure = StoreReadback(path=self.path)
                break
        if failure is not None and _again(look, failure) != wanted:
            raise failure.with_changed(UNKNOWN)


def _again(look: Callable[[], Any], failure: RotationError | None) -> Any:
    """Return what is there now. If it cannot be read after a write, it is unknown whether the write succeeded."""
    try:
        return look()
    except RotationError as exc:
        raise exc.with_changed(exc.changed if failure is None else UNKNOWN) from None


def _without_values(document: HistoryDocument) -> HistoryDocument:
    return {**document, "versions": [{**version, "values": {}} for version in document["versions"]]}


def needed(options: Options, name: str) -> str:
    """Return an option that has no default. Raise E_STORE_NEEDS."""
    if not options[name]:
        raise StoreNeeds(name=name, fault="is not set")
    return str(options[name])


def address(url: str, name: str) -> str:
    """Return host and port of ``url``, the option ``name``, and nothing else that it may hold.

    Raise E_STORE_NEEDS, or E_STORE_CLEARTEXT unless it is https or this machine.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
    except ValueError:
        raise StoreNeeds(name=name, fault="is not an address") from None
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise StoreCleartext(host=parts.hostname or "the store")
    if not parts.hostname:
        raise StoreNeeds(name=name, fault="names no host")
    return f"{parts.hostname}:{port}"


def in_clear(url: str) -> bool:
    """Return whether the connection is unencrypted, so that it must not use a proxy."""
    return not url.lower().startswith("https:")


def tls_failed(server: str, exc: Exception) -> RotationError:
    """Return E_STORE_NO_TLS or E_STORE_TLS for the text of an error of ssl, which is examined and never shown."""
    said = str(exc).lower().replace("_", " ")
    if any(words in said for words in NO_TLS):
        return StoreNoTls(server=server)
    return StoreTls(server=server)


def seconds(options: Options) -> int:
    """Return the option ``timeout``. Raise E_STORE_NEEDS."""
    if not 1 <= options["timeout"] <= MOST_SECONDS:
        raise StoreNeeds(name="timeout", fault=f"is not 1 to {MOST_SECONDS} seconds")
    return int(options["timeout"])


def sendable(name: str, value: str) -> str:
    """Return the value of an option that a header carries. Raise E_STORE_NEEDS if a client would show the value."""
    if not SENDABLE.fullmatch(value):
        fault = "has a space, or a character that is not printable ASCII"
        raise StoreNeeds(name=name, fault=fault)
    return value
