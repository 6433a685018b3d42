# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitoring after a rotation: a snapshot of metrics, log files, response times.

The zipapp for hosts without Ansible is built from it. ``_tasks``, ``action`` and ``plugin_utils`` import it. It imports
``_backup``, ``_destinations``, ``_engine``, ``_errors``, ``_options``, ``_record``, ``_result_types``, ``_services``
and ``_system``.
"""
