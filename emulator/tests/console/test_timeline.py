"""The bars of an execution's timeline."""

from typing import Any

from pipeline_steps import definition, fail

from sagemaker_emulator.console.execution import Step
from sagemaker_emulator.console.timeline import timeline_of
from sagemaker_emulator.sagemaker.pipelines.language.definition import parse


def step(name: str, **record: Any) -> Step:
    return Step(parse(definition(fail(name))).steps[name], "Succeeded", record)


def test_bars_lie_where_their_steps_ran() -> None:
    made = timeline_of(
        [step("B", StartTime=105.0, EndTime=110.0), step("A", StartTime=100.0, EndTime=105.0)], 200
    )
    assert [(bar.name, bar.left, bar.width, bar.seconds) for bar in made.bars] == [
        ("A", 0, 50, 5),
        ("B", 50, 50, 5),
    ]


def test_only_time_in_which_a_step_ran_is_busy() -> None:
    made = timeline_of(
        [
            step("A", StartTime=100.0, EndTime=110.0),
            step("Beside", StartTime=102.0, EndTime=107.0),
            step("AfterRetry", StartTime=90_000.0),
        ],
        90_020.0,
    )
    assert (made.busy, made.seconds) == (30.0, 89_920.0)


def test_a_running_step_lasts_until_now() -> None:
    (bar,) = timeline_of([step("A", StartTime=100.0)], 130.0).bars
    assert (bar.seconds, bar.left, bar.width) == (30, 0, 100)


def test_a_short_step_can_be_seen_and_stays_inside() -> None:
    made = timeline_of(
        [step("A", StartTime=0.0, EndTime=1000.0), step("B", StartTime=1000.0, EndTime=1000.0)], 0
    )
    assert made.bars[1].width > 0
    assert made.bars[1].left + made.bars[1].width <= 100


def test_reused_steps_and_those_that_did_not_begin_have_no_bar() -> None:
    reused = {"SourcePipelineExecutionArn": "arn"}
    made = timeline_of(
        [step("A", StartTime=1.0, EndTime=2.0, SelectiveExecutionResult=reused), step("B")], 3.0
    )
    assert made.bars == ()


def test_ticks_have_round_times() -> None:
    made = timeline_of([step("A", StartTime=0.0, EndTime=95.0)], 0)
    assert [tick.label for tick in made.ticks] == [*("0 s", "30 s", "1 min 00 s", "1 min 30 s")]
