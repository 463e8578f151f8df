"""The keys of tags, which no service lets begin with `aws:`."""

from collections.abc import Iterable

from sagemaker_emulator.errors import ApiError


def check_keys(keys: Iterable[str], code: str) -> None:
    """Refuse a key that only AWS may set.

    Args:
        keys: of the tags of a request.
        code: the service's error for a wrong request.

    Raises:
        ApiError: There is one.
    """
    if reserved := [key for key in keys if key.lower().startswith("aws:")]:
        raise ApiError(code, f"Tag key {reserved[0]!r} is not allowed: aws: is reserved for AWS.")
