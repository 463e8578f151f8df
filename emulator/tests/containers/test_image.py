from pathlib import Path

import pytest

from sagemaker_emulator.containers import image

IMAGES = Path(__file__).parents[1] / "images"


@pytest.mark.parametrize(
    "uri",
    [
        "plain",
        "plain:latest",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:v1.2",
        "localhost:5000/team/plain:latest",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain@sha256:" + "0" * 64,
    ],
)
def test_image_is_found_by_the_last_part_of_its_uri(uri: str) -> None:
    assert image.find(IMAGES, uri).folder == IMAGES / "plain"


def test_unknown_image_is_refused_with_the_known_ones() -> None:
    with pytest.raises(image.ImageError, match=r"no folder .*images/other.*plain, .*warm"):
        image.find(IMAGES, "1.dkr.ecr.us-east-1.amazonaws.com/other:latest")


@pytest.mark.parametrize(("name", "python"), [("310", "3.10"), ("38", "3.8"), ("312", "3.12")])
def test_name_of_the_base_image_says_its_python(name: str, python: str) -> None:
    """The SDK's default for `@remote` and `@step` (get_base_python_image_uri)."""
    found = image.find(
        IMAGES, f"0812.dkr.ecr.us-east-1.amazonaws.com/sagemaker-base-python-{name}:1.0"
    )
    assert found.folder.name == "sagemaker-base-python"
    assert found.preferred_python == python
    assert "boto3==" in found.packages


