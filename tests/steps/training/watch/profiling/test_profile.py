"""The profile of a training: recorded operators, findings in words, and the page."""

import html
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.html_tables import check_phone, tables_of
from training.watch.profiling.findings import findings
from training.watch.profiling.operators import PYTHON, Operator, Operators
from training.watch.profiling.profile_page import phases, render, thinned, write
from training.watch.profiling.profiler import Profile, Profiler

pytestmark = pytest.mark.usefixtures("one_thread")


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3)
    )


def train(steps: int, planned: int | None = None) -> Profile:
    """A training of so many steps under the profiler, of perhaps more that were planned."""
    model = network()
    images = torch.randn(4, 3, 16, 16)
    model(images)
    optimizer = torch.optim.AdamW(model.parameters())
    profiler = Profiler(interval=0.01)
    profiler.start()
    profiler.record(model, planned or steps)
    for _ in range(steps):
        with profiler.phase("data"):
            batch = images + 1
        with profiler.phase("forward_backward"):
            optimizer.zero_grad()
            model(batch).sum().backward()
            optimizer.step()
    profile = profiler.stop()
    assert not any(module._forward_hooks for module in model.modules())
    return profile


def test_two_steps_are_recorded_by_operator_and_by_part_of_the_network() -> None:
    profile = train(8)

    operators = profile.operators
    assert operators is not None
    assert (operators.steps, operators.device) == (2, "cpu")
    by_name = {operator.name: operator for operator in operators.operators}
    backward = by_name["aten::convolution_backward"]
    assert (backward.kind, backward.calls) == ("convolution backward", 1.0)
    assert backward.milliseconds > 0
    times = [operator.milliseconds for operator in operators.operators]
    assert times == sorted(times, reverse=True)
    assert sum(operator.share for operator in operators.operators) == pytest.approx(1, abs=1e-6)
    assert sum(share for _, share in operators.kinds()) == pytest.approx(1, abs=1e-6)
    assert PYTHON in by_name
    assert [(part.name, part.calls) for part in operators.modules] == [
        (name, 1.0) for name in ("0", "1", "2", "3", "4")
    ]


def test_parts_of_a_compiled_network_get_no_hooks() -> None:
    model = network()
    profiler = Profiler()
    profiler.record(model, 5, parts=False)
    assert not any(module._forward_hooks for module in model.modules())
    profiler.stop()


@pytest.mark.parametrize(
    ("steps", "planned", "recorded"),
    [(1, 1, None), (2, 2, 1), (3, 3, 2), (4, 100, 1), (3, 100, None), (9, 9, 2)],
    ids=["one-step", "two", "three", "ended-while-recording", "ended-before", "longer"],
)
def test_a_short_training_is_recorded_as_far_as_it_goes(
    steps: int, planned: int, recorded: int | None
) -> None:
    operators = train(steps, planned).operators
    assert (operators.steps if operators else None) == recorded


def test_the_profiler_works_again_after_a_failed_training() -> None:
    profiler = Profiler(interval=0.01)
    profiler.start()
    profiler.record(network(), 10)
    with pytest.raises(ZeroDivisionError), profiler.phase("forward_backward"):
        _ = 1 / 0
    assert profiler.stop().operators is None
    assert train(5).operators is not None


def made_of(*shares: tuple[str, float]) -> Operators:
    return Operators(
        2, "cpu", tuple(Operator(f"aten::{k}", k, 100 * s, s, 4) for k, s in shares), ()
    )


def measured(**changes: Any) -> Profile:
    figures: dict[str, Any] = {
        "phases": {"decoding": 1.0, "data": 1.0, "forward_backward": 9.0, "evaluation": 1.0},
        "cpu": [95.0] * 20, "machine_cpu": [96.0] * 20, "memory_mb": [2150.0] * 20,
        "machine_memory": [40.0] * 20, "machine_memory_mb": 24 * 1024.0,
        "times": [0.5 * index for index in range(20)], "seconds": 12.5, "cores": 2, "threads": 2,
    }  # fmt: skip
    return Profile(**{**figures, **changes})


