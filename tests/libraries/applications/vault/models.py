# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from django.db import models
from django_cryptography.fields import encrypt


class Visible(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(hidden=False)


class Entry(models.Model):
    name = models.CharField(max_length=40, primary_key=True)
    hidden = models.BooleanField(default=False)
    secret = encrypt(models.TextField())

    objects = Visible()
    everything = models.Manager()

    class Meta:
        default_manager_name = "objects"
        db_table = "Vault Entries"
