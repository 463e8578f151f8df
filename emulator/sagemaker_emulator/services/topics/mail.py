"""Messages of SNS for an e-mail address: files that a person can open, as nothing leaves here."""

import logging
import re
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

from sagemaker_emulator.services.topics.messages import Published

_DEFAULT_SUBJECT = "AWS Notification Message"
_log = logging.getLogger("emulator.mail")


def write(folder: Path, address: str, published: Published) -> Path:
    """Write a message to `<folder>/<MessageId>-<address>.eml`, at once and whole, and log that.

    Raises:
        OSError: The disk is full.
    """
    mail = EmailMessage()
    name = published.topic.rpartition(":")[2]
    mail["From"] = f"{name} <no-reply@sns.amazonaws.com>"
    mail["To"] = _line(address)
    mail["Subject"] = _line(published.subject or _DEFAULT_SUBJECT)
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = f"<{published.identity}@sns.amazonaws.com>"
    mail.set_content(published.message)
    folder.mkdir(mode=0o700, exist_ok=True)
    safe = re.sub(r"[^A-Za-z0-9@._+-]", "_", address)[:100]
    file = folder / f"{published.identity}-{safe}.eml"
    unfinished = file.with_name(f".{file.name}")
    unfinished.write_bytes(mail.as_bytes())
    unfinished.replace(file)
    _log.info("mail for %s from topic %s: %s", address, name, file)
    return file


def _line(text: str) -> str:
    """A text as the value of a header, which has one line."""
    return " ".join(text.split())
