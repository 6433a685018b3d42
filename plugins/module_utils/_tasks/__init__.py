# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work of each module on a managed host, a function of its options, so that one process can do several.

``action``, ``modules`` and ``plugin_utils`` import it. It imports ``_backup``, ``_destinations``, ``_engine``,
``_errors``, ``_module``, ``_monitoring``, ``_options``, ``_services``, ``_system``, ``ansible`` and ``django``.
"""