def folder(path: Path, **files: str) -> Path:
    """A folder with files, whose dots are written `_`."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / name.replace("_", ".")).write_text(content)
    return path


@pytest.mark.parametrize(
    ("tag", "packages"),
    [("1.2", "two\n"), ("1.2.5-cpu-py3", "two\n"), ("1.2-gpu", "gpu\n"), ("1.20", "any\n")],
)
def test_folder_of_the_tag_comes_first(tmp_path: Path, tag: str, packages: str) -> None:
    mine = folder(tmp_path / "mine", requirements_txt="any\n", python_txt=">=3.11\n")
    folder(mine / "1.2", requirements_txt="two\n")
    folder(mine / "1.2-gpu", requirements_txt="gpu\n")
    found = image.find(tmp_path, f"registry/mine:{tag}")
    assert (found.packages, found.python) == (packages, ">=3.11")


def test_requirements_take_versions_from_the_tag(tmp_path: Path) -> None:
    folder(tmp_path / "mine", requirements_txt="torch=={version}\ntransformers=={transformers}\n")
    found = image.find(tmp_path, "mine:2.1.0-transformers4.37.0-cpu-py310-ubuntu22.04")
    assert found.packages == "torch==2.1.0\ntransformers==4.37.0\n"
    assert found.preferred_python == "3.10"
    with pytest.raises(image.ImageError, match=r"asks for the version .*'latest' names none"):
        assert image.find(tmp_path, "mine:latest").packages


def test_image_file_of_the_tag_adds_to_that_of_the_image(tmp_path: Path) -> None:
    mine = folder(
        tmp_path / "mine",
        requirements_txt="",
        image_yaml="environment: {A: '1'}\nentrypoint: [run]\n",
    )
    folder(mine / "2", image_yaml="entrypoint: [python3, /opt/x.py]\n")
    file = image.find(tmp_path, "mine:2-cpu").file
    assert (file.environment, file.entrypoint) == ({"A": "1"}, ("python3", "/opt/x.py"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("environment: {A: 1}", "environment must be names with texts"),
        ("entrypoint: python3 x.py", "entrypoint must be a list of texts"),
        ("command: [a]", "it may hold environment, entrypoint, aws, and nothing else"),
        ("aws: {cuda: '12'}", "aws may hold python, packages, and nothing else"),
        ("aws: {python: 3.1}", "aws.python must be a text"),
        ("[", "is no YAML"),
    ],
)
def test_wrong_image_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    folder(tmp_path / "mine", requirements_txt="", image_yaml=content)
    with pytest.raises(image.ImageError, match=rf"image 'mine': .*image.yaml.*{message}"):
        image.find(tmp_path, "mine")


def test_image_file_that_was_changed_is_read_again(tmp_path: Path) -> None:
    folder(tmp_path / "mine", requirements_txt="", image_yaml="entrypoint: [one]\n")
    assert image.find(tmp_path, "mine").file.entrypoint == ("one",)
    assert image.find(tmp_path, "mine").file.entrypoint == ("one",)
    folder(tmp_path / "mine", image_yaml="entrypoint: [another]\n")
    assert image.find(tmp_path, "mine").file.entrypoint == ("another",)


@pytest.mark.parametrize(
    ("uri", "pins"),
    [
        (
            "pytorch-training:2.0.1-gpu-py310-cu118-ubuntu20.04-sagemaker",
            "torch==2.0.1 numpy==1.26",
        ),
        ("pytorch-inference:2.6.0-cpu-py312-ubuntu22.04-sagemaker", "torch==2.6.0 numpy==2.2"),
        ("pytorch-inference-graviton:2.3.0-cpu-py311-ubuntu20.04-sagemaker", "torch==2.3.0"),
        (
            "huggingface-pytorch-training:2.1.0-transformers4.36.0-gpu-py310-cu121-ubuntu20.04",
            "torch==2.1.0 transformers==4.36.0 accelerate==0.25",
        ),
        (
            "huggingface-pytorch-inference:2.6.0-transformers5.5.3-cpu-py312-ubuntu22.04",
            "torch==2.6.0 transformers==5.5.3 accelerate==1.4",
        ),
        ("tensorflow-training:2.19.0-cpu-py312-ubuntu22.04-sagemaker", "tensorflow==2.19.0"),
        (
            "tensorflow-training:2.14.1-cpu-py310-ubuntu20.04-sagemaker",
            "tensorflow==2.14.1 sagemaker-training==4.9.0",
        ),
        ("tensorflow-inference:2.12.1-cpu-py310-x", "tensorflow==2.12.1 numpy==1.23.5"),
    ],
)
def test_versions_of_the_framework_are_those_of_the_tag(
    tmp_path: Path, uri: str, pins: str
) -> None:
    found = image.find(tmp_path, f"763104351884.dkr.ecr.eu-west-1.amazonaws.com/{uri}")
    assert all(pin in found.packages for pin in pins.split())
    assert f"py{found.preferred_python.replace('.', '')}-" in uri


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",) * 2,
        ("246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:0.23-1-cpu-py3",) * 2,
    ],
)
def test_images_of_aws_are_brought_from_any_account(tmp_path: Path, uri: str, name: str) -> None:
    found = image.find(tmp_path / "none", uri)
    assert f"/{found.name}:" in name
    assert "scikit-learn==" in found.packages
    assert found.file.environment["SAGEMAKER_BASE_DIR"] == "/opt/ml"
    assert found.file.packages["scikit-learn"]


def test_own_folder_replaces_an_image_of_aws(tmp_path: Path) -> None:
    uri = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn"
    folder(tmp_path / "sagemaker-scikit-learn/1.2-1", requirements_txt="mine\n")
    assert image.find(tmp_path, f"{uri}:1.2-1-cpu-py3").packages == "mine\n"
    # Of another tag it has nothing.
    assert image.find(tmp_path, f"{uri}:1.0-1-cpu-py3").packages != "mine\n"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1", "its code is not public"),
        ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1", "version='1.7-1'"),
        ("1.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:0.19-1", "it has: 0.23-1, 1.0-"),
        ("mine:1", r"\n  mkdir -p .*/mine/bin\n  touch .*/mine/requirements.txt .*\n .*bin/train"),
    ],
)
def test_refusal_says_what_to_do(tmp_path: Path, uri: str, message: str) -> None:
    with pytest.raises(image.ImageError, match=message):
        image.find(tmp_path, uri)


def test_image_without_requirements_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    with pytest.raises(image.ImageError, match=r"bare/requirements.txt is missing"):
        image.find(tmp_path, "bare")
