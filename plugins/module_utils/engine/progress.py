# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a re-encryption is: counts, rate and time left, for a person who watches and for machines.

The numbers go into one small file that is rewritten while the work goes on, and as metrics into a file for
Prometheus' node_exporter (its textfile collector), with the same numbers as JSON beside it. Those two stay.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from .. import atomic_file
from .reencryption import Batch

EVERY_SECONDS = 1.0
METRICS = """\
# HELP key_rotation_values_total Values that a rotation has to re-encrypt.
# TYPE key_rotation_values_total gauge
# HELP key_rotation_values_done Values that it has re-encrypted.
# TYPE key_rotation_values_done gauge
# HELP key_rotation_retries Rows that were left for another pass, since somebody else had changed or locked them.
# TYPE key_rotation_retries gauge
# HELP key_rotation_values_per_second Values re-encrypted per second since the work began.
# TYPE key_rotation_values_per_second gauge
"""


class Progress:
    """Counts batches against ``totals``, the values to re-encrypt by target, of which this is one of ``hosts``.

    Until a table is begun, equal parts are reckoned with. ``path`` and ``metrics`` are files.
    """

    def __init__(
        self,
        rotation_id: str,
        totals: Mapping[str, int],
        path: str | None = None,
        metrics: str | None = None,
        hosts: int = 1,
    ) -> None:
        self._rotation_id = rotation_id
        self._whole = {name: total for name, total in totals.items() if total}
        self._totals = {name: total // hosts for name, total in self._whole.items()}
        self._done: Counter[str] = Counter()
        self._retries = 0
        self._waits_for = ""
        self._path, self._metrics = path, metrics
        self._json = f"{metrics.removesuffix('.prom')}.json" if metrics else None
        self._started = self._told = time.monotonic()

    def add(self, batch: Batch) -> None:
        """Count one batch; say so where the last time is long enough ago."""
        self._done.update(batch.values)
        self._retries += batch.conflicts + batch.yielded
        self._waits_for = batch.waits_for
        for name in batch.portions.keys() & self._whole.keys():
            self._totals[name] = round(self._whole[name] * batch.portions[name])
        if time.monotonic() - self._told >= EVERY_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Write the files. That they cannot be written never stops a rotation."""
        self._told = time.monotonic()
        if not self._totals:  # a pass that finds nothing leaves what was told before
            return
        document = json.dumps(self.as_document())
        for path, text in ((self._path, document), (self._json, document), (self._metrics, self.as_metrics())):
            if path:
                with contextlib.suppress(OSError):
                    atomic_file.replace(path, text.encode("utf-8"), mode=0o644)

    def end(self) -> None:
        """The last word: the metrics stay, the file of the one who watches goes."""
        self.tell()
        if self._path:
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def as_document(self) -> dict[str, Any]:
        """All numbers. Seconds are whole, ``seconds_left`` is None while nothing is known of the rate."""
        done, total = sum(self._done.values()), sum(self._totals.values())
        seconds = time.monotonic() - self._started
        rate = done / seconds if seconds else 0.0
        return {
            "rotation_id": self._rotation_id,
            "done": done,
            "total": total,
            "retries": self._retries,
            "seconds": round(seconds),
            "values_per_second": round(rate),
            "waits_for": self._waits_for,
            "seconds_left": round(max(total - done, 0) / rate) if rate else None,
            "targets": [
                {"column": name, "done": self._done[name], "total": total} for name, total in self._totals.items()
            ],
        }

    def as_metrics(self) -> str:
        """The same in Prometheus' text format."""
        found = self.as_document()
        rotation = f'rotation_id="{_label(self._rotation_id)}"'
        lines = [
            f'key_rotation_values_{what}{{{rotation},column="{_label(target["column"])}"}} {target[what]}'
            for target in found["targets"]
            for what in ("total", "done")
        ]
        lines += [f"key_rotation_{name}{{{rotation}}} {found[name]}" for name in ("retries", "values_per_second")]
        return METRICS + "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
