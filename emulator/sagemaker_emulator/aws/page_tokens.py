"""NextTokens of lists: opaque texts that hold a place, good for one request alone."""

import base64
import json

from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.storage import orders
from sagemaker_emulator.storage.orders import Order

# Where an item stands: the value that is sorted by (None comes first), and the item's own name.
Place = tuple[float | str | None, float | str]

# No text in UTF-8 begins with it. botocore's paginators, which also take a service's token as
# StartingToken, would otherwise read one that is base64 of JSON as a token of their own.
_MARK = b"\xc0"


def offset_of(token: str | None, scope: str = "") -> int:
    """The count in a NextToken; 0 without one.

    Raises:
        ApiError: It is not one that `encode` returned for the same scope.
    """
    if not token:
        return 0
    offset = _decode(token, scope)
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
        raise invalid_token()
    return offset


def last_of(token: str, scope: str, order: Order) -> orders.Place:
    """The place of a page's last item in an order of the store.

    Raises:
        ApiError: The token is not one for the same scope.
    """
    if order is orders.CREATION:
        return offset_of(token, scope)
    match _decode(token, scope):
        case str() as name if order.unique:
            return name
        case [str() | int() | float() as value, int() as number] if not order.unique:
            return value, number
    raise invalid_token()


def invalid_token() -> ApiError:
    """The refusal of a token, in SageMaker's words; the placeholder is AWS's own oversight."""
    return invalid('Invalid pagination token because "{0}".')


def place_of(token: str, scope: str) -> Place:
    """The place in a NextToken.

    Raises:
        ApiError: It is not one that `encode` returned for the same scope.
    """
    match _decode(token, scope):
        case [None | int() | float() | str() as value, int() | float() | str() as name]:
            return value, name
    raise invalid_token()


def encode(scope: str, content: object) -> str:
    """An opaque NextToken that holds a place or a count."""
    return base64.b64encode(_MARK + json.dumps([scope, content]).encode()).decode()


def _decode(token: str, scope: str) -> object:
    """The content of a token.

    Raises:
        ApiError: It was not made for this scope.
    """
    try:
        text = base64.b64decode(token.encode("ascii"), validate=True)
        if not text.startswith(_MARK):
            raise ValueError
        made_for, content = json.loads(text[len(_MARK) :].decode())
    except (ValueError, TypeError, RecursionError):
        raise invalid_token() from None
    if made_for != scope:
        raise invalid_token()
    return content
