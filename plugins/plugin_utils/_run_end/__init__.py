# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run of a playbook ends: the exit code, lost hosts, and the command to type next.

The base class of the action plugins imports it. It imports module_utils and the reports.
"""
