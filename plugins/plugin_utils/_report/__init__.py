# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The views of a record: summary box, pages, log, ticket, calendar. All views read one ``RotationState``.

``_action``, ``_checklist``, ``_failed_runs``, ``_notify``, ``_progress``, ``_rollback``, ``_rotation_record``,
``_screen``, ``_service_steps`` and ``action`` import it. It imports ``_keys``, ``ansible`` and ``module_utils``.
"""
