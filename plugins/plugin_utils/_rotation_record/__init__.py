# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run on the control node: open, sign, close, fail and verify it, with its pages and notices.

How a line is written: module_utils/_record. ``_checklist``, ``_record_action``, ``_rollback`` and ``action`` import it.
It imports ``_control_node``, ``_failed_runs``, ``_notify``, ``_plans``, ``_report``, ``_screen``, ``ansible`` and
``module_utils``.
"""
