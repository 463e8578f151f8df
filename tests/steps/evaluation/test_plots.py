"""What the axes of the pictures say must be what is drawn."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from evaluation import plots, verification, verification_plot
from evaluation.predictions import Predictions
from evaluation.testset import TestImage


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


@pytest.mark.parametrize("record_error_rate", [0.05, 0.1, 0.17, 0.3])
def test_whole_percents_stand_at_whole_percents(
    record_error_rate: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, _: drawn.append(figure))
    generator = np.random.default_rng(0)
    truth = np.arange(40) % 3 + 1
    shares = 0.7 * np.eye(3)[truth - 1] + 0.3 * generator.dirichlet((1, 1, 1), 40)
    images = tuple(TestImage(tmp_path / f"{n}.jpg", int(count)) for n, count in enumerate(truth))
    found = Predictions(
        images, (1, 2, 3), truth, shares.argmax(1) + 1, shares.max(1),
        shares[np.arange(40), truth - 1], shares @ [1, 2, 3], shares,
    )  # fmt: skip
    described = verification.describe(found, None, record_error_rate, 0.95)
    verification_plot.draw(tmp_path / "verification.png", found, described)
    drawn[0].canvas.draw()
    for axes in drawn[0].axes:
        for at, text in ticks(axes.yaxis, axes.get_ylim()):
            assert float(text.rstrip("%")) == pytest.approx(100 * at)
