"""Model versions and executions beside each other, a column for each."""

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text

from pipelines.display.formatting import moment
from pipelines.display.table import Column, FittedTable
from pipelines.executions.comparison import Run, sections
from pipelines.serving.comparison import Compared
from pipelines.serving.replacement import Replacement
from pipelines.serving.shadow_comparison import ShadowComparison
from pipelines.side_by_side import UNKNOWN, Row, SideBySide, beside

DIFFERENT = "≠"
INDENT = "  "


def chosen_models(compared: Iterable[Compared]) -> FittedTable:
    """Chosen model versions beside each other, with all that is known of them."""
    entries = list(compared)
    facts = [
        {
            **entry.facts(),
            "registered": moment(entry.version.created, seconds=False),
            "execution": entry.version.metadata.get("execution", "").rpartition("/")[2],
            "deployment failed": entry.deployment_failure,
            "note": entry.version.note,
        }
        for entry in entries
    ]
    headings = [
        f"version {entry.version.version}{', serving' * entry.serving}" for entry in entries
    ]
    return side_by_side(beside(headings, facts))


def replacement(replaced: Replacement) -> list[RenderableType]:
    """What changes on the endpoint: the facts in which two versions differ."""
    compared = replaced.side_by_side()
    if not compared.differences:
        return [Text(f"It changes nothing that is known of the version on {replaced.endpoint}.")]
    return [
        Text(f"What changes on endpoint {replaced.endpoint}:"),
        side_by_side(SideBySide(compared.headings, compared.differences)),
    ]


def shadow(compared: ShadowComparison) -> list[RenderableType]:
    """A shadow variant beside what serves, and how often both counted the same."""
    running = compared.shadow
    parts: list[RenderableType] = [
        Text(
            f"Endpoint {compared.endpoint} sends a copy of {running.percent:g} % of its requests "
            f"to {running.named}, since {moment(running.since)}."
        ),
        side_by_side(compared.side_by_side()),
    ]
    agreement = compared.agreement
    if agreement:
        parts.append(Text(agreement.sentence))
        if agreement.differences:
            parts.append(Text(f"Counted otherwise (and how often): {agreement.differences}."))
    return parts


def runs(compared: Sequence[Run]) -> FittedTable:
    """Executions beside each other, section by section."""
    headings: tuple[str, ...] = ()
    rows: list[Row] = []
    for section in sections(compared):
        headings = section.compared.headings
        shown = section.compared.rows
        if section.only_differences:
            shown = section.compared.differences
        if shown:
            rows.append(Row(section.title, ("",) * len(headings)))
            rows += [Row(INDENT + row.label, row.values) for row in shown]
    return side_by_side(SideBySide(headings, tuple(rows)))


def side_by_side(compared: SideBySide) -> FittedTable:
    """Things beside each other; a mark at the facts in which they differ, if they do not in all."""
    columns = [Column("", whole=True), *(Column(heading) for heading in compared.headings)]
    rows = [
        [row.label, *(value or UNKNOWN * any(row.values) for value in row.values)]
        for row in compared.rows
    ]
    if 0 < len(compared.differences) < len(compared.rows):
        columns.append(Column("", whole=True))
        for row, shown in zip(compared.rows, rows, strict=True):
            shown.append(DIFFERENT if row.differs else "")
    return FittedTable(columns, rows)
