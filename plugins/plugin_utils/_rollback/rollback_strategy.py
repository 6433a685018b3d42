# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which rollback is possible, from what was found and never from assumptions (docs/design/engine.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Required, TypedDict

from ...module_utils._errors.counts import counted, fill
from ...module_utils._errors.values import ScanIncomplete
from ...module_utils._stores.history import ROLLED_BACK, History

if TYPE_CHECKING:
    from ...module_utils._engine.result_types import CensusOutcome

# Census classes that no version restores: values that do not open, or contain a token that cannot be unwrapped.
UNREADABLE = ("unreadable", "nested_unreadable", "token_inside", "token_in_text")
# SQLSTATEs with which PostgreSQL reports a damaged table (Appendix A of its manual): data_corrupted, index_corrupted,
# undefined_table, undefined_column, system_error, io_error.
DAMAGED = ("XX001", "XX002", "42P01", "42703", "58000", "58030")
UNREADABLE_STAY = "{count:value opens|values open} under no version and {count:stays/stay} unchanged"
REPAIRABLE = "{count:value opens|values open} under no version, and there is a backup of {backup}"


class RollbackStrategy(NamedTuple):
    """The name of a strategy, and the reason for it as people read it."""

    name: str
    reason: str


@dataclass(frozen=True)
class Situation:
    """The situation before a rollback, from which its strategy follows.

    ``values`` are the counts of the census by class, and ``files`` is the stage of the .env file by host. ``lost`` are
    the tables, by alias of the database, that the newest backup has and the database lacks.
    """

    rotation_id: str
    destination: str | None  # the stage to roll back to; None if no rotation created a version
    created_stage: str | None = None  # the stage of the version that the rotation created
    open: bool = False
    rolled_back: bool = False  # in the store already
    begun: bool = False  # by a run that died before it created a version
    values: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    migration: str = ""  # the file of a migration that the rotation created
    lost: Mapping[str, Sequence[str]] = field(default_factory=dict)
    damage: str = ""  # why the census failed, if the database is damaged
    damaged: str = ""  # the alias of that database
    backup: str = ""  # the snapshot's time; empty without a backup
    prefer: str = ""
    named: int = 0  # values that a person wants from the backup, whatever they are now
    done: Sequence[str] = ()  # strategies that this run has completed
    restored: bool = False  # whether the record of the rotation says that a backup replaced a database
    was_online: bool = False  # whether it says that a host had the keys of both versions
    compromised: str = ""  # the key ID of the version to roll back to, if it is compromised
    returns: bool = False  # whether to roll back to a compromised version anyway

    @property
    def barred(self) -> bool:
        """Return whether a return to the previous keys is refused."""
        return bool(self.compromised) and not self.returns

    @property
    def unreadable(self) -> int:
        return sum(self.values.get(name, 0) for name in UNREADABLE)

    @property
    def damaged_databases(self) -> list[str]:
        """Aliases of the databases that were found to be damaged."""
        return sorted({*self.lost, *[self.damaged] * bool(self.damaged)})

    @property
    def elsewhere(self) -> list[str]:
        """Hosts whose files do not have the keys to roll back to."""
        return [host for host, stage in self.files.items() if stage != self.destination]

    @property
    def left_behind(self) -> list[str]:
        """Hosts with the keys of a rotation that was rolled back while they could not be reached."""
        return [host for host, stage in self.files.items() if stage == "rolled back"]

    @property
    def written(self) -> int:
        """Values under the keys of the rotation that is rolled back."""
        return self.values.get(self.created_stage or "", 0)

    @property
    def older(self) -> int:
        """Values under older keys than those to roll back to, which a restored old backup can bring: no host has them.
        Without a restore, such values were there before the rotation, and stay."""
        if not (self.restored or "restore" in self.done):
            return 0
        known = (self.destination, self.created_stage)
        stages = [stage for stage in self.values if stage == "previous" or stage.startswith("older-")]
        return sum(self.values[stage] for stage in stages if stage not in known)


class OfStore(TypedDict, total=False):
    """The members of ``Situation`` that come from the store."""

    rotation_id: Required[str]
    destination: Required[str | None]
    created_stage: str
    open: bool
    rolled_back: bool
    begun: bool


class OfCensus(TypedDict, total=False):
    """The members of ``Situation`` that come from a census."""

    values: Mapping[str, int]
    migration: str
    damage: str
    damaged: str


class StrategyRule(NamedTuple):
    """A strategy, when it applies, and why. The first rule that fits counts."""

    strategy: str
    fits: Callable[[Situation], Any]
    reason: Callable[[Situation], str]


def _mixed(situation: Situation) -> str:
    parts = [
        f"{counted(situation.written, 'value is', 'values are')} under the keys of rotation {situation.rotation_id}"
    ] * bool(situation.written)
    parts += [f"{counted(situation.older, 'value is', 'values are')} under older keys than the previous ones"] * bool(
        situation.older
    )
    parts += [f"the keys of {', '.join(situation.elsewhere)} are not the previous ones"] * bool(situation.elsewhere)
    parts += [f"the rotation created the migration {situation.migration}"] * bool(situation.migration)
    parts += [fill(UNREADABLE_STAY, count=situation.unreadable)] * bool(situation.unreadable)
    return ", and ".join(parts) or "the store says that the rotation was switched"


