"""A model's archive whose packed answers are not its own, sealed as if Train had written it."""

import hashlib
import io
import json
import tarfile


def with_other_answers(archive: bytes) -> bytes:
    """The archive with another probability in its self-test, and the hash of that."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {
            member.name.removeprefix("./"): file.read()
            for member in tar.getmembers()
            if (file := tar.extractfile(member))
        }
    answers = json.loads(files["selftest/answers.json"])
    for answer in answers["requests"][0]["answers"].values():
        answer["confidence"] = 1 - answer["confidence"] / 2
    files["selftest/answers.json"] = json.dumps(answers).encode()
    settings = json.loads(files["model.json"])
    content = files["selftest/answers.json"]
    settings["files"]["selftest/answers.json"] = hashlib.sha256(content).hexdigest()
    files["model.json"] = json.dumps(settings).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()
