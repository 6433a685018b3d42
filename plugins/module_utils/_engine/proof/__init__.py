# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof: the census, digests of rows, and what the application itself reads.

``_backup``, ``_engine``, ``_monitoring``, ``_record``, ``_result_types``, ``_tasks``, ``application``,
``comparison``, ``discovery``, ``plan``, ``plugin_utils`` and ``rewrite`` import it. It imports ``_errors``,
``_system``, ``application``, ``columns``, ``crypto``, ``discovery``, ``django``, ``findings``, ``postgres``,
``rewrite`` and ``value_forms``.
"""
