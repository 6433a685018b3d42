# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of an application on a host: units, processes, maintenance, health, commands.

Options, modules, monitoring and controller plugins import it. It imports the engine, the environment file, the
operating system and the errors.
"""
