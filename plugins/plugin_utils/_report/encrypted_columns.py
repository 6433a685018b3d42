# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The columns with encrypted values, before the first re-encryption and as the proof after the last one saw them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...module_utils._engine.proof.census_result import ColumnCounts
from ...module_utils._record.events import CensusEvent, CountingEvent, Event, ReencryptionEvent, RunEvent
from . import data_state


@dataclass(frozen=True)
class Count:
    """The values of a column, by key ID or other class."""

    values: int = 0
    under: Mapping[str, int] = field(default_factory=dict)
    empty: int = 0


@dataclass(frozen=True)
class ColumnHistory:
    """The values of a column before and after a re-encryption.

    ``after`` is None if no proof followed the re-encryption. ``unopened`` counts the values that no version opens
    properly, ``concurrent_rows`` the rows of the table that another process wrote.
    """

    table: str
    column: str
    model: str
    scheme: str
    rows: int
    before: Count
    after: Count | None = None
    left_alone: int = 0
    plain: int = 0
    unopened: int = 0
    reencrypted: int = 0
    proved: bool = False
    concurrent_rows: int = 0

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass
class ColumnCensus:
    """The counts of all columns over a rotation.

    ``first`` is the first count of the values, ``proof`` the census that proved the last re-encryption, each with its
    key IDs by stage. ``last`` is the newest census of the newest run.
    """

    first: CountingEvent | None = None
    first_stages: Mapping[str, str] = field(default_factory=dict)
    reencrypted: Counter[str] = field(default_factory=Counter)
    digests: dict[str, str | None] = field(default_factory=dict)
    rewriting: bool = False
    proof: CensusEvent = field(default_factory=CensusEvent)
    proof_stages: Mapping[str, str] = field(default_factory=dict)
    newest: Sequence[ColumnCounts] = ()
    last: CensusEvent = field(default_factory=CensusEvent)

    def apply(self, event: Event, stages: Mapping[str, str]) -> None:
        """Apply an event. ``stages`` are those of the key store when it was written."""
        if isinstance(event, RunEvent) and event.is_intent:
            self.last = CensusEvent()
        if isinstance(event, CensusEvent) and event.is_done:
            self.last = event
        if isinstance(event, ReencryptionEvent):
            self.rewriting, self.proof = True, CensusEvent()
        if isinstance(event, CountingEvent) and event.is_done and event.targets:
            self._count(event, {**stages, **event.key_ids})
        if isinstance(event, CensusEvent) and event.is_proof and not event.is_intent and self.rewriting:
            self.proof = self._proof(event) if event.is_done else CensusEvent()
            self.proof_stages = {**stages, **event.key_ids}

    def _proof(self, event: CensusEvent) -> CensusEvent:
        """The proof. After the start, it does not show who wrote while the application was stopped; the last one
        did."""
        if not event.is_after_start:
            return event
        before = self.proof
        return replace(
            event,
            concurrent_rows=before.concurrent_rows,
            written_rows=before.written_rows,
            added_rows=before.added_rows,
        )

    def _count(self, event: CountingEvent, stages: Mapping[str, str]) -> None:
        self.newest = event.targets
        if self.first is None:
            self.first, self.first_stages = event, stages
        for target in event.targets if isinstance(event, ReencryptionEvent) else ():
            self.reencrypted[_name(target)] += target.get("reencrypted", 0)
            self.digests[_name(target)] = target.get("digest")

    @property
    def columns(self) -> list[ColumnHistory]:
        """The columns of the first census, and those that got their first value after it."""
        first, proved = self._first, {_name(target): target for target in self.proof.targets}
        later: dict[str, ColumnCounts] = {
            name: {**target, "classes": {}} for name, target in proved.items() if name not in first
        }
        return [self._column(target, proved.get(name)) for name, target in {**first, **later}.items()]

    @property
    def _first(self) -> dict[str, ColumnCounts]:
        return {_name(target): target for target in (self.first.targets if self.first else ())}

    def _column(self, target: ColumnCounts, proved: ColumnCounts | None) -> ColumnHistory:
        newest = target if proved is None else proved
        return ColumnHistory(
            table=target.get("table") or "",
            column=target.get("column") or "",
            model=target.get("model") or "",
            scheme=target.get("scheme") or "",
            rows=newest.get("rows", 0),
            before=_count(target, self.first_stages),
            after=None if proved is None else _count(proved, self.proof_stages),
            left_alone=newest.get("left_alone", 0),
            plain=newest.get("plain", 0),
            unopened=_unopened(proved or {}),
            reencrypted=self.reencrypted[_name(target)],
            proved=proved is not None and self._is_same(target, proved),
            concurrent_rows=sum(self.proof.concurrent_rows.get(str(target.get("table")), {}).values()),
        )

    def _is_same(self, target: ColumnCounts, proved: ColumnCounts) -> bool:
        """Return whether every plaintext was proved: by the digest of them all, or row by row if another process wrote
        some.

        A value that the proof did not open, such as one that is encrypted twice, is not proved.
        """
        if _unopened(proved) or proved.get("digest") is None:
            return False
        name, tables = _name(target), {*self.proof.concurrent_rows, *self.proof.served}
        is_new = name not in {*self._first, *self.digests}  # it has no earlier plaintext
        return is_new or target.get("table") in tables or proved["digest"] == self.digests.get(name)

    @property
    def unopened(self) -> int:
        """Return how many values that no key opens were accepted by the proof."""
        count = self.proof.unopened.get("count")
        return count if isinstance(count, int) else 0

    @property
    def left_alone(self) -> int:
        """Return how many values the newest census left alone."""
        return sum(target.get("left_alone", 0) for target in self.newest)


@dataclass(frozen=True)
class ModelBar:
    """The values of a model under one key. ``width`` is in percent of the largest model."""

    key: str
    count: int
    width: float


@dataclass
class Model:
    """The values of one model, and its bars in the chart."""

    name: str
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    reencrypted: int = 0
    largest: int = 0

    @property
    def before_values(self) -> int:
        return sum(self.before.values())

    @property
    def after_values(self) -> int:
        return sum(self.after.values())

    @property
    def before_bars(self) -> list[ModelBar]:
        return self._bars(self.before)

    @property
    def after_bars(self) -> list[ModelBar]:
        return self._bars(self.after)

    def _bars(self, side: Counter[str]) -> list[ModelBar]:
        return [ModelBar(key, count, round(100 * count / self.largest, 2)) for key, count in side.items()]


def models(columns: Iterable[ColumnHistory]) -> list[Model]:
    """The columns by model, the largest first."""
    by_name: dict[str, Model] = {}
    for column in columns:
        model = by_name.setdefault(column.model or column.name, Model(column.model or column.name))
        model.reencrypted += column.reencrypted
        model.before.update(column.before.under)
        model.after.update(column.after.under if column.after else {})
    for model in by_name.values():
        model.largest = max(max(other.before_values, other.after_values) for other in by_name.values())
    return sorted(by_name.values(), key=lambda model: (-model.before_values, model.name))


def _name(target: ColumnCounts) -> str:
    return f"{target.get('table')}.{target.get('column')}"


def _unopened(target: ColumnCounts) -> int:
    return sum(data_state.odd(target.get("classes") or {}).values())


def _count(target: ColumnCounts, stages: Mapping[str, str]) -> Count:
    classes = target.get("classes") or {}
    under: Counter[str] = Counter()
    for name, count in classes.items():
        if name != data_state.EMPTY:
            under[stages.get(name, name)] += count
    return Count(sum(under.values()), dict(under), classes.get(data_state.EMPTY, 0))
