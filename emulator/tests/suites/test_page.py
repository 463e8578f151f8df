"""The page of the suites shows what is kept."""

from pathlib import Path

from suites import page
from suites.outcomes import NOT_THERE, PASSES, Result
from suites.results import Kept


def test_the_page_in_docs_shows_the_kept_results() -> None:
    assert page.PAGE.read_text() == page.text(), "make test-moto RENEW=1 writes it"


def test_counts_and_operations_that_are_not_there_are_shown(tmp_path: Path) -> None:
    results = [Result("a", PASSES), Result("b", NOT_THERE, "logs StartQuery: x: y")]
    Kept.from_run("moto-logs", results).write(tmp_path)

    text = page.text(tmp_path)

    assert "| moto-logs | 1 | 0 | 1 | 0 | 0 |" in text
    assert "| moto-logs | StartQuery 1 |" in text
