"""A filter pattern in any of its three forms.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html has the forms:
terms, JSON (`{...}`) and space-delimited (`[...]`). The wording of the refusal is AWS's; what
follows the colon is the emulator's own.
"""

import functools
from collections.abc import Callable
from typing import Protocol

from sagemaker_emulator.services.logs.common import invalid
from sagemaker_emulator.services.logs.patterns.delimited_form import DelimitedForm
from sagemaker_emulator.services.logs.patterns.json_form import JsonForm
from sagemaker_emulator.services.logs.patterns.terms import Terms


class Pattern(Protocol):
    """Which messages match."""

    def values(self, message: str) -> dict[str, str] | None:
        """What the pattern takes from a message, by names such as `$.level`; None: no match."""


@functools.lru_cache(1000)
def parse(text: str) -> Pattern:
    """Read a pattern; an empty one matches every message.

    Raises:
        ApiError: `InvalidParameterException`: it is malformed.
    """
    text = text.strip()
    forms: dict[str, Callable[[str], Pattern]] = {"{": JsonForm, "[": DelimitedForm}
    form = forms.get(text[:1], Terms)
    try:
        return form(text)
    except ValueError as problem:
        raise invalid(f"Invalid filter pattern: {problem}") from None
