# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notifications by e-mail and webhooks, and the sample records that templates are tried on.

``_checklist`` and ``_rotation_record`` import it. It imports ``_report``, ``ansible`` and ``module_utils``.
"""
