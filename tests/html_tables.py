"""The tables of an HTML page as a phone shows them: cells below each other, each with a label."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Cell:
    """A cell of a table.

    Attributes:
        label: What a phone shows beside the cell.
        text: All its text.
        bare: The text that is in no element of the cell.
        elements: The elements in the cell that are in no other.
    """

    label: str
    text: str = ""
    bare: str = ""
    elements: list[str] = field(default_factory=list)


@dataclass
class Table:
    """A table: its classes, the class of what it lies in, its headings, and its rows."""

    classes: str
    parent: str
    headings: list[str] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self.open: list[tuple[str, str]] = []  # elements, each with its class

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "table":
            self.tables.append(Table(given.get("class") or "", self.open[-1][1]))
        elif tag == "tr" and ("tbody", "") in self.open:
            self.tables[-1].rows.append([])
        elif tag == "th":
            self.tables[-1].headings.append("")
        elif tag == "td":
            self.tables[-1].rows[-1].append(Cell(given.get("data-label") or ""))
        elif self.open and self.open[-1][0] == "td":
            self.tables[-1].rows[-1][-1].elements.append(tag)
        if tag not in ("meta", "img", "br", "link"):
            self.open.append((tag, given.get("class") or ""))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self.open]
        if "th" in tags:
            self.tables[-1].headings[-1] += data
        elif "td" in tags:
            cell = self.tables[-1].rows[-1][-1]
            cell.text += data
            cell.bare += data if tags[-1] == "td" else ""


def tables_of(page: str) -> list[Table]:
    """The tables of a page, in its order."""
    reader = _Reader()
    reader.feed(page)
    return reader.tables


def check_phone(page: str) -> None:
    """Check that a phone can show every table with all that it holds.

    Args:
        page: The HTML page; each of its tables has rows.

    Raises:
        AssertionError: A table is neither stacked below 600 pixels nor scrolled above them; or a
            cell lacks its label, or has parts that would be laid out beside each other.
    """
    for table in tables_of(page):
        assert "stack" in table.classes.split() and table.parent == "scroll", table.headings
        assert table.rows, table.headings
        for row in table.rows:
            assert len(row) == len(table.headings), [cell.text for cell in row]
            for cell, heading in zip(row[1:], table.headings[1:], strict=True):
                assert cell.label == heading, (cell.label, heading)
            for cell in row:
                # A cell is a grid of its label and one element or one text; an empty one is hidden.
                assert len(cell.elements) + bool(cell.bare) <= 1, (cell.label, cell.elements)
