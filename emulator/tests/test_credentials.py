"""The key pair of a state."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.errors import StartError


def test_a_state_has_a_pair_of_its_own_that_stays(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = Credentials.of(tmp_path / "one"), Credentials.of(tmp_path / "two")

    assert one == Credentials.of(tmp_path / "one")
    assert one.access_key_id != two.access_key_id
    assert one.secret_access_key != two.secret_access_key
    assert re.fullmatch("AKIA[A-Z2-7]{16}", one.access_key_id)
    assert len(one.secret_access_key) == 40
    assert one.secret_access_key not in repr(one)
    assert [file.name for file in (tmp_path / "one").iterdir()] == ["credentials.json"]
    assert (tmp_path / "one" / "credentials.json").stat().st_mode & 0o777 == 0o600


def test_all_who_ask_at_once_get_one_pair(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(Credentials.of, [tmp_path] * 64))) == 1


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    first = Credentials.of(tmp_path)
    (tmp_path / "credentials.json").chmod(0o644)

    assert Credentials.of(tmp_path) == first
    assert (tmp_path / "credentials.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"AccessKeyId": "a"}', '{"AccessKeyId": 1, "SecretAccessKey": 2}'],
)
def test_a_damaged_file_is_not_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "credentials.json").write_text(text)

    with pytest.raises(StartError, match="json is damaged"):
        Credentials.of(tmp_path)
    assert (tmp_path / "credentials.json").read_text() == text


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    pair = {"AccessKeyId": "a", "SecretAccessKey": "b"}
    (tmp_path / "elsewhere").write_text(json.dumps(pair))
    for target in ("elsewhere", "nowhere"):
        link = tmp_path / "credentials.json"
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / target)

        with pytest.raises(StartError, match="json cannot be used"):
            Credentials.of(tmp_path)
    assert not (tmp_path / "nowhere").exists()
