# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitoring between rotations."""

from __future__ import annotations

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
    "E_MONITOR": ("{count}: {findings}", "{todo} Then type: {commands}"),
    "E_MONITOR_HOST": (
        "{host} {reason}",
        "See that it is up and that Ansible reaches it. To leave it out: --limit.",
    ),
    "E_MONITOR_TIMER": (
        "{host} was looked at, but its timer could not be installed or taken away: {reason}",
        "Do what is said there. What the look shows of the host is whole.",
    ),
    "E_MONITOR_SLOW": (
        "{what} takes {now}, {ratio} times the {before} of the baseline",
        "See what changed since: load, a query plan, a release. If it is to stay so, take a new baseline with "
        "-e key_rotation_monitoring_baseline=take.",
    ),
    "E_MONITOR_ANSWER": (
        "{url}: {errors} of {tries} tries had no good answer ({error})",
        "See that the application runs on that host, or correct key_rotation_health_url.",
    ),
    "E_MONITOR_LOG_ERRORS": (
        "{source}: {count} lines tell of failed decryption since {since} ({patterns})",
        "A process that was started before the switch has the old keys: restart it. The census says which values do "
        "not open.",
    ),
    "E_MONITOR_LOG": (
        "{source} cannot be read: {reason}",
        "Give the user who looks the right to read it (for the journal, the group systemd-journal), or correct "
        "key_rotation_log_files or key_rotation_log_units.",
    ),
    "E_MONITOR_OPEN": ("rotation {rotation_id} is open", "Go on with it, or roll it back."),
    "E_MONITOR_OVERDUE": (
        "the keys {key_id} of {created} were to be rotated by {due}",
        "{advice}",
    ),
    "E_MONITOR_DIR": (
        "the folder {path}, in which monitoring remembers, cannot be used: {reason}",
        "Set key_rotation_monitoring_dir to a folder that {user} may write. To begin anew, remove it.",
    ),
    "E_MONITOR_METRICS": (
        "the metrics file {path} cannot be written: {reason}",
        "Set key_rotation_monitoring_metrics_file to a file in a folder that the user who looks may write.",
    ),
    "E_MONITOR_REPORT": (
        "the report {path} cannot be written: {reason}",
        "Give the user who runs ansible-playbook the right to write it.",
    ),
}
