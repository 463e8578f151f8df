"""Tables that fit the terminal: no word is broken in the middle, nor a number from its unit.

Where a table is too wide, it first leaves out its optional columns, then stacks the cells of each
row, as on a phone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.jupyter import JupyterMixin
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipelines.display.folding import fold, line_spans, shorten, words
from pipelines.display.formatting import STYLES

GAP = 2  # between two columns
INDENT = 2  # of the long cells of a row that is stacked
LONGEST_WORD = 32  # longer ones, as addresses, are broken at a separator where they have to be
SHORTEST_LINE = 16  # of a column that is cut at its end


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        heading: Above the cells.
        right: Align the cells on their right, as numbers.
        whole: Never wrap a cell; else cells are wrapped between words.
        optional: Leave the column out where the table is too wide; the highest number first. 0 for
            a column that is always shown.
        cut: Cut cells at their end instead of wrapping them.
    """

    heading: str
    right: bool = False
    whole: bool = False
    optional: int = 0
    cut: bool = False


class FittedTable(JupyterMixin):
    """A plain table; SageMaker's words for statuses have their colour."""

    def __init__(self, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
        self.columns, self.rows = list(columns), [list(row) for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table as wide as it has to be, at most as wide as the terminal."""
        shown = list(range(len(self.columns)))
        while self._least(shown) > options.max_width:
            last = max(shown, key=lambda at: self.columns[at].optional)
            if not self.columns[last].optional:
                yield from self._stacked(shown, options.max_width)
                return
            shown.remove(last)
        yield self._table(shown, options.max_width)

    def _least(self, shown: list[int]) -> int:
        return sum(self._narrowest(at) for at in shown) + GAP * (len(shown) - 1)

    def _narrowest(self, at: int) -> int:
        """How narrow a column can be."""
        column, cells = self.columns[at], [row[at] for row in self.rows]
        widths = [min(cell_len(word), LONGEST_WORD) for word in words(column.heading)]
        if column.cut:
            return max([SHORTEST_LINE, *widths])
        if column.whole:
            return max([*widths, *map(cell_len, cells)])
        longest = (min(cell_len(word), LONGEST_WORD) for cell in cells for word in words(cell))
        return max([*widths, *longest], default=1)

    def _table(self, shown: list[int], most: int) -> Table:
        widths = {at: self._narrowest(at) for at in shown}
        needs = {
            at: max([cell_len(self.columns[at].heading), *(cell_len(r[at]) for r in self.rows)])
            for at in shown
        }
        spare = most - sum(widths.values()) - GAP * (len(shown) - 1)
        # Each gets an equal share of what is left, at most what it needs.
        while spare > 0 and (wanting := [at for at in shown if widths[at] < needs[at]]):
            for at in wanting:
                more = min(max(1, spare // len(wanting)), needs[at] - widths[at], spare)
                widths[at] += more
                spare -= more
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for at in shown:
            column = self.columns[at]
            table.add_column(
                fold(column.heading, widths[at]),
                width=widths[at],
                justify="right" if column.right else "left",
                overflow="fold",
            )
        for row in self.rows:
            table.add_row(*(self._fitted(row[at], at, widths[at]) for at in shown))
        return table

    def _fitted(self, cell: str, at: int, width: int) -> Text:
        return folded(_styled(shorten(cell, width) if self.columns[at].cut else cell), width)

    def _stacked(self, shown: list[int], most: int) -> Iterable[RenderableType]:
        """The short cells of each row beside each other, and its long ones below, indented.

        Several long ones have their headings; a single one explains the row by itself.
        """
        long = [at for at in shown if not (self.columns[at].whole or self.columns[at].right)]
        for row in self.rows:
            lines, below = [Text()], []
            for at in shown:
                column, cell = self.columns[at], _styled(row[at])
                with_heading = column.heading and (column.right or (at in long and len(long) > 1))
                named = Text(f"{column.heading} " if with_heading else "", "dim")
                named = Text.assemble(named, cell)
                if cell and at in long:
                    below.append(Padding(folded(named, most - INDENT), (0, 0, 0, INDENT)))
                elif cell:
                    if lines[-1] and cell_len(f"{lines[-1]}  {named}") > most:
                        lines.append(Text())
                    lines[-1].append("  " if lines[-1] else "").append_text(named)
            yield from (folded(line, most) for line in lines)
            yield from below


def folded(text: Text, width: int) -> Text:
    """A text whose lines have at most `width` columns, with its styles."""
    lines = [
        line[start:end]
        for line in text.split("\n", allow_blank=True)
        for start, end in line_spans(line.plain, width)
    ]
    return Text("\n").join(lines)


def _styled(cell: str) -> Text:
    return Text(cell, style=STYLES.get(cell.split(",")[0], ""))
