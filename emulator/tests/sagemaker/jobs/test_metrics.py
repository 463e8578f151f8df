from sagemaker_emulator.sagemaker.jobs.metrics import Metrics

DEFINITIONS = [
    {"Name": "accuracy", "Regex": r"accuracy=([0-9.]+)"},
    {"Name": "loss", "Regex": r"loss=(\S+)"},
    {"Name": "never", "Regex": r"never=(\d+)"},
    {"Name": "no group", "Regex": r"accuracy"},
]
REQUEST = {"AlgorithmSpecification": {"MetricDefinitions": DEFINITIONS}}


def test_final_metrics_are_the_last_values() -> None:
    metrics = Metrics(REQUEST)
    metrics.read(["accuracy=0.5 loss=high", "accuracy=0.75"])
    metrics.read(["loss=1e-3", "accuracy=."])
    final = metrics.final()
    assert [(m["MetricName"], m["Value"]) for m in final] == [("accuracy", 0.75), ("loss", 0.001)]


def test_history_has_every_number_in_order() -> None:
    metrics = Metrics(REQUEST)
    metrics.read(["accuracy=0.5 loss=high", "nothing", "accuracy=.", "accuracy=0.75 loss=2"])
    assert metrics.history("accuracy") == [0.5, 0.75]
    assert metrics.history("loss") == [2.0]
    assert metrics.history("never") == metrics.history("undefined") == []


def test_what_is_no_finite_number_is_left_out_with_a_note() -> None:
    metrics = Metrics(REQUEST)
    notes = metrics.read(["loss=nan", "loss=-Infinity", "loss=1_0", "loss=\u0663", "loss=1e400"])
    notes += metrics.read(["loss=0.25", "loss=NaN"])
    assert metrics.history("loss") == [0.25]
    assert notes == ["metric loss: nan is not a finite number, and is left out"]


def test_expression_that_backtracks_holds_nobody_up() -> None:
    request = {
        "AlgorithmSpecification": {"MetricDefinitions": [{"Name": "x", "Regex": "x=((a+)+)$"}]}
    }
    metrics = Metrics(request)
    metrics.read(["x=" + "a" * 40 + "!"])  # for years, by backtracking
    assert metrics.history("x") == []


def test_a_request_without_definitions_has_no_metrics() -> None:
    metrics = Metrics({})
    metrics.read(["accuracy=0.5"])
    assert (metrics.final(), metrics.history("accuracy")) == ([], [])
