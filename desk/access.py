"""Who may use the desk: one-time keys, the cookie, and the checks of every request.

A key from the terminal is exchanged for a signed cookie, which is renewed on use. The secret that
signs is a file, and nothing else is stored: a restart of the desk signs nobody out.
"""

import hmac
import ipaddress
import os
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

COOKIE_SECONDS = 90 * 86400
RENEWED_AFTER = 86400  # seconds; a cookie that is older is renewed when it is used
KEY_SECONDS = 600  # how long a key that a page has shown can be used
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def read_secret(file: Path) -> bytes:
    """Return the secret of this machine's desk; the first call creates it, for its owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    text = file.read_text(encoding="ascii").strip()
    if len(text) < 64:  # the machine stopped while it was written
        file.unlink()
        return read_secret(file)
    return bytes.fromhex(text)


@dataclass
class Keys:
    """Keys that sign a browser in, each of them once."""

    _expiry: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def issue(self, seconds: float = float("inf")) -> str:
        """Return a new key that can be used for this long."""
        key = secrets.token_urlsafe(18)
        with self._lock:
            self._expiry[key] = time.monotonic() + seconds
        return key

    def use(self, key: str) -> bool:
        """Whether the key is valid; it is not from then on."""
        with self._lock:
            return self._expiry.pop(key, 0.0) > time.monotonic()


@dataclass(frozen=True)
class Visitor:
    """A browser that is signed in.

    Attributes:
        session: Its random id.
        issued: When its cookie was made, in seconds since 1970.
    """

    session: str
    issued: int


@dataclass(frozen=True)
class Access:
    """The checks, and the signing of cookies and form tokens.

    Attributes:
        secret: From `read_secret`.
        host: The address that the desk listens on.
        port: Its port; cookies of two ports of one machine would replace each other.
        names: Further names of this machine that may stand in an address.
        keys: The keys that are not used yet.
    """

    secret: bytes
    host: str
    port: int
    names: tuple[str, ...] = ()
    keys: Keys = field(default_factory=Keys)

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return f"tally_desk_{self.port}"

    def new_cookie(self, session: str = "") -> str:
        """Return the value of a cookie, of a new session where none is named."""
        value = f"{session or secrets.token_hex(16)}.{int(time.time())}"
        return f"{value}.{self.sign('cookie', value)}"

    def visitor(self, cookies: Mapping[str, str]) -> Visitor | None:
        """Return who sends these cookies; None if the desk's is missing, false or too old."""
        value, _, signature = cookies.get(self.cookie, "").rpartition(".")
        session, _, issued = value.partition(".")
        if not hmac.compare_digest(signature.encode(), self.sign("cookie", value).encode()):
            return None
        if int(issued) < time.time() - COOKIE_SECONDS:
            return None
        return Visitor(session, int(issued))

    def form_token(self, visitor: Visitor) -> str:
        """Return the token that every form of this visitor must send."""
        return self.sign("form", visitor.session)

    def accepts_token(self, visitor: Visitor, token: str) -> bool:
        """Whether a form's token is this visitor's."""
        return hmac.compare_digest(token.encode(), self.form_token(visitor).encode())

    def sign(self, purpose: str, text: str) -> str:
        """Return the signature of a text, for one purpose only."""
        return hmac.new(self.secret, f"{purpose}:{text}".encode(), sha256).hexdigest()

    def accepts_host(self, host: str) -> bool:
        """Whether a request may name this host.

        A web page can point a name of its own at this machine (DNS rebinding), but not an address.
        So addresses are allowed, and only those names that are this machine's.
        """
        name = _hostname(host)
        if self.host in LOOPBACK:
            return name in LOOPBACK
        return name in (*LOOPBACK, self.host.lower(), *self.names) or _is_address(name)

    def accepts_origin(self, origin: str | None, host: str) -> bool:
        """Whether a request that changes something comes from a page of this desk."""
        return bool(origin) and urlsplit(origin).netloc == host


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
