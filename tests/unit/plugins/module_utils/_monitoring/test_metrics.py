# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring import metrics


def test_prometheus_takes_what_is_written_and_each_metric_has_its_numbers(snapshot):
    text = metrics.text(snapshot)
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    for line in (
        'key_rotation_decryption_success_ratio{project="/srv/food_ordering"} 0.99999',
        'key_rotation_values{project="/srv/food_ordering",column="customer_userprofile._address_encrypted",'
        'class="unreadable"} 1',
        'key_rotation_monitoring_findings{project="/srv/food_ordering"} 2',
        'key_rotation_seconds{project="/srv/food_ordering",what="http://h/health/"} 0.3',
        'key_rotation_baseline_seconds{project="/srv/food_ordering",what="http://h/health/"} 0.1',
        'key_rotation_slow_seconds{project="/srv/food_ordering",what="http://h/health/"} 0.2',
        'key_rotation_decryption_success_threshold{project="/srv/food_ordering"} 1',
        'key_rotation_log_errors_timestamp_seconds{project="/srv/food_ordering",'
        'source="/srv/food_ordering/logs/security.log"} 1795597200',
        'key_rotation_log_errors_total{project="/srv/food_ordering",source="/srv/food_ordering/logs/security.log",'
        'pattern="Decryption failed"} 9',
        'key_rotation_due_timestamp_seconds{project="/srv/food_ordering"} 1825027200',
    ):
        assert f"\n{line}\n" in text, line
    assert r'column="customer_userprofile.odd\"name\\"' in text


def test_every_metric_has_a_sample_in_a_full_snapshot(snapshot):
    assert {name for name in metrics.METRICS if f"# TYPE {name} " not in metrics.text(snapshot)} == set()


def test_a_look_without_a_census_repeats_the_last_one(snapshot):
    before = [line for line in metrics.text(snapshot).splitlines() if "census_timestamp" in line or "_ratio{" in line]
    snapshot.update(last_census=snapshot["census"], census=None, census_asked=False)
    text = metrics.text(snapshot)
    assert [line for line in text.splitlines() if "census_timestamp" in line or "_ratio{" in line] == before
    assert "census_failed" not in text


def test_a_census_that_failed_leaves_no_ratio_of_an_earlier_one(snapshot):
    snapshot["census"] = None
    text = metrics.text(snapshot)
    assert 'key_rotation_census_failed{project="/srv/food_ordering"} 1' in text
    assert "success_ratio" not in text


def test_a_census_that_could_not_try_every_value_alerts_and_has_the_numbers_of_the_others(snapshot):
    snapshot["census"]["whole"] = False
    text = metrics.text(snapshot)
    assert 'key_rotation_census_failed{project="/srv/food_ordering"} 1' in text
    assert "success_ratio{" in text


def test_the_file_is_for_all_to_read_and_replaced_in_one_step(snapshot, tmp_path):
    path = tmp_path / "key_rotation.prom"
    before = os.umask(0o077)
    try:
        metrics.write(str(path), snapshot)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644
    inode = path.stat().st_ino
    metrics.write(str(path), snapshot)
    assert path.stat().st_ino != inode
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["key_rotation.prom"]


def test_a_name_that_node_exporter_would_pass_over_is_refused(snapshot, tmp_path):
    with pytest.raises(RotationError, match="E_OPTION"):
        metrics.write(str(tmp_path / "key_rotation.txt"), snapshot)


def test_a_folder_that_is_not_there_is_named(snapshot, tmp_path):
    with pytest.raises(RotationError, match="E_MONITOR_METRICS"):
        metrics.write(str(tmp_path / "none/key_rotation.prom"), snapshot)
