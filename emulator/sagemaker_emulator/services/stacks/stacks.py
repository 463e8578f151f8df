"""The stacks of one server: their changes run in threads, one at a time for each stack."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services.stacks import stack as stacks
from sagemaker_emulator.services.stacks.change import STOPPED, Change, set_status

_log = logging.getLogger("emulator.stacks")
# What a server that starts does with what the last one left in the middle, by the stack's status.
_CONTINUED: dict[str, tuple[str, Callable[[Change], None]]] = {
    "CREATE_IN_PROGRESS": ("ROLLBACK_IN_PROGRESS", Change.roll_back_creation),
    "ROLLBACK_IN_PROGRESS": ("ROLLBACK_IN_PROGRESS", Change.roll_back_creation),
    "UPDATE_IN_PROGRESS": ("UPDATE_ROLLBACK_IN_PROGRESS", Change.roll_back_update),
    "UPDATE_ROLLBACK_IN_PROGRESS": ("UPDATE_ROLLBACK_IN_PROGRESS", Change.roll_back_update),
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": (
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        Change.clean_up,
    ),
    "DELETE_IN_PROGRESS": ("DELETE_IN_PROGRESS", Change.delete),
}


class Stacks:
    """The stacks of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def start(self) -> None:
        """Roll back, or end, the changes that the previous server left in the middle."""
        for stack in stacks.living(self._context):
            if stack["StackStatus"] in _CONTINUED:
                status, run = _CONTINUED[stack["StackStatus"]]
                if status != stack["StackStatus"]:
                    set_status(self._context, stack, status, STOPPED)
                self.begin(stack["StackId"], run)

    def stop(self) -> None:
        """Leave the changes under way to the next server."""

    def begin(self, stack_id: str, run: Callable[[Change], None]) -> None:
        """Run a change of a stack, whose status says already which, in a thread."""
        change = Change(self._context, stack_id)

        def guarded() -> None:
            try:
                run(change)
            except Exception:
                if not self._context.stopping():
                    _log.exception("the change of %s ended", stack_id)

        threading.Thread(target=guarded, name=f"stack {stack_id}", daemon=True).start()
