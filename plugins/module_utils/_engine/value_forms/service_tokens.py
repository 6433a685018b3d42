# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens and IDs of other services: a prefix, and as many characters of the alphabet as the service documents.

An application may put these prefixes before its own tokens, but those have another length or alphabet.
"""

from __future__ import annotations

_HEX = r"[\da-f]"
_BASE62 = r"[A-Za-z0-9]"

TOKENS = (
    # Stripe: keys of 24 characters, later of 99 that begin with the account; secrets of webhooks, also of others
    rf"[spr]k_(?:live|test)_(?:{_BASE62}{{24}}|51{_BASE62}{{97}})",
    rf"(?:pi|seti|src)_{_BASE62}{{24}}_secret_{_BASE62}{{24,27}}",
    r"whsec_[A-Za-z0-9+/]{32}(?:[A-Za-z0-9+/]{10,12}={0,2})?",
    rf"gh[opsur]_{_BASE62}{{36}}|github_pat_{_BASE62}{{22}}_{_BASE62}{{59}}",  # GitHub
    r"glpat-[\w-]{20}|glpat-[\w-]{27,300}\.[\da-z]{2}\.[\da-z]{9}",  # GitLab
    rf"xox[abeoprs]-(?:\d+-)+(?:{_BASE62}{{24}}|{_HEX}{{32}})|xapp-\d-[A-Z0-9]+-\d+-{_HEX}{{64}}",  # Slack
    rf"hv[sr]\.(?:{_BASE62}{{24}}|CAES[\w-]{{86,120}})|hvb\.AAAAA[\w-]{{130,300}}",  # HashiCorp Vault
    rf"do[opr]_v1_{_HEX}{{64}}",  # DigitalOcean
    r"shp(?:at|ca|pa|ss)_[\da-fA-F]{32}",  # Shopify
    rf"npm_{_BASE62}{{36}}",
    r"pypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw)[\w-]{50,250}",
    r"AIza[\w-]{35}|GOCSPX-[\w-]{28}|ya29\.[\w-]{60,2000}|1//0[\w-]{60,200}",  # Google
    r"google-site-verification=[\w-]{43}",
    r"(?:AKIA|ASIA)[A-Z2-7]{16}",  # Amazon
    r"SG\.[\w-]{22}\.[\w-]{43}",  # SendGrid
    r"sq0[a-z]{3}-(?:[\w-]{22}|[\w-]{43})|EAAA[\w-]{60}",  # Square
    rf"EAA{_BASE62}{{90,300}}",  # Facebook
    rf"sk-{_BASE62}{{20}}T3BlbkFJ{_BASE62}{{20}}|sk-(?:proj|svcacct)-[\w-]+T3BlbkFJ[\w-]+",  # OpenAI
    rf"(?:AC|AP|CA|CH|IS|ME|MG|MM|PN|RE|SK|SM|US|VA){_HEX}{{32}}",  # Twilio
    rf"key-{_HEX}{{32}}",  # Mailgun
    # notifications to phones
    r"[\w-]{11,22}:APA91b[\w-]{134}",
    r"Expo(?:nent)?PushToken\[[\w-]{22}\]",
)
IDS = (
    # Stripe: 14, 16 or 24 characters, which are less than a nonce and a tag; a checkout has more
    r"(?:acct|card|ch|cus|evt|in|pi|pm|po|price|prod|re|req|seti|si|src|sub|tok|txn)_"
    rf"(?:{_BASE62}{{14}}|{_BASE62}{{16}}|{_BASE62}{{24}})",
    rf"cs_(?:live|test)_[ab]1{_BASE62}{{50,62}}",
    r"[A-Z]{1,8}[a-z]{0,2}_(?:k[gw]|l[AQ])DO[\w-]{5,100}",  # a node of GitHub: a list in MessagePack
    r"ChIJ[\w-]{23}",  # a place of Google
    r"Qm[1-9A-HJ-NP-Za-km-z]{44}|baf[a-z2-7]{56}",  # IPFS
    r"0[0-7][0-9A-HJKMNP-TV-Z]{24}",  # ULID
)
