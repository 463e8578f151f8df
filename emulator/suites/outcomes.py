"""How each test of a suite ended, and why: a pytest plugin that writes a line of JSON for each.

| outcome | the test |
|---|---|
| passes | passes |
| not there | uses an operation or a member that the emulator refuses by name |
| not applicable | sends what AWS refuses, or is listed with the reason |
| skipped | skips itself |
| differs | fails for another reason: the emulator is wrong, until somebody has looked |
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import botocore.client
import pytest
from botocore.exceptions import ClientError

PASSES, NOT_THERE, NOT_APPLICABLE = "passes", "not there", "not applicable"
SKIPPED, DIFFERS = "skipped", "differs"

# The emulator's own words for what it does not run.
_REFUSED = re.compile(
    r"[Tt]h(e|is) emulator (does not|has no|runs no|makes|scales|cannot|only)|by the emulator|"
    r"not run here|(is not|not been) implemented"
)
# botocore's model, which is AWS's, forbids the request.
_FORBIDDEN = re.compile(
    r"validation errors? detected: .*(regular expression pattern|enum value set|"
    r"length (less|greater) than|value (less|greater) than|must not be null)",
    re.DOTALL,
)
_ABSENT = ("UnknownOperationException", "NotImplemented", "NotImplementedError")


@dataclass(frozen=True)
class ErrorResponse:
    """An error that the emulator answered to a test's request."""

    service: str
    operation: str
    code: str
    message: str

    @property
    def is_absent(self) -> bool:
        """Whether the emulator refuses by name what was asked."""
        return self.code in _ABSENT or bool(_REFUSED.search(self.message))

    @property
    def is_forbidden(self) -> bool:
        """Whether AWS would refuse the request, too."""
        return bool(_FORBIDDEN.search(self.message))

    def __str__(self) -> str:
        return f"{self.service} {self.operation}: {self.code}: {self.message[:1000]}"


@dataclass(frozen=True)
class Reasons:
    """What a person decided: outcome and reason by test, and by error response.

    Attributes:
        tests: By the beginning of a test's id.
        errors: By a regular expression that an error response has somewhere.
    """

    tests: dict[str, tuple[str, str]] = field(default_factory=dict)
    errors: dict[str, tuple[str, str]] = field(default_factory=dict)

    def of_test(self, test: str) -> tuple[str, str] | None:
        """Outcome and reason of a listed test, with all its parameters."""
        for beginning, decided in self.tests.items():
            if test == beginning or test.startswith((f"{beginning}[", f"{beginning}::")):
                return decided
        return None

    def of_error(self, error: "ErrorResponse") -> tuple[str, str] | None:
        """Outcome and reason of a listed error response."""
        for pattern, decided in self.errors.items():
            if re.search(pattern, str(error)):
                return decided
        return None

    @classmethod
    def read(cls, file: Path) -> "Reasons":
        """A file of lines `outcome: reason`, below which tests and `~ error` are indented.

        Raises:
            ValueError: A line is neither.
        """
        reasons = cls()
        current: tuple[str, str] | None = None
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith(" "):
                if current is None:
                    raise ValueError(f"{file}:{number}: a test without a reason above it")
                mark, _, pattern = line.strip().partition(" ")
                into = reasons.errors if mark == "~" else reasons.tests
                into[pattern if mark == "~" else line.strip()] = current
                continue
            outcome, colon, reason = line.partition(": ")
            if not colon or outcome not in (NOT_THERE, NOT_APPLICABLE):
                raise ValueError(
                    f"{file}:{number}: begin with '{NOT_THERE}: ' or '{NOT_APPLICABLE}: ' and the "
                    "reason; the tests follow, each on an indented line"
                )
            current = outcome, reason
        return reasons


@dataclass
class Result:
    """How a test ended.

    Attributes:
        test: Its id, as pytest has it.
        outcome: One of the table above.
        why: The error response or the reason that decides it; the failure where nothing does.
        errors: The error responses that it got.
    """

    test: str
    outcome: str
    why: str = ""
    errors: list[str] = field(default_factory=list)


def classify(
    test: str, failure: str, errors: Sequence[ErrorResponse], reasons: Reasons
) -> tuple[str, str]:
    """Why a test failed: its outcome and what decides it.

    Args:
        test: Its id.
        failure: The last line of the failure.
        errors: The error responses of the test, in order.
        reasons: What a person decided; it goes before all else.
    """
    if decided := reasons.of_test(test):
        return decided
    for error in errors:
        if error.is_absent:
            return NOT_THERE, str(error)
        if decided := reasons.of_error(error):
            outcome, reason = decided
            return outcome, f"{error.service} {error.operation}: {reason}"
    # A test that expects the refusal, and fails on its words, is not excused.
    if errors and errors[-1].is_forbidden and f"({errors[-1].code})" in failure:
        return NOT_APPLICABLE, str(errors[-1])
    return DIFFERS, failure


class Recorder:
    """The hooks; one for each run of pytest.

    Args:
        file: Where the results go.
        reasons: What a person decided.
    """

    def __init__(self, file: Path, reasons: Reasons) -> None:
        self._file = file
        self._reasons = reasons
        self._errors: list[ErrorResponse] = []
        self._failures: dict[str, str] = {}

    def record_errors(self) -> None:
        """Note every error response that a client of this process gets."""
        base: Any = botocore.client.BaseClient
        original = base._make_api_call
        errors = self._errors

        def make_api_call(client: Any, operation: str, parameters: Any) -> Any:
            try:
                return original(client, operation, parameters)
            except ClientError as error:
                about = error.response.get("Error", {})
                code, message = about.get("Code", ""), about.get("Message", "")
                service = client.meta.service_model.service_name
                errors.append(ErrorResponse(service, operation, code, message))
                raise

        base._make_api_call = make_api_call

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Forget the responses of the test before."""
        self._errors.clear()

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure, and write the result when the test is torn down."""
        test = report.nodeid
        if report.failed and test not in self._failures:
            crash = getattr(report.longrepr, "reprcrash", None)
            text = crash.message if crash else str(report.longrepr)
            self._failures[test] = f"{report.when}: {text}"
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            self._write(Result(test, SKIPPED, reason))
            self._failures[test] = SKIPPED
        if report.when == "teardown":
            failure = self._failures.pop(test, "")
            if failure != SKIPPED:
                self._write(self._result(test, failure))

    def _result(self, test: str, failure: str) -> Result:
        errors = [str(error) for error in self._errors]
        if not failure:
            return Result(test, PASSES)
        outcome, why = classify(test, failure, self._errors, self._reasons)
        return Result(test, outcome, why, errors)

    def _write(self, result: Result) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Record the results in `$SUITE_RESULTS`, with the reasons of `$SUITE_REASONS`.

    With pytest-xdist's `-n`, the workers record, which see the tests' error responses.
    """
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        return
    reasons = Reasons.read(Path(os.environ["SUITE_REASONS"]))
    recorder = Recorder(Path(os.environ["SUITE_RESULTS"]), reasons)
    recorder.record_errors()
    config.pluginmanager.register(recorder)
