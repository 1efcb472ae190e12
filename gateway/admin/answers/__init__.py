"""What the admin API answers, for its description; tests hold every answer to it.

standing    how the gateway is doing
kept        inbounds, attempts and dead letters
known       vendors, examples, translations, the configuration
"""

from msgspec import Struct

Time = str
"""ISO 8601, UTC."""


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """An object with these members and no others."""
