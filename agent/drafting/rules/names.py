"""Ids of competitions from the names of their folders."""

import hashlib
import os
import re
import unicodedata
from pathlib import Path

_LONGEST = 60  # characters of an id without its hash; ids are names of folders
_HASH = 6  # hexadecimal digits


def competition_id(name: str) -> str:
    """Return the id of a competition whose folder has this name.

    Letters lose their accents, other characters become dashes. If letters or digits of another script are
    lost, or a long name is cut, a hash of the whole name keeps the ids of different folders apart.
    """
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    slug = re.sub(r"[^a-z0-9_-]+", "-", plain.lower()).strip("-_")
    is_lost = any(char.isalnum() and not char.isascii() for char in plain) or not slug
    if not is_lost and len(slug) <= _LONGEST:
        return slug
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:_HASH]
    return f"{slug[:_LONGEST].strip('-_') or 'competition'}-{digest}"


def readable_name(folder: Path) -> str:
    """Return the name of a folder as text; bytes that are no UTF-8 are replaced."""
    return os.fsencode(folder.name).decode("utf-8", "replace")
