# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a backup: a JSON document next to the backup, which says what the backup is."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypedDict

from .._engine.postgres.structure import Structure
from .._errors.backup import BackupList, BackupManifest, BackupUndescribed

if TYPE_CHECKING:
    from .._engine.postgres.table_contents import TableCount
    from .._errors.base import ErrorParts
    from .._result_types.backup_types import Proof, SnapshotMoment
    from .database_properties import DatabaseProperties  # it needs the driver, a manifest does not

FORMAT = "tetech.key_rotation backup 2"
PG_DUMP = "pg_dump"
ENGINES = (PG_DUMP, "pgbackrest", "snapshot")
OF_A_DUMP = ("parts", "structure", "facts")  # members that backups by other programs do not have
ManifestDocument = Mapping[str, Any]  # as JSON: from_document gives it types


class KeptSettings(TypedDict):
    """The archive of settings files, and the names of these."""

    path: str
    sha256: str
    files: list[str]


class FailedProof(TypedDict):
    """A proof that a backup did not pass, and the code of the error."""

    kind: str
    time: str
    code: str


class ArchiveFiles(TypedDict):
    """The dump at its place: one file, or a folder with its ``parts``."""

    size: int
    sha256: str
    parts: Sequence[str]


class DumpedData(ArchiveFiles):
    """The contents of the dumped database, and the path of the dump."""

    path: str
    snapshot: SnapshotMoment
    tables: Mapping[str, TableCount]
    structure: Structure


class DumpedServer(TypedDict):
    """The database that was dumped, and its server."""

    database: str
    server: str
    server_version: str
    system_identifier: str | None
    facts: DatabaseProperties | None


class KeptBackup(TypedDict):
    """A backup in a folder, with the path of its manifest."""

    manifest: str
    rotation_id: str
    alias: str
    database: str
    engine: str
    snapshot: SnapshotMoment
    encrypted_to: Sequence[str]
    proof: Proof | None
    key_ids: Sequence[str]
    begun: str
    ended: str


class ListedBackups(TypedDict, total=False):
    """The result of postgresql_backup_info. One that failed has ``msg`` and ``error``."""

    backups: Sequence[KeptBackup]
    msg: str
    error: ErrorParts


@dataclass(frozen=True)
class Manifest:
    """The description of a backup. The fields have the names of the document's members."""

    name: str  # of the manifest without .json; all that it describes begins so
    rotation_id: str
    alias: str
    engine: str
    path: str  # next to the manifest
    snapshot: SnapshotMoment
    begun: str
    ended: str
    database: str = ""
    server: str = ""
    server_version: str | None = None
    system_identifier: str | None = None
    client_version: str | None = None
    size: int = 0  # bytes
    sha256: str | None = None  # of the file; of a folder, of its SHA256SUMS
    parts: Sequence[str] = ()  # the files of a folder, in the order in which they are restored
    encrypted_to: Sequence[str] = ()  # age recipients; without one the dump is not encrypted
    key_ids: Sequence[str] = ()  # versions of the keys without which its rows cannot be read
    tables: Mapping[str, TableCount] = field(default_factory=dict)  # {"schema.table": {rows, hash}}
    structure: Structure = field(default_factory=Structure)
    settings: KeptSettings | None = None
    facts: DatabaseProperties | None = None
    proof: Proof | None = None
    failed: FailedProof | None = None

    @classmethod
    def from_document(cls, name: str, document: ManifestDocument) -> Manifest:
        """Return the manifest of a document that was read as ``name``.json."""
        needed = dict.fromkeys(("rotation_id", "alias", "engine", "path", "begun", "ended"), "")
        known = {member.name: document[member.name] for member in fields(cls) if member.name in document}
        members: ManifestDocument = {**needed, "snapshot": {"time": "", "lsn": None}, **known, "name": name}
        return cls(**members)

    def as_document(self) -> ManifestDocument:
        """The document, without its checksum."""
        members = asdict(self)
        for name in () if self.is_dump else OF_A_DUMP:
            del members[name]
        return {"format": FORMAT, **members}

    def as_kept(self, path: str) -> KeptBackup:
        """The backup as results list it. ``path`` is that of the manifest."""
        return {
            "manifest": path,
            "rotation_id": self.rotation_id,
            "alias": self.alias,
            "database": self.database,
            "engine": self.engine,
            "snapshot": self.snapshot,
            "encrypted_to": self.encrypted_to,
            "proof": self.proof,
            "key_ids": self.key_ids,
            "begun": self.begun,
            "ended": self.ended,
        }

    @property
    def is_dump(self) -> bool:
        """Return whether the backup is a dump, which this collection can restore."""
        return self.engine == PG_DUMP

    @property
    def time(self) -> str:
        """Return the time of the snapshot (UTC)."""
        return self.snapshot["time"]

    @property
    def worth(self) -> tuple[bool, str]:
        """Return the sort key by which a restore prefers a backup: proved ones first, then newer ones."""
        return self.proof is not None, self.time

    @property
    def files(self) -> list[str]:
        """The names of the files that it describes."""
        return [self.path, *self.parts, *([self.settings["path"]] if self.settings else [])] if self.is_dump else []


def written(manifest: Manifest) -> bytes:
    """Return the text of a manifest's file."""
    document = manifest.as_document()
    return json.dumps({**document, "checksum": _checksum(document)}, indent=2).encode() + b"\n"


def read(path: str) -> Manifest | None:
    """Return the manifest in a file, or None if there is no such file. Raise E_BACKUP_MANIFEST."""
    try:
        with open(path, encoding="utf-8") as handle:
            document = json.load(handle)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        raise BackupManifest(path=path, fault="cannot be read") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BackupManifest(path=path, fault=f"does not have the format {FORMAT}")
    if document.pop("checksum", None) not in (None, _checksum(document)):
        raise BackupManifest(path=path, fault="is damaged: its checksum does not match")
    manifest = Manifest.from_document(os.path.basename(path)[: -len(".json")], document)
    if any(os.path.basename(name) != name for name in manifest.files):
        raise BackupManifest(path=path, fault="names files that are not next to it")
    return manifest


def _checksum(document: ManifestDocument) -> str:
    """SHA-256 of what a document says, in the order of its names."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def in_folder(folder: str) -> Iterator[tuple[str, Manifest]]:
    """Yield the manifests in a folder, with their paths. A folder that does not exist has no manifests.

    Raise E_BACKUP_MANIFEST, and E_BACKUP_LIST if the folder cannot be listed.
    """
    folder = os.path.expanduser(folder)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    except FileNotFoundError:
        return
    except OSError as exc:
        raise BackupList(path=folder, reason=exc.strerror) from None
    for path in [os.path.join(folder, name) for name in names]:
        if manifest := read(path):
            yield path, manifest


def refuse_undescribed(folder: str) -> None:
    """Raise E_BACKUP_UNDESCRIBED if a complete dump has no manifest, so that the keys of its rows are unknown."""
    known = {name for _, manifest in in_folder(folder) for name in manifest.files}
    for name in sorted(os.listdir(folder)):
        if name.endswith((".dump", ".dump.age")) and name not in known:
            raise BackupUndescribed(path=os.path.join(folder, name))
