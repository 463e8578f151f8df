"""A model package group with thousands of versions: none of them makes the next one slower."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context

from sagemaker_emulator.aws.context import Context

MANY = 3000


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = local_context(tmp_path)
    for group in ("large", "small"):
        made.call("CreateModelPackageGroup", ModelPackageGroupName=group)
    with made.store.transaction():
        for _ in range(MANY):
            made.call("CreateModelPackage", ModelPackageGroupName="large")
    yield made
    made.containers.close()


def instructions(context: Context, operation: str, **request: Any) -> int:
    """How many instructions of SQLite's virtual machine an operation takes, in hundreds.

    A time would depend on the machine.
    """
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    connection = context.store._connection
    connection.set_progress_handler(count, 100)
    try:
        context.call(operation, **request)
    finally:
        connection.set_progress_handler(None, 0)
    return counted


def test_creating_a_version_costs_the_same_in_a_large_group(context: Context) -> None:
    large = instructions(context, "CreateModelPackage", ModelPackageGroupName="large")
    small = instructions(context, "CreateModelPackage", ModelPackageGroupName="small")
    assert large <= small + 5


def test_listing_all_versions_reads_each_of_them_about_once(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, plain = 0, context.store.read

    def counting(numbers: Any) -> Any:
        nonlocal read
        read += len(numbers)
        return plain(numbers)

    monkeypatch.setattr(context.store, "read", counting)
    monkeypatch.delattr(type(context.store), "list")  # it would read them all for each page
    request: dict[str, Any] = {"ModelPackageGroupName": "large", "MaxResults": 100}
    versions, pages = [], 0
    while True:
        page = context.call("ListModelPackages", **request)
        versions += [each["ModelPackageVersion"] for each in page["ModelPackageSummaryList"]]
        pages += 1
        if not page.get("NextToken"):
            break
        request["NextToken"] = page["NextToken"]
    assert versions == list(range(MANY, 0, -1))
    assert read <= MANY + 2 * pages
