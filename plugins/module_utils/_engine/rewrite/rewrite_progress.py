# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a re-encryption: counts, rate and time left, for a person who watches and for machines.

The numbers go into one small file that is rewritten during the work. They also go into metrics for Prometheus'
node_exporter (its textfile collector), with the same numbers as JSON next to them. Those two files stay.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..._system import atomic_file
from ..._system.progress_file import ColumnNumbers, RewriteNumbers, RewritePace
from . import metrics_text
from .metrics_text import Sample
from .rewriter import BatchResult

EVERY_SECONDS = 1.0
NOTHING = {"done": 0, "retries": 0}
METRICS = metrics_text.named(
    {
        "values_expected": ("gauge", "Values that a rotation has to re-encrypt."),
        "values_done": ("gauge", "Values that it has re-encrypted."),
        "retries": ("gauge", "Rows left for another pass, because another session changed or locked them."),
        "values_per_second": ("gauge", "Values re-encrypted per second of work, without waits."),
        "seconds_left": ("gauge", "Seconds until the work is done, at the rate until now."),
        "step_seconds": ("gauge", "Seconds since the step that is at work began."),
        "waiting": ("gauge", "Whether it waits for something; the JSON file says for what."),
        "target_retries": ("gauge", "The retries of one column's table."),
        "target_values_per_second": ("gauge", "Values of one column re-encrypted per second of work."),
        "target_seconds_left": ("gauge", "Seconds until one column is done."),
    }
)


@dataclass(frozen=True)
class ProgressFiles:
    """The file for a person who watches, which is removed at the end, and the metrics, which stay."""

    watched: str | None = None
    metrics: str | None = None

    @property
    def document(self) -> str | None:
        """The numbers of the metrics as JSON."""
        return f"{self.metrics.removesuffix('.prom')}.json" if self.metrics else None


NO_FILES = ProgressFiles()


