# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control node itself: its clock, code and processes, the operator's variables, and files for hosts or of its own.

``_action``, ``_checklist``, ``_keys``, ``_module_runner``, ``_plans``, ``_rotation_record``, ``_single_module_action``
and ``action`` import it. It imports ``_task_options``, ``ansible`` and ``module_utils``.
"""
