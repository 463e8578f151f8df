"""Who may use the console: a link that works once, then a cookie of this site; and form tokens.

Everything is signed with the secret of the state's key, so a restart of the server ends no session
and nothing has to be stored. Deleting `credentials.json` ends all of them.
"""

import hmac
import secrets
import threading
import time
from hashlib import sha256

from sagemaker_emulator.credentials import Credentials

OPEN = "/console/open"
LINK_SECONDS = 3600.0
SESSION_SECONDS = 12 * 3600.0


def link(url: str, pid: int, credentials: Credentials) -> str:
    """An address that opens the console of one server once.

    Args:
        url: The server's address.
        pid: The number of its process: the link ends with it.
        credentials: The state's key pair.
    """
    token = _signed(credentials, f"link {pid}", secrets.token_hex(8), LINK_SECONDS)
    return f"{url}{OPEN}?key={token}"


class Access:
    """The links and sessions of one server.

    Args:
        credentials: The state's key pair.
        pid: The number of the server's process.
        port: The server's port: cookies are sent to all ports of a host.
    """

    def __init__(self, credentials: Credentials, pid: int, port: int) -> None:
        self.cookie = f"sagemaker-emulator-{port}"
        self._credentials = credentials
        self._pid = pid
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}

    def redeem(self, token: str) -> str | None:
        """Use a link's token, and return the value of a new session's cookie.

        Returns:
            None if the token is not of this server, is too old or was used before.
        """
        name = _verified(self._credentials, f"link {self._pid}", token)
        if name is None:
            return None
        now = time.time()
        with self._lock:
            self._used = {used: until for used, until in self._used.items() if until > now}
            if name in self._used:
                return None
            self._used[name] = now + LINK_SECONDS
        return self.new_session()

    def new_session(self) -> str:
        """The value of a cookie that was never used."""
        return _signed(self._credentials, "session", secrets.token_hex(16), SESSION_SECONDS)

    def session(self, cookie: str) -> str | None:
        """The name of the session that a cookie's value belongs to; None if it is not valid."""
        return _verified(self._credentials, "session", cookie)

    def form_token(self, session: str) -> str:
        """What each form of a session sends back, and no other site can know."""
        return _signature(self._credentials, f"form {session}")

    def is_form_token(self, session: str, token: str) -> bool:
        """Whether a form of this session was sent."""
        return hmac.compare_digest(self.form_token(session).encode(), token.encode())


def _signature(credentials: Credentials, text: str) -> str:
    key = f"console {credentials.secret_access_key}".encode()
    return hmac.new(key, text.encode(), sha256).hexdigest()


def _signed(credentials: Credentials, purpose: str, name: str, seconds: float) -> str:
    until = int(time.time() + seconds)
    return f"{name}.{until}.{_signature(credentials, f'{purpose} {name} {until}')}"


def _verified(credentials: Credentials, purpose: str, token: str) -> str | None:
    name, _, rest = token.partition(".")
    until, _, signature = rest.partition(".")
    expected = _signature(credentials, f"{purpose} {name} {until}")
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        return None
    return name if float(until) > time.time() else None
