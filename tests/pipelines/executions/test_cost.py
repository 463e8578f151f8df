"""What an execution has cost, and what it may cost, from known jobs and prices."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import prices
from pipelines.display import costs
from pipelines.executions.cost import Cost, Job, StepCost
from pipelines.executions.estimate import CostError, Estimate, Past, Plan, Row, planned
from pipelines.prices import PriceError
from pipelines.settings.model import Settings

GOLDEN = json.loads((Path(__file__).parents[1] / "definition.json").read_text())
ORIGIN = "prices of us-east-1"
TUNE = Plan("Tune", "Tuning", "ml.g4dn.xlarge", 1, count=8, parallel=2, limit=7200)
PREPARE = Plan("Prepare", "Processing", "ml.m5.xlarge", 1, count=1, parallel=1, limit=3600)


def with_prices(settings: Settings, file: Path) -> Settings:
    return settings.model_copy(
        update={"cost": settings.cost.model_copy(update={"prices": str(file)})}
    )


def step_cost(name: str, *jobs: Job, usd: float | None) -> StepCost:
    return StepCost(name, jobs, usd)


def test_the_jobs_of_a_definition_are_counted_with_the_parameters_of_the_start() -> None:
    defaults = {one["Name"]: one["DefaultValue"] for one in GOLDEN["Parameters"]}
    chosen = {
        **defaults,
        "MaxTrials": 7,
        "MaxParallelTrials": 3,
        "TrainingInstanceType": "ml.g5.xlarge",
    }
    plans = {plan.step: plan for plan in planned(GOLDEN, chosen)}
    assert list(plans) == ["Prepare", "Tune", "Train", "Evaluate"]
    tune = plans["Tune"]
    assert (tune.count, tune.parallel, tune.instance_type) == (7, 3, "ml.g5.xlarge")
    assert plans["Train"].count == 1 and plans["Train"].instance_type == "ml.g5.xlarge"
    assert all(plan.limit > 0 and plan.instances == 1 for plan in plans.values())


def test_trials_at_the_same_time_take_less_time_and_cost_as_much() -> None:
    assert TUNE.wall(600) == 4 * 600
    assert replace(TUNE, parallel=8).wall(600) == 600
    assert replace(TUNE, count=7, parallel=3).wall(600) == 3 * 600
    assert TUNE.usd(600, 0.9) == pytest.approx(8 * 600 / 3600 * 0.9)
    assert replace(TUNE, instances=2).usd(600, 0.9) == pytest.approx(2 * 8 * 600 / 3600 * 0.9)


def test_an_estimate_is_what_the_past_took_and_at_most_every_limit() -> None:
    past = Past.of(
        [(Job("ml.g4dn.xlarge", 1, 100, 300), Job("ml.g4dn.xlarge", 1, 200, 500))], same=True
    )
    estimated = Estimate((Row(PREPARE, None, 0.23), Row(TUNE, past, 0.736)), ORIGIN)
    # Four rounds of the median time; billed is the median billed time, which is less on spot.
    assert estimated.seconds == 3600 + 4 * 400
    assert estimated.usd == pytest.approx(0.23 + 8 * 150 / 3600 * 0.736)
    assert estimated.most_seconds == 3600 + 4 * 7200
    assert estimated.most_usd == pytest.approx(0.23 + 8 * 2 * 0.736)
    assert estimated.without_history == ("Prepare",)


def test_no_past_is_beyond_the_time_limit() -> None:
    slow = Past.of([(Job("ml.g4dn.xlarge", 1, 9000, 9000),)], same=False)
    row = Row(TUNE, slow, 0.736)
    assert row.usd == row.most_usd and row.seconds == row.most_seconds


def test_max_cost_refuses_what_may_cost_more_and_names_what_makes_it_less() -> None:
    estimated = Estimate((Row(TUNE, None, 0.736),), ORIGIN)
    estimated.check(11.78)
    with pytest.raises(CostError, match=r"may cost 11.78 USD, more than --max-cost 11.*MaxTrials"):
        estimated.check(11.77)


def test_max_cost_refuses_what_has_no_known_price() -> None:
    estimated = Estimate((Row(PREPARE, None, 0.23), Row(TUNE, None, None)), ORIGIN)
    assert estimated.usd is None
    with pytest.raises(CostError, match=r"no price is known of ml.g4dn.xlarge.*cost\.prices"):
        estimated.check(1000)


def test_an_execution_costs_its_billed_time_and_spot_saves_the_rest() -> None:
    spent = Cost(
        (
            step_cost("Prepare", Job("ml.m5.xlarge", 1, 3600, 3600), usd=0.23),
            step_cost("Train", Job("ml.g4dn.xlarge", 2, 1800, 7200), usd=0.736),
        ),
        ORIGIN,
    )
    assert spent.instance_hours == 2
    assert spent.usd == pytest.approx(0.966)
    assert spent.saved_share == pytest.approx(1 - 2 / 5)
    sentence = costs.cost(spent, local=False)
    assert "0.97 USD for 2 h 00 min" in sentence and "Spot instances saved 60%" in sentence


def test_on_this_machine_an_execution_costs_nothing_and_says_what_aws_would_cost() -> None:
    spent = Cost((step_cost("Prepare", Job("ml.m5.large", 1, 3600, 3600), usd=0.115),), ORIGIN)
    assert costs.cost(spent, local=True) == (
        "Cost: nothing, on this machine. On AWS, 1 h 00 min of these instances would cost 0.12 USD."
    )


def test_an_instance_without_a_price_is_named_and_nothing_is_summed_up() -> None:
    spent = Cost((step_cost("Train", Job("ml.p9.huge", 1, 60, 60), usd=None),), ORIGIN)
    assert spent.usd is None and spent.without_price == ("ml.p9.huge",)
    assert "no price known" in costs.cost(spent, local=False)
    assert "ml.p9.huge" in costs.cost(spent, local=False)


def test_every_type_that_the_settings_use_has_a_price(on_aws: Settings, local: Settings) -> None:
    for settings in (on_aws, local):
        known = prices.load(settings)
        used = settings.instances
        for name in (used.processing, used.training, used.evaluation, used.inference):
            assert known.of(name), name


def test_a_price_of_another_region_is_not_known(on_aws: Settings) -> None:
    elsewhere = on_aws.model_copy(update={"region": "eu-west-1"})
    assert prices.load(elsewhere).of("ml.m5.xlarge") is None


def test_a_price_of_ones_own_replaces_the_tables(on_aws: Settings, tmp_path: Path) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text(
        "date: 2026-11-30\nregion: us-east-1\nsource: our contract\n"
        "instances: {ml.m5.xlarge: 0.1, ml.g5.xlarge: 1.2}\n"
    )
    known = prices.load(with_prices(on_aws, own))
    assert (known.of("ml.m5.xlarge"), known.of("ml.g5.xlarge")) == (0.1, 1.2)
    assert known.of("ml.m5.large") == 0.115
    assert "our contract" in known.origin


def test_a_file_of_another_region_is_named_as_not_used(on_aws: Settings, tmp_path: Path) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text(
        "date: 2026-11-30\nregion: eu-west-1\nsource: our contract\n"
        "instances: {ml.m5.xlarge: 0.1}\n"
    )
    known = prices.load(with_prices(on_aws, own))
    assert known.of("ml.m5.xlarge") != 0.1
    assert f"{own} is not used: its prices are of eu-west-1, not us-east-1" in known.origin


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("instances: {ml.m5.large: -1}", "instances.ml.m5.large"),
        ("- 1", "is no file of prices"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_file_of_prices_that_cannot_be_used_says_what_is_wrong(
    on_aws: Settings, tmp_path: Path, content: str | None, words: str
) -> None:
    own = tmp_path / "prices.yaml"
    if content is not None:
        own.write_text(content)
    with pytest.raises(PriceError, match=words):
        prices.load(with_prices(on_aws, own))
