"""The store of objects by itself."""

from pathlib import Path

from sagemaker_emulator.s3.object_store import ObjectStore


def test_what_rclone_left_under_way_is_no_object(tmp_path: Path) -> None:
    """A state folder of an earlier version, whose S3 server was killed in an upload."""
    bucket = tmp_path / "s3/bucket"
    (bucket / "a").mkdir(parents=True)
    (bucket / "a/.rclone_temp_put_1234").write_bytes(b"half")
    (bucket / "a/file").write_bytes(b"whole")
    store = ObjectStore(tmp_path)
    assert [path.name for path in (bucket / "a").iterdir()] == ["file"]
    assert store.head("bucket", "a/file").size == 5
    store.metadata.close()
    (bucket / "a/.rclone_temp_put_mine").touch()  # by now a name like any other
    ObjectStore(tmp_path).head("bucket", "a/.rclone_temp_put_mine")
