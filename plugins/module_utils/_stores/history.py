# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of a key set: its versions, and the stage of each. Every store keeps it, each in its own form.

The stages are named as in AWS Secrets Manager. The states are those of NIST SP 800-57 part 1, section 7:
pre-activation, active, deactivated, destroyed, destroyed compromised. The last is revision 4's word for what revision 5
records as an attribute.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict, cast

from .._engine.crypto.key_entry import KeyEntries, without_unset
from .._engine.crypto.key_set import KeySet, split_list
from .._engine.crypto.key_transitions import last_change, of_stages
from .._errors.approval import ApprovalUsed
from .._errors.base import word
from .._errors.keys import KeyReused, PreviousDestroyed, VersionNeeded
from .._errors.run import NothingToRollBack, NotLastRotation, RotationRolledBack
from .._errors.store import StoreDamaged, StoreFormat, StoreStage, VersionUnknown
from .._record.approval import Approval
from .._record.rotation_id import checked
from .._result_types.key_types import VersionDescription, VersionFields
from .._system.timestamps import add_days, now

STAGES = ("current", "pending", "previous")
# What to do if no version has the requested stage.
ADVICE = {
    "current": "Run the rotate playbook first.",
    "pending": "It exists only during a rotation.",
    "previous": "It exists after a rotation until its values are destroyed.",
}
NO_STAGE = f"Use one of: {', '.join(STAGES)}."
FORMAT = 1
COMPLETED = "completed"
ROLLED_BACK = "rolled back"
COMPROMISED = "destroyed compromised"
EXPOSED = "compromised"  # and still in the store, since values or backups may need it


@dataclass
class Version:
    """One set of values. ``outcome`` is how the rotation that created it ended; None while it is open.

    Of a destroyed version, everything except the values is kept.
    """

    key_id: str
    rotation_id: str
    origin: str  # generated, or adopted from the application's .env
    state: str
    created: str
    outcome: str | None  # completed, or rolled back
    values: Mapping[str, str] = field(repr=False)
    destroyed: str | None = None  # when
    listed: KeyEntries = field(default_factory=list)  # its keys, as the operator listed them: name, destination, type

    @property
    def keys(self) -> KeySet:
        return KeySet(self.values)

    @property
    def is_compromised(self) -> bool:
        """Return whether it is compromised and not yet destroyed."""
        return self.state == EXPOSED

    def enter(self, state: str) -> None:
        """Change its state. One that is compromised stays so, even if it is in use again."""
        self.state = EXPOSED if self.state == EXPOSED else state

    def refuse_damaged(self, path: str) -> None:
        """Raise E_STORE_DAMAGED if its values are not those that were put under its key ID."""
        if not self.destroyed and self.keys.key_id != self.key_id:
            raise StoreDamaged(path=path, key_id=self.key_id, rotation_id=self.rotation_id)

    def described(self, stage: str | None) -> VersionDescription:
        """Return all of it except the values, with their places and its stage."""
        return {
            "key_id": self.key_id,
            "rotation_id": self.rotation_id,
            "origin": self.origin,
            "state": self.state,
            "created": self.created,
            "outcome": self.outcome,
            "destroyed": self.destroyed,
            "stage": stage,
        }


class VersionDocument(VersionFields):
    """A version as a store keeps it."""

    values: Mapping[str, str]
    listed: KeyEntries


class _WholeDocument(TypedDict):
    format: int
    stages: dict[str, str]
    versions: list[VersionDocument]


class HistoryDocument(_WholeDocument, total=False):
    """The history as a store keeps it. Only a store in one file has its ``record``."""

    record: dict[str, str]
    approvals: dict[str, str]


class HostKeySets(TypedDict):
    """The key sets for a host: the values and the key ID of each version by its stage.

    ``base`` is the stage that all values are under before a rotation. A version without a stage is ``older-`` with its
    key ID.
    """

    key_sets: dict[str, dict[str, str]]
    key_set_ids: dict[str, str]
    base: str


