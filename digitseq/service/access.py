"""Who may use the service: the address it listens on, the key, and the origin of other pages."""

from __future__ import annotations

import ipaddress
import re

from digitseq.errors import SettingsError

KEY, CORS = "DIGITSEQ_API_KEY", "DIGITSEQ_CORS"


def check_key(key: str) -> bytes:
    """The key as a header holds it. Raises `SettingsError` for one that no request could show."""
    if not re.fullmatch("[!-~]+", key):
        # the message does not repeat the key, which is secret
        raise SettingsError(f"{KEY} must be printable ASCII characters without spaces or line ends")
    return key.encode()


def check_origin(origin: str) -> None:
    """Raises `SettingsError` for what no browser sends as the origin of a page."""
    if not re.fullmatch(r"https?://[A-Za-z0-9._:\[\]-]+", origin):
        raise SettingsError(f"cors must be an origin such as https://example.org, without a path, got {origin!r:.60}")


def check_reach(host: str, locked: bool, no_auth: bool) -> None:
    """Refuse to serve other machines without a key, unless `no_auth` says so."""
    if not (locked or no_auth or is_loopback(host)):
        raise SettingsError(
            f"host {host} can be reached from other machines: set {KEY} to a key that they must show, or give `no_auth`"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
