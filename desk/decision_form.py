"""What the forms of a decision have in common: that of the queue, and that of one bin."""

import re

from botocore.exceptions import BotoCoreError, ClientError

from desk.audit_log import TwiceError
from pipelines.errors import UserError
from pipelines.steps import audits, record

LONGEST_NOTE = 500
NOT_SAVED = "Nothing was saved. Send it again: what you typed is still here."


class DecisionError(UserError):
    """The decision cannot be kept as it was typed; the message says why."""


# What the person at the page can correct.
REFUSALS = (DecisionError, TwiceError, audits.AuditError)
# The target cannot be opened, or S3 does not confirm; of a UserError, REFUSALS come first.
FAILURES = (UserError, ClientError, BotoCoreError)


def count(typed: str) -> int | None:
    """The count that was typed; None if it is no number of items that a bin may hold."""
    if not re.fullmatch("[0-9]{1,9}", typed) or int(typed) > record.LARGEST_QUANTITY:
        return None
    return int(typed)