@dataclass
class History:
    """All versions, oldest first, and the key ID of each stage. ``path`` is its place, for errors.

    ``revision`` lets its store detect that someone else changed it.
    """

    path: str
    versions: list[Version] = field(default_factory=list)
    stages: dict[str, str] = field(default_factory=dict)
    revision: Any = field(default=None, compare=False, repr=False)
    record: dict[str, str] = field(default_factory=dict, repr=False)  # what a store in one file keeps for the record
    approvals: dict[str, str] = field(default_factory=dict)  # by the digest of each that was used, its rotation

    def described(self) -> list[VersionDescription]:
        """Every version without its values."""
        stages = {key_id: stage for stage, key_id in self.stages.items()}
        return [version.described(stages.get(version.key_id)) for version in self.versions]

    @classmethod
    def from_document(cls, path: str, document: Any) -> History:
        """Return the history as it was stored. Raise E_STORE_FORMAT."""
        try:
            if document["format"] != FORMAT:
                raise StoreFormat(path=path, reason=f"format {int(document['format'])}")
            versions = [Version(**version) for version in document["versions"]]
            stages = {stage: str(key_id) for stage, key_id in document["stages"].items() if stage in STAGES}
            record, approvals = (
                {name: str(value) for name, value in document.get(kept, {}).items()} for kept in ("record", "approvals")
            )
            fault = _wrong_with(versions, stages)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise StoreFormat(path=path, reason="members missing") from None
        if fault:
            raise StoreFormat(path=path, reason=fault)
        return cls(path, versions, stages, record=record, approvals=approvals)

    def as_document(self) -> HistoryDocument:
        """The history as a store keeps it, values included."""
        versions = [cast("VersionDocument", asdict(version)) for version in self.versions]
        document: HistoryDocument = {"format": FORMAT, "stages": dict(self.stages), "versions": versions}
        if self.record:
            document["record"] = dict(self.record)
        if self.approvals:
            document["approvals"] = dict(self.approvals)
        return document

    def refuse_damaged(self) -> None:
        """Raise E_STORE_DAMAGED if a version that has a stage has other values than were put."""
        for key_id in self.stages.values():
            self.version(key_id).refuse_damaged(self.path)

    def version(self, key_id: str) -> Version:
        """Return the version with this key ID. Raise E_VERSION_UNKNOWN."""
        for version in self.versions:
            if version.key_id == key_id:
                return version
        raise VersionUnknown(path=self.path, key_id=key_id)

    def stage(self, stage: str) -> Version:
        """Return the version that has ``stage``. Raise E_STORE_STAGE."""
        if stage not in self.stages:
            raise StoreStage(path=self.path, stage=word(stage), advice=ADVICE.get(stage, NO_STAGE))
        return self.version(self.stages[stage])

    @property
    def values_in_use(self) -> Mapping[str, str]:
        """Return the current values. Empty in a store without a version, as a dry run may find it."""
        return self.stage("current").values if self.versions else {}

    @property
    def last(self) -> Version:
        """Return the version that a rollback discards: the pending one, otherwise the current one. Raise
        E_STORE_STAGE."""
        return self.stage("pending" if "pending" in self.stages else "current")

    @property
    def last_change(self) -> tuple[Version, Version]:
        """Return the versions before and after the last rotation. Raise E_STORE_STAGE."""
        before, after = last_change(self.stages)
        return self.stage(before), self.stage(after)

    @property
    def transitions(self) -> dict[str, KeySet]:
        """Return the key sets between the versions before and after the last rotation, by their stage.

        Each is a list of both keys. Empty without two versions.
        """
        return of_stages({stage: keys.values for stage, keys in self.key_sets.items()})

    @property
    def key_sets(self) -> dict[str, KeySet]:
        """Return the key sets of the versions that have a stage."""
        versions = {stage: self.stage(stage) for stage in self.stages}
        return {stage: KeySet(version.values, version.key_id) for stage, version in versions.items()}

    @property
    def open_rotation(self) -> str | None:
        """Return the rotation that created a version and is not closed yet."""
        return next((version.rotation_id for version in self.versions if version.outcome is None), None)

    @property
    def base(self) -> str:
        """The stage that everything was under when the rotation that is open began; without one, ``current``."""
        switched = self.open_rotation and "pending" not in self.stages and "previous" in self.stages
        return "previous" if switched else "current"

    @property
    def is_base_compromised(self) -> bool:
        """Return whether the version of all values at the beginning of the rotation is marked compromised."""
        return "current" in self.stages and self.stage(self.base).is_compromised

    def rotated_by(self, name: str) -> str | None:
        """Return the last rotation that created a value for this key, or None."""
        generated = (version for version in reversed(self.versions) if version.origin == "generated")
        return next((version.rotation_id for version in generated if name in version.values), None)

    def made_by(self, rotation_id: str) -> Version | None:
        """The version of that rotation."""
        return next((version for version in self.versions if version.rotation_id == rotation_id), None)

    def outcome(self, rotation_id: str) -> str | None:
        """Return how that rotation ended. None if it is open or unknown."""
        version = self.made_by(rotation_id)
        return version.outcome if version else None

    def find_rolled_back(self, key_id: str) -> str | None:
        """Return the rotation that created this version, if it is the last one and was rolled back."""
        newest = self.versions[-1] if self.versions else None
        if newest is None or (newest.key_id, newest.outcome) != (key_id, ROLLED_BACK):
            return None
        return newest.rotation_id

    def adopt(self, keys: KeySet, listed: KeyEntries = ()) -> Version:
        """Take the application's own keys as the first version, or instead of a current one with an ``other_list`` of
        them.

        After such a replacement, a rollback to the previous version is impossible. The version is stored under its key
        ID. What a killed run stored is found again under the same keys only, and does no harm if the application has
        others by now.
        """
        state = "active"
        if "current" in self.stages:
            state = EXPOSED if self.stage("current").is_compromised else state  # it has the same values
            self.stage("current").enter("deactivated")
            self.stages.pop("previous", None)
        version = next((known for known in self.versions if known.key_id == keys.key_id and not known.destroyed), None)
        if version is None:
            place = f"adopted {keys.key_id}"
            version = Version(
                key_id=keys.key_id,
                rotation_id=place,
                origin="adopted",
                state="active",
                created=now(),
                outcome=COMPLETED,
                values=dict(keys.values),
            )
            self.versions.append(version)
        version.enter(state)
        version.listed = [*map(without_unset, listed)]
        self.stages["current"] = version.key_id
        return version

    def other_list(self, keys: KeySet) -> bool:
        """Return whether these are the current keys, except for some that were added to a list or removed from it."""
        current = self.stage("current").values
        same = set(current) & set(keys.values)
        is_relisted = bool(same) and set(current) != set(keys.values)
        return is_relisted and not self.open_rotation and all(current[name] == keys.values[name] for name in same)

    def add_pending(self, keys: KeySet, rotation_id: str, listed: KeyEntries = ()) -> Version:
        """Put a new version next to the current one. Raise E_KEY_REUSED, and E_STORE_STAGE without a current one."""
        self.stage("current")
        self.refuse_reused(keys)
        version = Version(
            key_id=keys.key_id,
            rotation_id=checked(rotation_id),
            origin="generated",
            state="pre-activation",
            created=now(),
            outcome=None,
            values=dict(keys.values),
            listed=[*map(without_unset, listed)],
        )
        self.versions.append(version)
        self.stages["pending"] = version.key_id
        return version

    def use_approval(self, approval: Approval, rotation_id: str) -> None:
        """Remember the rotation for which an approval was used, on any control node. Raise E_APPROVAL_USED."""
        self.refuse_used(approval, rotation_id)
        self.approvals[approval.digest] = rotation_id

    def refuse_used(self, approval: Approval, rotation_id: str) -> None:
        """Raise E_APPROVAL_USED if another rotation created its keys with this approval."""
        used = self.approvals.get(approval.digest, rotation_id)
        if used != rotation_id:
            raise ApprovalUsed(principal=approval.principal, time=approval.time, rotation_id=used)

    def refuse_reused(self, keys: KeySet) -> None:
        """Raise E_KEY_REUSED if one of the values was another version's. In a list, only the first value is new.

        A destroyed version is known only by its key ID, and no longer by its values.
        """
        new = {value.split(",")[0].strip() for value in keys.values.values()}
        for version in self.versions:
            used = {part for value in version.values.values() for part in (value, *split_list(value))}
            if version.key_id == keys.key_id or new & used:
                raise KeyReused(key_id=version.key_id)

    def promote(self) -> None:
        """Pending becomes current, current becomes previous."""
        self.stage("current").enter("deactivated")
        self.stage("pending").enter("active")
        self.stages["previous"] = self.stages["current"]
        self.stages["current"] = self.stages.pop("pending")

    def expose(self) -> None:
        """Mark the version that the open rotation replaces as compromised. Raise E_STORE_STAGE."""
        self.stage(self.base).enter(EXPOSED)

    def roll_back(self) -> None:
        """Make the version before the last rotation current again. That rotation's version is kept without a stage."""
        if "pending" in self.stages:
            left = self.version(self.stages.pop("pending"))
        else:
            left = self.stage("current")
            self.stages["current"] = self.stage("previous").key_id
            del self.stages["previous"]
        left.enter("deactivated")
        left.outcome = ROLLED_BACK
        self.stage("current").enter("active")

    def close(self, rotation_id: str) -> None:
        """Mark a rotation as completed, after its proof. Nothing resumes it anymore."""
        for version in self.versions:
            if version.rotation_id == rotation_id:
                version.outcome = COMPLETED

    def replacement(self, key_id: str) -> Version:
        """Return the version of the completed rotation that replaced this one. Raise E_STORE_STAGE."""
        later_ones = self.versions[self.versions.index(self.version(key_id)) + 1 :]
        return next((version for version in later_ones if version.outcome == COMPLETED), self.stage("current"))

    def destroy(self, key_id: str, *, compromised: bool) -> Version:
        """Delete the values of a version permanently; the rest of it stays. Raise E_VERSION_NEEDED."""
        self.refuse_destruction(key_id)
        version = self.version(key_id)
        version.values = {}
        version.destroyed = version.destroyed or now()
        version.state = COMPROMISED if compromised or version.state in (COMPROMISED, EXPOSED) else "destroyed"
        self.stages = {stage: kept for stage, kept in self.stages.items() if kept != key_id}
        return version

    def refuse_destruction(self, key_id: str) -> None:
        """Raise E_VERSION_NEEDED if the store itself still needs the values of a version."""
        version = self.version(key_id)
        stage = next((stage for stage in ("current", "pending") if self.stages.get(stage) == key_id), None)
        if stage:
            raise VersionNeeded(key_id=key_id, reason=f"it is {stage}")
        if self.open_rotation and not version.destroyed:
            raise VersionNeeded(key_id=key_id, reason=f"rotation {self.open_rotation} is open")
        for name, holder in self.listed_by(key_id):
            if holder.key_id in self.stages.values():
                reason = f"its value for {name} is still in the list of version {holder.key_id}"
                raise VersionNeeded(key_id=key_id, reason=reason)

    def listed_by(self, key_id: str) -> list[tuple[str, Version]]:
        """The keys of which another version keeps this one's value in its list, and that version.

        Only the first of a list is a version's own.
        """
        version, listed = self.version(key_id), []
        for other in self.versions:
            kept = {part for value in other.values.values() for part in split_list(value)}
            for name, value in version.values.items():
                if other is not version and value.split(",")[0].strip() in kept:
                    listed.append((name, other))
        return listed

    def destination(self, direction: str) -> str:
        """Return the stage that all values must get by ``rotate`` or ``rollback``.

        Raise E_NOTHING_TO_ROLL_BACK, or E_PREVIOUS_DESTROYED.
        """
        promoted = "pending" not in self.stages
        if direction == "rotate":
            return "current" if self.open_rotation and promoted else "pending"
        if promoted and "previous" not in self.stages:
            self._refuse_destroyed()
            raise NothingToRollBack(
                reason=f"the store {self.path} has neither a pending nor a previous version", advice=""
            )
        return "previous" if promoted else "current"

    def _refuse_destroyed(self) -> None:
        """Raise E_PREVIOUS_DESTROYED if the version before the current one is there by name alone."""
        kept = [version for version in self.versions if version.outcome != ROLLED_BACK]
        for before, version in zip(kept, kept[1:]):
            if version.key_id == self.stages.get("current") and before.destroyed:
                raise PreviousDestroyed(
                    rotation_id=version.rotation_id,
                    key_id=before.key_id,
                    when=before.destroyed,
                )

    def to_roll_back(self, asked: str | None) -> str:
        """Return the last rotation, which a rollback rolls back. ``asked`` is the one that the operator names.

        Raise E_NOTHING_TO_ROLL_BACK, E_PREVIOUS_DESTROYED, E_ROLLED_BACK, or E_NOT_LAST_ROTATION.
        """
        self.destination("rollback")
        last, newest = self.last.rotation_id, self.versions[-1]
        if newest.outcome == ROLLED_BACK and asked != last:  # never a second one back by typing the command twice
            raise RotationRolledBack(rotation_id=newest.rotation_id, earlier=last)
        if asked and asked != last:
            raise NotLastRotation(requested=asked, last=last)
        return last

    def for_host(self, stages: Collection[str] = ()) -> HostKeySets:
        """Return the key sets for a host, of every version that has values, or only those of these ``stages``."""
        names = {key_id: stage for stage, key_id in self.stages.items()}
        kept = [version for version in self.versions if not version.destroyed]
        ordered = sorted(kept, key=lambda version: list(STAGES).index(names.get(version.key_id, STAGES[-1])))
        named = {names.get(version.key_id, f"older-{version.key_id}"): version for version in ordered}
        return {
            "key_sets": {
                stage: dict(version.values) for stage, version in named.items() if not stages or stage in stages
            },
            "key_set_ids": {stage: version.key_id for stage, version in named.items()},
            "base": self.base,
        }


def are_values(candidate: Any) -> bool:
    """Return whether these can be the values of a version: texts by name."""
    return isinstance(candidate, Mapping) and all(isinstance(word, str) for word in (*candidate, *candidate.values()))


def _wrong_with(versions: Sequence[Version], stages: Mapping[str, str]) -> str:
    """Return what makes this an invalid history, empty if it is valid. Raise TypeError or ValueError, too."""
    for version in versions:
        add_days(version.created, 0)
        if not are_values(version.values):
            return f"the values of {version.key_id} are not texts by name"
        if any(not isinstance(entry["name"], str) for entry in version.listed):
            return f"the keys of {version.key_id} have no names"
    for what in ("key_id", "rotation_id"):
        if len({getattr(version, what) for version in versions}) < len(versions):
            return f"two versions of one {what}"
    unknown = set(stages.values()) - {version.key_id for version in versions}
    if unknown or len(set(stages.values())) < len(stages):
        return f"the stages {', '.join(stages)} do not belong to the same number of versions"
    return ""
