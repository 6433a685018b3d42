# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan on the control node: its file, and the approval that another person signed.

``_checklist``, ``_plan_action``, ``_rotation_record`` and ``action`` import it. It imports ``_control_node``,
``ansible`` and ``module_utils``.
"""
