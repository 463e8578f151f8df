"""What the axes of the pictures say must be what is drawn."""

import pytest
from matplotlib.axis import Axis

from evaluation import plots


def ticks(axis: Axis, limits: tuple[float, float]) -> list[tuple[float, str]]:
    """The places of an axis that are labelled within its limits, and their labels."""
    labelled = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
    return [(at, label.get_text()) for at, label in labelled if limits[0] <= at <= limits[1]]


@pytest.mark.parametrize(("epochs", "wanted"), [(1, ["1"]), (2, ["1", "2"]), (3, ["1", "2", "3"])])
def test_the_axis_of_epochs_has_no_fractions(epochs: int, wanted: list[str]) -> None:
    history = [{"epoch": n + 1, "train_loss": 1.0, "validation_loss": 1.1} for n in range(epochs)]
    figure = plots._history({"history": history})
    figure.canvas.draw()
    for axes in figure.axes:
        assert [text for _, text in ticks(axes.xaxis, axes.get_xlim())] == wanted
