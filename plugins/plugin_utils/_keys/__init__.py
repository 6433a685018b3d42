# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys on the control node: the configured key store, changes of its versions, new versions, and the keys of a host.

The stores themselves are in ``module_utils/_stores``. ``_action``, ``_key_action``, ``_plan_action``, ``_report``,
``action`` and ``lookup`` import it. It imports ``_control_node``, ``ansible``, ``cryptography`` and ``module_utils``.
"""
