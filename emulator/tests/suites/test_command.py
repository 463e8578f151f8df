"""The command that runs suites says when none of a suite's tests ran."""

from pathlib import Path

import pytest

from suites import __main__ as command
from suites import moto_suite, page, results


def test_a_run_without_any_test_fails_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(moto_suite, "prepare", lambda cache, source: tmp_path)
    monkeypatch.setattr(moto_suite, "run", lambda *_: None)
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    kept = results.FOLDER / "moto-logs.txt"
    before = kept.stat().st_mtime_ns

    assert command.main(["moto", "logs", "--cache", str(tmp_path), "--renew"]) == 1

    assert "moto-logs: no test ran" in capsys.readouterr().out
    assert kept.stat().st_mtime_ns == before
