"""The change of a stack: resources made, changed, replaced and deleted, and rolled back on failure.

Each step is in the stack's document before the next begins, with a journal of what was done, so
that a server that is stopped in the middle rolls back when it starts again.
"""

from __future__ import annotations

import time
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services.stacks import stack as stacks
from sagemaker_emulator.services.stacks.functions import Scope
from sagemaker_emulator.services.stacks.kinds import Api, Kind, Made, is_missing, known
from sagemaker_emulator.services.stacks.template import Template, parse
from sagemaker_emulator.storage.store import Document

STOPPED = "The emulator was stopped in the middle; it rolls back."
_REPLACED = "Requested update requires the creation of a new physical resource; hence creating one."


class Change:
    """One change of one stack.

    Args:
        context: The server.
        stack_id: The stack.
    """

    def __init__(self, context: Context, stack_id: str) -> None:
        self._context = context
        self._id = stack_id
        self._api = Api(context.account, context.region)

    def create(self) -> None:
        """Make all resources of a stack whose status is CREATE_IN_PROGRESS."""
        stack = self._stack
        try:
            self._apply_all(stack)
        except Exception as problem:
            self._fail_creation(stack["OnFailure"], _words(problem))
            return
        self._status("CREATE_COMPLETE")

    def _fail_creation(self, on_failure: str, reason: str) -> None:
        if on_failure == "DO_NOTHING" or self._stack["DisableRollback"]:
            self._status("CREATE_FAILED", reason)
        elif on_failure == "DELETE":
            self._status("DELETE_IN_PROGRESS", reason)
            self.delete()
        else:
            self._status("ROLLBACK_IN_PROGRESS", reason)
            self.roll_back_creation()

    def roll_back_creation(self) -> None:
        """Delete what a failed creation has made."""
        failed = self._delete_all()
        self._status("ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE", failed)

    def update(self) -> None:
        """Bring a stack whose status is UPDATE_IN_PROGRESS to its new template."""
        try:
            self._apply_all(self._stack)
        except Exception as problem:
            self._status("UPDATE_ROLLBACK_IN_PROGRESS", _words(problem))
            self.roll_back_update()
            return
        self._status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self.clean_up()

    def clean_up(self) -> None:
        """Delete what an update has replaced or no longer wants; a failure is only noted."""
        stack = self._stack
        replaced = [entry for entry in stack["Journal"] if entry["Action"] == "replaced"]
        for entry in reversed(replaced):
            if entry["Before"].get("UpdateReplacePolicy") != "Retain":
                self._try_to_delete(entry["Logical"], entry["Before"])
        wanted = stack["Wanted"]
        for logical in reversed(list(stack["Resources"])):
            if logical not in wanted:
                self._delete_one(logical)
        self._save(Journal=[], Previous=None)
        self._status("UPDATE_COMPLETE")

    def roll_back_update(self) -> None:
        """Undo the journal of an update, the last first."""
        failed = ""
        for entry in reversed(self._stack["Journal"]):
            try:
                self._undo(entry)
            except Exception as problem:
                failed = failed or f"{entry['Logical']}: {_words(problem)}"
        if failed:
            self._status("UPDATE_ROLLBACK_FAILED", failed)
            return
        previous = self._stack["Previous"] or {}
        self._save(Journal=[], Previous=None, **previous)
        self._status("UPDATE_ROLLBACK_COMPLETE")

    def delete(self) -> None:
        """Delete the resources of a stack whose status is DELETE_IN_PROGRESS, then the stack."""
        if failed := self._delete_all(self._stack.get("Retained", [])):
            self._status("DELETE_FAILED", failed)
        else:
            self._save(DeletionTime=time.time())
            self._status("DELETE_COMPLETE")

    @property
    def _stack(self) -> Document:
        return stacks.of(self._context, self._id)

    def _save(self, **changes: Any) -> None:
        self._context.store.update(stacks.STACK, self._id, **changes)

    def _status(self, status: str, reason: str = "") -> None:
        set_status(self._context, self._stack, status, reason)

    def _apply_all(self, stack: Document) -> None:
        template = parse(stack["Template"])
        scope = stacks.scope(self._context, stack, template, stack["Parameters"])
        names = stacks.check(template, scope)
        self._save(Wanted=names)
        imported = set[str]()
        for logical in names:
            now = stacks.scope(self._context, self._stack, template, stack["Parameters"])
            self._apply(logical, template, now)
            imported |= now.imported
        now = stacks.scope(self._context, self._stack, template, stack["Parameters"])
        outputs = stacks.outputs(template, now)
        self._save(Outputs=outputs, Imports=sorted(imported | now.imported))

    def _apply(self, logical: str, template: Template, scope: Scope) -> None:
        """Make a resource, change it, replace it, or leave it as it is."""
        declared = template["Resources"][logical]
        kind = known()[declared["Type"]]
        stack = self._stack
        properties = scope.resolve(declared.get("Properties") or {})
        properties = stacks.with_stack_tags(properties, kind.name, stack["Tags"])
        policies = {
            name: declared.get(name, "Delete") for name in ("DeletionPolicy", "UpdateReplacePolicy")
        }
        before = stack["Resources"].get(logical)
        if before is None:
            self._make(logical, kind, properties, policies, None)
        elif before["Type"] != kind.name:
            self._make(logical, kind, properties, policies, before)
        elif before["Properties"] == properties:
            self._keep(logical, {**before, **policies})
        elif kind.needs_replacement(properties, before["Properties"]):
            self._make(logical, kind, properties, policies, before)
        else:
            self._change(logical, kind, properties, policies, before)

    def _make(
        self,
        logical: str,
        kind: Kind,
        properties: Document,
        policies: Document,
        replaced: Document | None,
    ) -> None:
        verb = "UPDATE" if replaced else "CREATE"
        name = kind.name_of(self._stack["StackName"], logical, properties)
        one = {
            **{"Type": kind.name, "Id": "", "Attributes": {}, "Properties": properties},
            **policies,
        }
        self._event(logical, replaced or one, f"{verb}_IN_PROGRESS", _REPLACED if replaced else "")
        try:
            if replaced and kind.naming in properties and replaced["Id"].endswith(name):
                raise RuntimeError(
                    "CloudFormation cannot update a stack when a custom-named resource requires "
                    f"replacing. Rename {name} and update the stack again."
                )
            made = kind.create(self._api, name, properties)
            # From here on a rollback deletes it.
            one |= {"Id": made.id, "Attributes": made.attributes}
            self._journal(logical, "replaced" if replaced else "created", replaced)
            self._keep(logical, one)
            kind.configure(self._api, made, properties, {})
        except Exception as problem:
            self._event(logical, one, f"{verb}_FAILED", _words(problem))
            raise
        self._event(logical, one, f"{verb}_COMPLETE", kind.note(properties))

    def _change(
        self, logical: str, kind: Kind, properties: Document, policies: Document, before: Document
    ) -> None:
        one = {**before, "Properties": properties, **policies}
        self._event(logical, one, "UPDATE_IN_PROGRESS")
        self._journal(logical, "changed", before)
        try:
            made = kind.update(self._api, _made(before), properties, before["Properties"])
        except Exception as problem:
            self._event(logical, one, "UPDATE_FAILED", _words(problem))
            raise
        one |= {"Id": made.id, "Attributes": made.attributes}
        self._keep(logical, one)
        self._event(logical, one, "UPDATE_COMPLETE", kind.note(properties))

    def _undo(self, entry: Document) -> None:
        logical, before = entry["Logical"], entry["Before"]
        now = self._stack["Resources"].get(logical)
        if entry["Action"] in ("created", "replaced") and now is not None:
            self._delete_resource(logical, now)
            self._forget(logical)
        if entry["Action"] == "changed":
            kind = known()[before["Type"]]
            properties = now["Properties"] if now else before["Properties"]
            kind.update(self._api, _made(before), before["Properties"], properties)
        if before:
            self._keep(logical, before)
            self._event(logical, before, "UPDATE_COMPLETE")

    def _delete_all(self, retained: list[str] | None = None) -> str:
        """Delete all resources, the last made first; return why some are left."""
        failed = []
        for logical in reversed(list(self._stack["Resources"])):
            one = self._stack["Resources"][logical]
            if logical in (retained or []) or one.get("DeletionPolicy") == "Retain":
                self._event(logical, one, "DELETE_SKIPPED")
                self._forget(logical)
            elif not self._delete_one(logical):
                failed.append(logical)
        return f"The following resource(s) failed to delete: {failed}. " if failed else ""

    def _delete_one(self, logical: str) -> bool:
        one = self._stack["Resources"][logical]
        if one.get("DeletionPolicy") == "Retain":
            self._event(logical, one, "DELETE_SKIPPED")
        elif not self._try_to_delete(logical, one):
            return False
        self._forget(logical)
        return True

    def _try_to_delete(self, logical: str, one: Document) -> bool:
        try:
            self._delete_resource(logical, one)
        except Exception as problem:
            self._event(logical, one, "DELETE_FAILED", _words(problem))
            return False
        return True

    def _delete_resource(self, logical: str, one: Document) -> None:
        self._event(logical, one, "DELETE_IN_PROGRESS")
        try:
            known()[one["Type"]].delete(self._api, _made(one), one["Properties"])
        except Exception as problem:
            if not is_missing(problem):
                raise
        self._event(logical, one, "DELETE_COMPLETE")

    def _journal(self, logical: str, action: str, before: Document | None) -> None:
        entry = {"Logical": logical, "Action": action, "Before": before}
        self._save(Journal=[*self._stack["Journal"], entry])

    def _keep(self, logical: str, one: Document) -> None:
        self._save(Resources={**self._stack["Resources"], logical: one})

    def _forget(self, logical: str) -> None:
        left = {name: one for name, one in self._stack["Resources"].items() if name != logical}
        self._save(Resources=left)

    def _event(self, logical: str, one: Document, status: str, reason: str = "") -> None:
        stack = self._stack
        about = {"Id": one["Id"], "Properties": one["Properties"], "Reason": reason}
        stacks.record(self._context, stack, logical, one["Type"], status, about)
        stands = stack["Resources"].get(logical)
        if stands and stands["Id"] == one["Id"]:  # not one that it has replaced
            noted = {"Status": status, "Reason": reason, "Time": time.time()}
            self._keep(logical, {**stands, **noted})


def set_status(context: Context, stack: Document, status: str, reason: str = "") -> None:
    """Give a stack a status, with its event.

    Args:
        context: The server.
        stack: The stack.
        status: As DescribeStacks shows it.
        reason: Why; "" for none.
    """
    with context.store.transaction():
        context.store.update(
            stacks.STACK, stack["StackId"], StackStatus=status, StackStatusReason=reason
        )
        about = {"Id": stack["StackId"], "Reason": reason}
        stacks.record(context, stack, stack["StackName"], stacks.STACK_TYPE, status, about)


def _made(one: Document) -> Made:
    return Made(one["Id"], dict(one["Attributes"]))


def _words(problem: Exception) -> str:
    return str(problem) or type(problem).__name__