FINDINGS = {
    "data-is-fast": (measured(), (), "Data loading took 10 % of the training steps: it does"),
    "data-is-slow": (
        measured(phases={"data": 3.4, "forward_backward": 6.6}), (),
        "Data loading took 34 % of the training steps: the network waits for its images. Use",
    ),
    "much-validation": (
        measured(phases={"forward_backward": 2.0, "evaluation": 3.0}), (),
        "Validation took 60 % of the epochs. Validate on fewer images",
    ),
    "mostly-preparing": (
        measured(phases={"decoding": 6.0, "model": 2.0, "forward_backward": 2.0}, seconds=10.0), (),
        "80 % of the time passed before the first step: 6.0 s for decoding images, 2.0 s for",
    ),
    "computing": (measured(), (), "The CPU was at 95 % of 2 cores: training is limited by"),
    "backwards": (
        measured(operators=made_of(("convolution backward", 0.66), ("pooling", 0.34))), (),
        "66 % of a training step is the backward pass. Freezing the first stages",
    ),
    "python": (
        measured(operators=made_of((PYTHON, 0.4), ("pooling", 0.6))), (),
        "40 % of a training step passes between operators, in Python. With larger batches",
    ),
    "waiting": (
        measured(cpu=[20.0] * 20, machine_cpu=[25.0] * 20), (),
        "The 2 threads computed 20 % of the time while cores were free for them. Use larger",
    ),
    "shared": (measured(cpu=[30.0] * 20), (), "Other processes used 66 % of the machine"),
    "memory": (measured(), (), "The process used up to 2.1 of 24.0 GB of memory; with"),
    "memory-full": (measured(machine_memory=[97.0]), (), "97 % was in use. Choose a smaller"),
    "gpu-idle": (measured(gpu={0: [20.0] * 20}), (), "GPU 0 was used 20 % of the time. Use a"),
    "gpu-memory": (
        measured(gpu_memory_mb={0: 15000.0}, gpu_memory_total_mb={0: 16000.0}), (),
        "On GPU 0 the process used up to 14.6 of 15.6 GB. Choose a smaller",
    ),
    "slower": (measured(), (40.0, 20.0, 41.0), "Epoch 2 processed 20 images per second"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "speeds", "words"), FINDINGS.values(), ids=FINDINGS.keys()
)  # fmt: skip
def test_a_finding_states_a_fact_and_advice(profile: Any, speeds: Any, words: Any) -> None:
    assert words in "\n".join(map(str, findings(profile, speeds)))


def test_findings_with_advice_come_first() -> None:
    found = findings(measured(phases={"data": 5.0, "forward_backward": 5.0}), [30.0])
    advised = [bool(finding.advice) for finding in found]
    assert advised == sorted(advised, reverse=True)
    assert any(advised)
    assert not all(advised)


def test_phases_add_up_to_the_whole() -> None:
    rows = phases(measured())
    assert sum(seconds for _, seconds, _ in rows) == pytest.approx(12.5)
    assert sum(share for *_, share in rows) == pytest.approx(1)
    assert rows[-1][0] == "everything else"


def test_a_long_curve_keeps_its_shape_in_few_points() -> None:
    pairs = [(float(second), 100.0 if second >= 5000 else 0.0) for second in range(10_000)]
    few = thinned(pairs)
    assert len(few) == 240
    assert few[0][1] == 0 and few[-1][1] == 100
    assert thinned(pairs[:10]) == pairs[:10]


def test_the_page_is_self_contained_and_small_after_hours_of_training(tmp_path: Path) -> None:
    samples = 20_000  # almost three hours
    profile = train(6)
    profile.times = [0.5 * index for index in range(samples)]
    profile.cpu = profile.machine_cpu = [50.0] * samples
    profile.memory_mb = [900.0] * samples
    profile.gpu = {0: [70.0] * samples}

    file = tmp_path / "model" / "profile.html"
    write(file, "resnet50 <on> cuda", profile, [100.0] * 50)

    page = file.read_text()
    assert file.stat().st_size < 100_000
    assert not re.search(r'(src|href)="|<script|url\(', page)
    assert "resnet50 &lt;on&gt; cuda" in page
    assert "aten::convolution_backward" in page
    assert "GPU 0" in page
    assert page.count("<polyline") == 4
    check_phone(page)
    assert [table.headings[0] for table in tables_of(page)] == ["operator", "part"]
    assert profile.findings and all(html.escape(f.split(".")[0]) in page for f in profile.findings)


def test_a_page_can_be_rendered_without_samples_and_steps() -> None:
    page = render("nothing", Profile(), findings(Profile()))
    assert "Time per phase" in page
    assert "slowest operators" not in page
