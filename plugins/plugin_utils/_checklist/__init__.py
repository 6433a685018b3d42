# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight checklist: one file per subject, with pure functions that check what the hosts reported.

``action`` imports it. It imports ``_control_node``, ``_notify``, ``_plans``, ``_report``, ``_rotation_record``,
``ansible`` and ``module_utils``.
"""
