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


def test_a_request_without_definitions_has_no_metrics() -> None:
    metrics = Metrics({})
    metrics.read(["accuracy=0.5"])
    assert (metrics.final(), metrics.history("accuracy")) == ([], [])
