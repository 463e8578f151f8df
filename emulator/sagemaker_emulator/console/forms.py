"""Forms that a page sent."""

from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console.access import Access
from sagemaker_emulator.errors import ApiError


async def form_of(request: Request) -> dict[str, Any]:
    """The fields of a form that was sent; its uploads are `UploadFile`.

    Raises:
        ApiError: The form does not have the session's token: another site may have sent it.
    """
    form = await request.form()
    token = str(form.get("form_token") or "")
    door: Access = request.app.state.access
    if not door.is_form_token(request.state.session, token):
        raise ApiError(
            "AccessDeniedException", "The form is of another session. Load its page again.", 403
        )
    return {name: value for name, value in form.items() if name != "form_token"}
