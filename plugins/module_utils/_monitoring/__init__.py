# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitoring after a rotation: a snapshot of metrics, log files, response times.

The zipapp for hosts without Ansible is built from it. Modules and controller plugins import it. It imports the other
domains and the engine.
"""
