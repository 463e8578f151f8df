"""A page of executions: filtered, newest first, with one call for all of them."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console.execution import RUNNING, id_of, pipeline_of
from sagemaker_emulator.console.lists import PAGE
from sagemaker_emulator.console.pages import call, url

STATUSES = ("Executing", "Succeeded", "Failed", "Stopping", "Stopped")
_ID = re.compile(r"[a-z0-9]{12}")


@dataclass(frozen=True)
class Row:
    """An execution in a list; times are seconds.

    Attributes:
        duration: from its start to its last change; to now while it is running.
    """

    id: str
    name: str
    pipeline: str
    status: str
    started: float
    duration: float

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status in RUNNING


@dataclass(frozen=True)
class ExecutionList:
    """One page of executions.

    Attributes:
        filter: what the names were filtered by.
        status: the status that was chosen; empty for all.
        next: the token of the next page; empty on the last.
        events: the address of the events with the list as it changes; empty for later pages.
    """

    rows: list[Row]
    filter: str
    status: str
    next: str
    events: str
    statuses: tuple[str, ...] = STATUSES


def executions(request: Request, pipeline_arn: str = "") -> ExecutionList:
    """The executions that the query `filter`, `status` and `after` of a request ask for.

    Args:
        request: The browser's request.
        pipeline_arn: Whose; empty for those of all pipelines.

    Raises:
        ApiError: The token is not one of this list.
    """
    text = request.query_params.get("filter", "").strip()
    status = request.query_params.get("status", "")
    filters = []
    if pipeline_arn:
        filters.append(_filter("PipelineArn", pipeline_arn, "Equals"))
    if status in STATUSES:
        filters.append(_filter("PipelineExecutionStatus", status, "Equals"))
    if _ID.fullmatch(text):
        filters.append(_filter("PipelineExecutionArn", text, "Contains"))
    elif text:
        filters.append(_filter("PipelineExecutionDisplayName", text, "Contains"))
    found = call(
        request,
        "Search",
        Resource="PipelineExecution",
        SearchExpression={"Filters": filters} if filters else None,
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=PAGE,
        NextToken=request.query_params.get("after", ""),
    )
    rows = [_row(each["PipelineExecution"]) for each in found["Results"]]
    # Their pages need not search for them.
    request.app.state.execution_arns |= {
        id_of(arn): arn
        for each in found["Results"]
        if (arn := each["PipelineExecution"]["PipelineExecutionArn"])
    }
    after = request.query_params.get("after", "")
    pipeline = pipeline_arn.rpartition("/")[2]
    events = url("execution-list", "events", pipeline=pipeline, filter=text, status=status)
    next_ = found.get("NextToken", "")
    return ExecutionList(rows, text, status, next_, "" if after else events)


def _filter(name: str, value: str, operator: str) -> dict[str, str]:
    return {"Name": name, "Value": value, "Operator": operator}


def _row(execution: Mapping[str, Any]) -> Row:
    arn, status = execution["PipelineExecutionArn"], execution["PipelineExecutionStatus"]
    started = execution["CreationTime"]
    ended = time.time() if status in RUNNING else execution["LastModifiedTime"]
    return Row(
        id=id_of(arn),
        name=execution.get("PipelineExecutionDisplayName") or id_of(arn),
        pipeline=pipeline_of(arn),
        status=status,
        started=started,
        duration=ended - started,
    )
