# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rollback of a rotation: what the hosts, the key store and the records show, and the strategy for that.

``action`` imports it. It imports ``_report``, ``_rotation_record``, ``_screen``, ``ansible`` and ``module_utils``.
"""