class Progress:
    """Counts batches against ``totals``, the values to re-encrypt by target, as one of ``hosts``.

    Until a table is begun, the hosts are expected to do equal parts. If the metrics have the numbers of an earlier step
    of the same rotation to the same keys (``key_id``), the counts go on from these.
    """

    def __init__(
        self,
        rotation_id: str,
        totals: Mapping[str, int],
        files: ProgressFiles = NO_FILES,
        hosts: int = 1,
        key_id: str = "",
    ) -> None:
        self._ids = {"rotation_id": rotation_id, "key_id": key_id}
        self._whole = {name: total for name, total in totals.items() if total}
        self._totals = {name: total // hosts for name, total in self._whole.items()}
        self._done: Counter[str] = Counter()
        self._retries: Counter[str] = Counter()  # by table
        self._tables: dict[str, str] = {}  # of the targets that are begun
        self._waits_for = ""
        self._files = files
        self._before, self._retried = self._earlier()
        self._started = self._told = self._heard = time.monotonic()
        self._waited = 0.0
        self.unwritten = ""  # why the metrics could not be written
        self._begun: dict[str, float] = {}  # working seconds before each target

    def add(self, batch: BatchResult) -> None:
        """Count one batch, and write the files if the last time is long enough ago."""
        now = time.monotonic()
        if batch.waits_for:
            self._waited += now - self._heard
        self._heard = now
        self._done.update(batch.values)
        self._retries[batch.table] += batch.conflicts + batch.yielded
        self._waits_for = batch.waits_for
        for name in batch.portions.keys() & self._whole.keys():
            self._totals[name] = round(self._whole[name] * batch.portions[name])
            self._tables[name] = batch.table
            self._begun[name] = self._worked()
        if now - self._told >= EVERY_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Write the files. An error in that never stops a rotation."""
        self._told = time.monotonic()
        if not self._totals:  # a pass that finds nothing leaves what was shown before
            return
        document = json.dumps(self.as_document())
        _write(self._files.watched, document)
        self.unwritten = _write(self._files.document, document) or _write(self._files.metrics, self.as_metrics())

    def end(self) -> None:
        """The last word: the metrics stay, the file of the one who watches goes."""
        self.tell()
        if self._files.watched:
            with contextlib.suppress(OSError):
                os.unlink(self._files.watched)

    def as_document(self) -> RewriteNumbers:
        """All numbers. Rates are of the time at work, without waits."""
        targets = [self._target(name) for name in {**self._before, **self._totals}]
        done, total = sum(target["done"] for target in targets), sum(target["total"] for target in targets)
        return {
            "rotation_id": self._ids["rotation_id"],
            "key_id": self._ids["key_id"],
            "done": done,
            "total": total,
            "retries": self._retried + sum(self._retries.values()),
            "seconds": round(time.monotonic() - self._started),
            **self._pace(sum(self._done.values()), total - done, self._worked()),
            "waits_for": self._waits_for,
            "targets": targets,
        }

    def as_metrics(self) -> str:
        """Return the numbers in Prometheus' text format. The time left is included only if it is known."""
        return metrics_text.text(METRICS, self._samples())

    def _samples(self) -> Iterator[Sample]:
        document = self.as_document()
        rotation = {"rotation_id": self._ids["rotation_id"]}
        for target in document["targets"]:
            column = {**rotation, "column": target["column"]}
            yield "values_expected", column, target["total"]
            yield "values_done", column, target["done"]
            yield from ((f"target_{name}", column, number) for name, number in _known_pace(target))
        yield from ((name, rotation, number) for name, number in _known_pace(document))
        yield "step_seconds", rotation, document["seconds"]
        yield "waiting", rotation, bool(document["waits_for"])

    def _target(self, name: str) -> ColumnNumbers:
        before = self._before.get(name, NOTHING)
        done = before["done"] + self._done[name]
        total = max(done, before["done"] + self._totals.get(name, 0))  # an old process may write values while we work
        retries = before["retries"] + self._retries[self._tables.get(name, "")]
        pace = self._pace(self._done[name], total - done, self._worked() - self._begun.get(name, 0.0))
        return {"column": name, "done": done, "total": total, "retries": retries, **pace}

    def _pace(self, done: int, left: int, seconds: float) -> RewritePace:
        rate = done / seconds if seconds > 0 else 0.0
        known = rate and not self._waits_for
        return {"values_per_second": round(rate), "seconds_left": round(left / rate) if known else None}

    def _worked(self) -> float:
        return time.monotonic() - self._started - self._waited

    def _earlier(self) -> tuple[dict[str, dict[str, int]], int]:
        """The targets of an earlier step, by column, and its retries in all."""
        with contextlib.suppress(ValueError, KeyError, TypeError):
            document = _last_numbers(self._files)
            if all(document[name] == value for name, value in self._ids.items()):
                targets = {
                    target["column"]: {name: int(target[name]) for name in NOTHING} for target in document["targets"]
                }
                return targets, int(document["retries"])
        return {}, 0


def read_document(metrics: str | None, rotation_id: str) -> dict[str, Mapping[str, Any]]:
    """Return the last numbers of a rotation as ``progress``. Empty if the metrics have no such file."""
    numbers = _last_numbers(ProgressFiles(metrics=metrics))
    return {"progress": numbers} if numbers.get("rotation_id") == rotation_id else {}


def _last_numbers(files: ProgressFiles) -> Mapping[str, Any]:
    """Return what the JSON next to the metrics has. Empty without a readable one."""
    with contextlib.suppress(OSError, ValueError):
        with open(files.document or os.devnull, encoding="utf-8") as handle:
            numbers = json.load(handle)
        if isinstance(numbers, dict):
            return numbers
    return {}


def _known_pace(numbers: ColumnNumbers | RewriteNumbers) -> Iterator[tuple[str, int]]:
    yield "retries", numbers["retries"]
    yield "values_per_second", numbers["values_per_second"]
    if numbers["seconds_left"] is not None:
        yield "seconds_left", numbers["seconds_left"]


def _write(path: str | None, text: str) -> str:
    """Why it cannot be written; empty if it was, or was not asked for."""
    try:
        if path:
            atomic_file.replace(path, text.encode("utf-8"), mode=0o644)
    except OSError as exc:
        return f"{path}: {exc.strerror}"
    return ""
