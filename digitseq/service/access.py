"""Who may use the service: the address it listens on, the key, and the origin of other pages."""

from __future__ import annotations

import ipaddress
import re

from digitseq.errors import SettingsError

KEY, CORS = "DIGITSEQ_API_KEY", "DIGITSEQ_CORS"
_ORIGIN = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+\Z")


def check_key(key: str) -> bytes:
    """The key as a header holds it. Raises `SettingsError` for one that no request could show."""
    if not (key.isascii() and key.isprintable()) or " " in key or not key:
        raise SettingsError(
            f"{KEY} must be printable ASCII characters without spaces or line ends, got {len(key)} characters, "
            "at least one of which is something else"
        )
    return key.encode()


def check_origin(origin: str) -> None:
    """Raises `SettingsError` for what no browser sends as the origin of a page."""
    if not _ORIGIN.match(origin):
        raise SettingsError(f"cors must be an origin such as https://example.org, without a path, got {origin!r:.60}")


def check_reach(host: str, locked: bool, no_auth: bool) -> None:
    """Refuse to serve other machines without a key, unless `no_auth` says so."""
    if locked or no_auth or is_loopback(host):
        return
    raise SettingsError(
        f"host {host} can be reached from other machines: set {KEY} to a key that they must show, or give --no_auth"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
