# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an application reads its keys: the .env file in each dialect, and key files.

The options, modules and controller plugins import it. It imports the engine, the operating system and the errors.
"""
