# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitoring between rotations."""

from __future__ import annotations

from .base import RotationError


class MonitoringFindings(RotationError):
    code = "E_MONITOR"
    count: int
    findings: str
    advice: str
    commands: str
    problem = "{count:finding|findings}: {findings}"
    remedy = "{advice} Then run: {commands}"


class MonitorHost(RotationError):
    code = "E_MONITOR_HOST"
    host: str
    reason: str
    problem = "{host} {reason}"
    remedy = "Check that the host is up and that Ansible can reach it. To skip it, use --limit."


class MonitorTimer(RotationError):
    code = "E_MONITOR_TIMER"
    host: str
    reason: str
    problem = "{host} was checked, but its timer could not be installed or removed: {reason}"
    remedy = "Fix that cause. The results of this check of the host are complete."


class MonitorConfiguration(RotationError):
    code = "E_MONITOR_CONFIGURATION"
    path: str
    problem = "the timer of monitoring cannot read its configuration {path}"
    remedy = "Install the timer again: run the monitor playbook with -e O(monitoring_timer)=true."


class MonitorToken(RotationError):
    code = "E_MONITOR_TOKEN"
    path: str
    problem = "{path} holds O(health_headers), and other users may read or write it"
    remedy = (
        "Make it a file of mode 0600 of the user who runs the timer, or install the timer again. If the headers hold "
        "a token, replace the token: others may know it."
    )


class MonitorSlow(RotationError):
    code = "E_MONITOR_SLOW"
    subject: str
    now: str
    ratio: float | None
    before: str
    problem = "{subject} takes {now}, which is {ratio} times the baseline of {before}"
    remedy = (
        "Check what changed since the baseline: load, a query plan, a release. To accept the new time, take a new "
        "baseline with -e O(monitoring_baseline)=take."
    )


class MonitorAnswer(RotationError):
    code = "E_MONITOR_ANSWER"
    url: str
    errors: int
    tries: int
    error: str
    problem = "{url}: {errors} of {tries} requests failed ({error})"
    remedy = "Check that the application runs on that host, or correct O(health_url)."


class MonitorLogErrors(RotationError):
    code = "E_MONITOR_LOG_ERRORS"
    source: str
    count: int
    since: str
    patterns: str
    problem = "{source}: {count:line|lines} about failed decryption since {since} ({patterns})"
    remedy = (
        "A process that was started before the switch uses the old keys: restart it. The census shows which values "
        "cannot be decrypted."
    )


class MonitorLog(RotationError):
    code = "E_MONITOR_LOG"
    source: str
    reason: str
    problem = "{source} cannot be read: {reason}"
    remedy = (
        "Give the user of the monitoring read permission (for the journal, the group systemd-journal), or correct "
        "O(log_files) or O(log_units)."
    )


class MonitorOpen(RotationError):
    code = "E_MONITOR_OPEN"
    rotation_id: str
    problem = "rotation {rotation_id} is open"
    remedy = "Resume it, or roll it back."


class MonitorOverdue(RotationError):
    code = "E_MONITOR_OVERDUE"
    key_id: str
    created: str
    due: str
    advice: str
    problem = "the keys {key_id} (created {created}) were due for rotation by {due}"
    remedy = "{advice}"


class MonitorDir(RotationError):
    code = "E_MONITOR_DIR"
    path: str
    reason: str | None
    user: str
    problem = "the state folder of monitoring, {path}, cannot be used: {reason}"
    remedy = "Set O(monitoring_dir) to a folder that {user} may write. To start over, delete the folder."


class MonitorMetrics(RotationError):
    code = "E_MONITOR_METRICS"
    path: str
    reason: str | None
    problem = "the metrics file {path} cannot be written: {reason}"
    remedy = "Set O(monitoring_metrics_file) to a file in a folder that the user of the monitoring may write."


class MonitorReport(RotationError):
    code = "E_MONITOR_REPORT"
    path: str
    reason: str | None
    problem = "the report {path} cannot be written: {reason}"
    remedy = "Give the user who runs ansible-playbook write permission."
