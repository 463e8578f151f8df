"""Batch scoring's requests, its permissions and its arithmetic; the verb itself is in tests/cli."""

import resource
from pathlib import Path
from typing import Any

import pytest
from botocore.model import OperationModel

from pipelines.provisioning import setup
from pipelines.scoring import answers, images, job, table
from pipelines.settings.model import Settings

# Calls that boto3 does not make: objects are sent, listed, fetched and deleted by obstore.
OBJECTS = {"s3:PutObject", "s3:ListBucket", "s3:GetObject", "s3:DeleteObject"}
# Needed only at times: a multipart upload, tags, an interrupted job, the model's role.
AT_TIMES = {
    "s3:AbortMultipartUpload",
    "sagemaker:AddTags",
    "sagemaker:StopTransformJob",
    "iam:PassRole",
}
ANSWER = {
    "count": 3,
    "confidence": 0.6,
    "expected_count": 3.1,
    "probabilities": {"1": 0.05, "2": 0.15, "3": 0.6, "4": 0.15, "5": 0.05},
}


@pytest.fixture
def approved(aws: Any, on_aws: Settings) -> Settings:
    """An account with one approved version."""
    setup.setup(aws.session, on_aws)
    aws.session.client("sagemaker").create_model_package(
        ModelPackageGroupName="tally",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": "tally-inference:1", "ModelDataUrl": "s3://tally/m.tar.gz"}],
            "SupportedContentTypes": ["image/jpeg"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )
    return on_aws


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    from PIL import Image

    for name in ("1.jpg", "2.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    return tmp_path


def test_whoever_has_the_policy_may_score_and_no_more(
    aws: Any, approved: Settings, photos: Path, template: dict[str, Any]
) -> None:
    asked = set()

    def keep(model: OperationModel, **_: Any) -> None:
        asked.add(f"{model.service_model.signing_name}:{model.name}")

    aws.session.events.register("before-call", keep)
    found = images.in_folder(photos)
    version = job.choose(aws.session.client("sagemaker"), None)
    ended = job.run(aws.session, approved, version, found, lambda text, seconds: None)
    with pytest.raises(answers.ScoringError, match="Its log: /aws/sagemaker/TransformJobs"):
        answers.collect(aws.session, approved, version.version, found, ended)  # moto runs nothing

    policy = template["Resources"]["Scoring"]["Properties"]["PolicyDocument"]
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert {"sagemaker:CreateTransformJob", "sagemaker:DeleteModel"} < asked
    assert asked | OBJECTS | AT_TIMES == allowed


def test_a_job_asks_for_one_kind_of_image_and_what_aws_allows(
    approved: Settings, aws: Any, photos: Path
) -> None:
    version = job.choose(aws.session.client("sagemaker"), None)
    planned = job.plan(approved, version, images.in_folder(photos))
    requests = [job.request(one, "model", "ml.m5.large") for one in planned]
    assert [r["TransformInput"]["ContentType"] for r in requests] == ["image/jpeg", "image/png"]
    for one, request in zip(planned, requests, strict=True):
        assert len(request["TransformJobName"]) <= 63
        assert request["MaxConcurrentTransforms"] * request["MaxPayloadInMB"] <= 100
        assert f"/{one.name}/input/" in one.source and f"/{one.name}/output/" in one.output


def test_files_without_the_name_of_an_image_are_told_of(photos: Path) -> None:
    for name in ("3.heic", "4.webp", "5.gif", "6", ".hidden"):
        (photos / name).write_bytes(b"a picture")
    found = images.in_folder(photos)
    assert sorted(found.kinds) == ["1.jpg", "2.png"]
    assert images.left_out(found.others) == (
        "Left out, as not named .jpg, .jpeg, .png: 3.heic, 4.webp, 5.gif and 1 more."
    )


@pytest.mark.parametrize(
    ("name", "shown", "why"),
    [("3\n.jpg", "3?.jpg", "has a control character"), ("3\udcff.jpg", "3?.jpg", "is not UTF-8")],
    ids=["control", "not-utf-8"],
)
def test_a_name_that_no_object_can_have_costs_the_others_nothing(
    photos: Path, tmp_path: Path, name: str, shown: str, why: str
) -> None:
    (photos / name).write_bytes((photos / "1.jpg").read_bytes())
    found = images.in_folder(photos)
    assert sorted(found.kinds) == ["1.jpg", "2.png"]
    assert found.refused == {shown: f"its name {why}; rename it."}
    table.write(answers.Scores(1, (), {}, found.refused), tmp_path / "scores.csv")
    assert shown in (tmp_path / "scores.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("expected", "match", "confidence"), [(3, True, 0.6), (2, False, 0.85), (7, False, 0.0)]
)
def test_a_match_is_judged_by_the_endpoints_formula(
    expected: int, match: bool, confidence: float
) -> None:
    """As `inference.py` answers: P(expected), 1 - P(expected), and 0 for what it cannot judge."""
    judged = answers.matched(ANSWER, expected)
    assert (judged["match"], judged["match_confidence"]) == (match, confidence)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,quantity\n1.jpg,3\n", "no column expected_quantity"),
        ("image,expected_quantity\n1.jpg,three\n", "line 2: expected_quantity is 'three'"),
        ("image,expected_quantity\n1.jpg\n", "line 2: expected_quantity is ''"),
        ("", "no column expected_quantity and image"),
        ("image,expected_quantity\n1.jpg,3\n1.jpg,4\n", "line 3: 1.jpg is there twice, with 3 and"),
    ],
)
def test_a_wrong_file_of_quantities_is_explained(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "books.csv").write_text(text)
    with pytest.raises(table.TableError, match=said):
        table.read_expected(tmp_path / "books.csv", ["1.jpg"])


def test_a_table_that_does_not_fit_leaves_the_one_that_was_there(tmp_path: Path) -> None:
    scores = answers.Scores(1, (), {}, {f"{n}.jpg": "the image is damaged" for n in range(1000)})
    path = tmp_path / "scores.csv"
    path.write_text("the earlier one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # bytes that a file may have
    try:
        with pytest.raises(table.TableError, match=r"scores.csv cannot be written: File too large"):
            table.write(scores, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [
        ("scores.csv", "the earlier one")
    ]
    table.write(scores, path)
    assert len(path.read_text().splitlines()) == 1001
