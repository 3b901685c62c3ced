"""Addresses in settings: none holds a password or key, and none that does is shown."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

_SECRET = re.compile("secret|token|password|credential|key|signature|^sig$")
_PATHS = frozenset({"sslkey"})
"""Options that say where a secret lies."""
_SHOWN = (
    (re.compile(r"://[^\s\"']*@"), "://***@"),
    (
        re.compile(
            r"([?&;][^=&\s]*(?:secret|token|password|credential|key|sig)[^=&\s]*=)[^&\s\"']*"
        ),
        r"\1***",
    ),
)


def holds_secret(uri: str) -> bool:
    """Whether a URI holds a password or key."""
    parts = urlsplit(uri)
    named = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)} - _PATHS
    # A key with a slash in it ends the part in which a password is looked for.
    has_password = parts.password is not None or re.match(r"[^:]*://[^@]*:[^@]*@", uri)
    return bool(has_password) or any(map(_SECRET.search, named))


def mask_secrets(text: str) -> str:
    """The text, with asterisks for what a URI in it may hold that is secret."""
    for pattern, shown in _SHOWN:
        text = pattern.sub(shown, text)
    return text
