# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot as metrics for the textfile collector of Prometheus' node_exporter.

``files/`` of the role monitoring has alert rules and a dashboard over these names.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._engine.rewrite import metrics_text
from .._engine.rewrite.metrics_text import Sample
from .._errors.monitoring import MonitorMetrics
from .._errors.options import InvalidOption
from .._result_types.monitoring_types import MonitoringSnapshot
from .._system import atomic_file
from .._system.timestamps import seconds_since_1970

# name: (type, help)
METRICS = metrics_text.named(
    {
        "monitoring_timestamp_seconds": ("gauge", "When the application was last checked."),
        "monitoring_findings": ("gauge", "Number of findings of the last check."),
        "census_failed": ("gauge", "Whether the last check could not try every value."),
        "census_timestamp_seconds": ("gauge", "When every value was last tried."),
        "values": ("gauge", "Values by column and by the keys that decrypt them: current, previous, unreadable, ..."),
        "decryption_success_ratio": (
            "gauge",
            "Share of all encrypted values that the current keys decrypt, including columns that no key decrypts.",
        ),
        "decryption_success_threshold": ("gauge", "The ratio below which a finding is reported."),
        "seconds": ("gauge", "Median seconds of an answer, or per value that is decrypted."),
        "baseline_seconds": ("gauge", "The same when the baseline was taken."),
        "slow_seconds": ("gauge", "The seconds above which a finding is reported."),
        "answers_failed": ("gauge", "Failed requests of the last check."),
        "log_errors_total": ("counter", "Lines of logs that report failed decryption."),
        "log_errors_timestamp_seconds": ("gauge", "When a check last found more of these lines than are tolerated."),
        "logs_unreadable": ("gauge", "Logs that could not be read."),
        "created_timestamp_seconds": ("gauge", "When the current keys were created or adopted."),
        "due_timestamp_seconds": (
            "gauge",
            "When the cryptoperiod of the current keys ends; for adopted keys, when they were adopted.",
        ),
        "due_soon_timestamp_seconds": ("gauge", "When the warning about this due date begins."),
        "retire_timestamp_seconds": ("gauge", "When the hold of the previous version ends."),
    }
)


def write(path: str, snapshot: MonitoringSnapshot) -> None:
    """Write the snapshot to the ``.prom`` file ``path``, in one step and readable by all. Raise E_OPTION,
    E_MONITOR_METRICS."""
    if not path.endswith(".prom"):
        raise InvalidOption(
            option="monitoring_metrics_file",
            fault=f"is {path}",
            advice="Use a name that ends in .prom: node_exporter reads no other files.",
        )
    try:
        atomic_file.replace(path, text(snapshot).encode("utf-8"), mode=0o644)
    except OSError as exc:
        raise MonitorMetrics(path=path, reason=exc.strerror) from None


def text(snapshot: MonitoringSnapshot) -> str:
    """The snapshot in the text format, each metric with its help."""
    return metrics_text.text(METRICS, _samples(snapshot))


def _samples(snapshot: MonitoringSnapshot) -> Iterator[Sample]:
    """Every number of the snapshot."""
    project = {"project": snapshot["project"]}
    # Before, after and in the middle of a rotation the last one is repeated, with its own time.
    census = snapshot["census"] if snapshot["census_asked"] else snapshot["last_census"]
    rotation = snapshot["rotation"]
    yield "monitoring_timestamp_seconds", project, seconds_since_1970(snapshot["time"])
    yield "monitoring_findings", project, len(snapshot["findings"])
    if snapshot["census_asked"]:
        yield "census_failed", project, not (census and census["whole"])
    if census:
        yield "census_timestamp_seconds", project, seconds_since_1970(census["time"])
        if census["ratio"] is not None:
            yield "decryption_success_ratio", project, census["ratio"]
            yield "decryption_success_threshold", project, snapshot["success"]
        for target in census["targets"]:
            column = {**project, "column": f"{target['table']}.{target['column']}"}
            unchanged = {"left_alone": target["left_alone"], "plain": target.get("plain", 0)}
            for name, count in {**target["classes"], **unchanged}.items():
                yield "values", {**column, "class": name}, count
    for measure in snapshot["response"]:
        what = {**project, "what": measure["what"]}
        yield "answers_failed", what, measure["errors"]
        if measure["seconds"] is not None:
            yield "seconds", what, measure["seconds"]
        if measure["baseline"] is not None:
            yield "baseline_seconds", what, measure["baseline"]
        if measure["limit"] is not None:
            yield "slow_seconds", what, measure["limit"]
    for source, counts in snapshot["logs"]["totals"].items():
        for pattern, count in counts.items():
            yield "log_errors_total", {**project, "source": source, "pattern": pattern}, count
    for source, last_reported in snapshot["logs"]["told"].items():
        yield "log_errors_timestamp_seconds", {**project, "source": source}, seconds_since_1970(last_reported)
    yield "logs_unreadable", project, snapshot["logs"]["unreadable"]
    dates = {name: rotation.get(name) for name in ("created", "due", "due_soon", "retire")}
    for name, time in dates.items():
        if time:
            yield f"{name}_timestamp_seconds", project, seconds_since_1970(str(time))
