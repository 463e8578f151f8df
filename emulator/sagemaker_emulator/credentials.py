"""The key pair of a state: what its clients sign with, and what its servers verify with."""

import contextlib
import json
import os
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path

from sagemaker_emulator.errors import StartError

_FILE = "credentials.json"
_ID_LETTERS = string.ascii_uppercase + "234567"  # as AWS's: base32
_SECRET_BYTES = 30  # 40 letters of base64


@dataclass(frozen=True)
class Credentials:
    """An access key: its id, which is sent, and its secret, which never is."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The variables in which every AWS client looks for them."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }

    @classmethod
    def of(cls, state: Path) -> "Credentials":
        """The key pair of a state, drawn at random the first time; two callers get one pair.

        Raises:
            StartError: The file is another user's or a link, cannot be used, or is damaged.
        """
        path = state / _FILE
        try:
            if not path.exists() and not path.is_symlink():
                _create(path)
            return _read(path)
        except OSError as problem:
            raise StartError(f"the keys in {path} cannot be used: {problem}") from None


def _create(path: Path) -> None:
    pair = {
        "AccessKeyId": "AKIA" + "".join(secrets.choice(_ID_LETTERS) for _ in range(16)),
        "SecretAccessKey": secrets.token_urlsafe(_SECRET_BYTES),
    }
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            json.dump(pair, new)
            new.flush()
            os.fsync(new.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its pair is used
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path) -> Credentials:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as file:
        about = os.fstat(file.fileno())
        if about.st_uid != os.geteuid():
            raise StartError(f"{path} belongs to another user (uid {about.st_uid}); delete it")
        if about.st_mode & 0o077:
            os.fchmod(file.fileno(), 0o600)
        try:
            document = json.load(file)
            pair = document["AccessKeyId"], document["SecretAccessKey"]
        except (ValueError, TypeError, KeyError):
            pair = (None, None)
    if not all(isinstance(value, str) and value for value in pair):
        raise StartError(
            f"{path} is damaged: it has no AccessKeyId and SecretAccessKey; "
            "delete it to have a new pair drawn"
        )
    return Credentials(*pair)
