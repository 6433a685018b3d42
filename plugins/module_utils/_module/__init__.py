# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Support for running a module: its only way to end, and secrets in a result that only the controller can read.

``_tasks``, ``modules`` and ``plugin_utils`` import it. It imports ``_errors``, ``_system``, ``ansible`` and
``cryptography``.
"""