def _lost(situation: Situation) -> list[str]:
    """The lost tables, with the alias of their database unless it is the default one."""
    of = {alias: "" if alias == "default" else f" of {alias}" for alias in situation.lost}
    return [f"{table}{of[alias]}" for alias, tables in sorted(situation.lost.items()) for table in tables]


def _to_settle(situation: Situation) -> bool:
    """Return whether there is no rotation to roll back, but values may be under other keys than the current ones."""
    if situation.destination is None:
        return bool(situation.done) or situation.prefer == "repair"
    named = situation.prefer in ("repair", "restore")
    if situation.open or not (named or situation.done):
        return False
    back = set(situation.values) <= {situation.destination, "empty", *UNREADABLE}  # the data is already rolled back
    return situation.barred or (named and not back)


def _restorable(situation: Situation) -> bool:
    return "restore" not in situation.done


RULES = (
    StrategyRule(
        "restore",
        lambda situation: _restorable(situation) and situation.prefer == "restore",
        lambda situation: "it was requested by name",
    ),
    StrategyRule(
        "restore",
        lambda situation: _restorable(situation) and situation.lost,
        lambda situation: f"the database has lost {', '.join(_lost(situation))}",
    ),
    StrategyRule(
        "restore",
        lambda situation: _restorable(situation) and situation.damage,
        lambda situation: f"the database cannot be read: {situation.damage}",
    ),
    StrategyRule(
        "repair",
        lambda situation: situation.unreadable and situation.backup and "repair" not in situation.done,
        lambda situation: fill(REPAIRABLE, count=situation.unreadable, backup=situation.backup),
    ),
    StrategyRule(
        "repair",
        lambda situation: (
            situation.prefer == "repair" and situation.named and situation.backup and "repair" not in situation.done
        ),
        lambda situation: (
            f"{counted(situation.named, 'value was', 'values were')} named, and there is a backup of {situation.backup}"
        ),
    ),
    StrategyRule(
        "settle",
        lambda situation: situation.destination is None and situation.left_behind,
        lambda situation: (
            f"rotation {situation.rotation_id} was rolled back without {', '.join(situation.left_behind)}"
        ),
    ),
    StrategyRule("settle", _to_settle, lambda situation: "there is no rotation to roll back"),
    StrategyRule(
        "forwards",
        lambda situation: situation.prefer == "forwards" and situation.open,
        lambda situation: f"rotation {situation.rotation_id} is open, and you prefer to finish it",
    ),
    StrategyRule(
        "nothing",
        lambda situation: situation.rolled_back,
        lambda situation: "it was rolled back; only the end of its record is missing",
    ),
    StrategyRule(
        "nothing",
        lambda situation: situation.begun,
        lambda situation: "it ended before it created a key: nothing was written",
    ),
    StrategyRule(
        "discard",
        lambda situation: (
            situation.created_stage == "pending"
            and not (situation.written or situation.older or situation.elsewhere or situation.migration)
        ),
        lambda situation: "no value is under its keys, and every host has the previous keys",
    ),
    StrategyRule("backwards", lambda situation: True, _mixed),
)


# What each strategy does, as people read it.
DOES = {
    "restore": "restore the backup next to the database, show what would be lost, and swap the two",
    "repair": "write the values from the backup (if they were not named, only if the rest of their rows is the same), "
    "and then check again",
    "settle": "re-encrypt every value under the current keys, write them to every host that was left behind, and "
    "verify this",
    "nothing": "close the record of rotation {rotation_id}, and change no value, no version and no key of the "
    "application",
    "forwards": "stop here, since the rotate playbook finishes it: {rotate}",
    "discard": "discard the pending version of rotation {rotation_id} in the store",
    "backwards": "restore every value with the engine, write the previous keys to every host, verify this, and "
    "make their version current in the store",
}


def choose(situation: Situation) -> RollbackStrategy:
    """Choose the strategy for what was found: the first of RULES that fits."""
    return next(RollbackStrategy(rule.strategy, rule.reason(situation)) for rule in RULES if rule.fits(situation))


def of_store(history: History, asked: str | None, left_over: str | None) -> OfStore:
    """Return the store's facts about the rotation to roll back. Raise the errors of History.to_roll_back.

    ``left_over`` is the rotation of a run that died. If it created no version, the rotation before it is kept, unless
    it is ``asked`` for.
    """
    if left_over and asked in (None, left_over):
        version = history.made_by(left_over)
        if version is None or version.outcome == ROLLED_BACK:
            return {
                "rotation_id": left_over,
                "destination": None,
                "begun": version is None,
                "rolled_back": bool(version),
            }
    rotation_id = history.to_roll_back(asked)
    return {
        "rotation_id": rotation_id,
        "destination": history.destination("rollback"),
        "created_stage": "pending" if "pending" in history.stages else "current",
        "open": history.open_rotation == rotation_id,
    }


def of_census(census: CensusOutcome, rotation_id: str) -> OfCensus:
    """Return the facts of a census; empty ones if it failed for a reason other than damage to the database."""
    if "targets" not in census:
        error = census.get("error") or {}
        is_damaged = error.get("code") == ScanIncomplete.code or error.get("sqlstate") in DAMAGED
        return {"damage": error["what"], "damaged": error.get("alias", "")} if is_damaged else {}
    values: Counter[str] = Counter()
    for target in census["targets"]:
        values.update(target["classes"])
        values.update(target.get("layers") or {})  # a value that is encrypted twice needs the keys of both
    migrations = census.get("migrations") or {}
    return {"values": values, "migration": migrations.get(rotation_id) or migrations.get("") or ""}
