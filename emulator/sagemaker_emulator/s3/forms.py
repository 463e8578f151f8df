"""multipart/form-data: the fields of a form, and its file, as it comes in."""

import re
from collections.abc import AsyncIterator

from sagemaker_emulator.s3.body import Sink
from sagemaker_emulator.s3.faults import S3Fault

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))')
_NAME = re.compile(r'[;\s]name="([^"]*)"')
_FILE_NAME = re.compile(r'[;\s]filename="([^"]*)"')
_LONGEST_FIELDS = 20 * 1024  # bytes before the file, as on S3
_LONGEST_HEAD = 4096
_MOST_FIELDS = 100
_NO_FORM = "Bucket POST must be of the enclosure-type multipart/form-data"


def no_form() -> S3Fault:
    """What is sent to a bucket is no form."""
    return S3Fault("PreconditionFailed", Condition=_NO_FORM)


class Form:
    """Reads a form whose last field is `file`; what follows that is ignored, as on S3.

    Args:
        content_type: The header.
        sink: Takes the file.

    Attributes:
        fields: By lower-case name.
        file_name: As the browser gave it.
        file_type: The Content-Type of the file's part.
    """

    def __init__(self, content_type: str, sink: Sink) -> None:
        match = _BOUNDARY.search(content_type)
        if not content_type.lower().startswith("multipart/form-data") or match is None:
            raise no_form()
        self._mark = b"\r\n--" + (match[1] or match[2]).encode("latin-1")
        self._sink = sink
        self._waiting = bytearray(b"\r\n")  # as if a part had ended before the first one
        self.fields: dict[str, str] = {}
        self.file_name = ""
        self.file_type = ""

    async def read(self, pieces: AsyncIterator[bytes]) -> None:
        """Read all of it.

        Raises:
            S3Fault: It is not in the form, has no file, or its fields are too long.
        """
        in_file = ended = False
        async for piece in pieces:
            if ended:
                continue  # what follows the file
            self._waiting += piece
            if not in_file:
                in_file = self._read_fields()
            if in_file:
                ended = await self._read_file()
            elif len(self._waiting) > _LONGEST_FIELDS:
                raise S3Fault("MaxPostPreDataLengthExceeded", _TOO_LONG)
        if not ended:
            code = "MalformedPOSTRequest" if in_file or not self.fields else "InvalidArgument"
            message = "" if code != "InvalidArgument" else _NO_FILE
            raise S3Fault(code, message)

    def _read_fields(self) -> bool:
        """Take the whole fields that have come; return whether the file's part has begun."""
        while True:
            start = self._waiting.find(self._mark)
            if start < 0:
                return False
            end = self._waiting.find(b"\r\n\r\n", start)
            if end < 0:
                if len(self._waiting) - start > _LONGEST_HEAD + len(self._mark):
                    raise S3Fault("MalformedPOSTRequest")
                return False
            head = self._waiting[start + len(self._mark) : end].decode("utf-8", "replace")
            name = _NAME.search(head)
            if name is None or not head.startswith("\r\n"):
                raise S3Fault("MalformedPOSTRequest")
            if name[1].lower() == "file":
                file_name = _FILE_NAME.search(head)
                self.file_name = file_name[1] if file_name else ""
                kind = re.search(r"\r\ncontent-type:[ \t]*([^\r\n]*)", head, re.IGNORECASE)
                self.file_type = kind[1].strip() if kind else ""
                del self._waiting[: end + 4]
                return True
            following = self._waiting.find(self._mark, end + 4 - 2)
            if following < 0:
                return False
            value = bytes(self._waiting[end + 4 : max(following, end + 4)])
            del self._waiting[:following]
            self._keep(name[1].lower(), value)

    def _keep(self, name: str, value: bytes) -> None:
        if len(self.fields) >= _MOST_FIELDS or self._size() + len(value) > _LONGEST_FIELDS:
            raise S3Fault("MaxPostPreDataLengthExceeded", _TOO_LONG)
        try:
            self.fields[name] = value.decode()
        except UnicodeDecodeError:
            raise S3Fault("MalformedPOSTRequest") from None

    def _size(self) -> int:
        return sum(len(name) + len(value) for name, value in self.fields.items())

    async def _read_file(self) -> bool:
        """Take what has come of the file; return whether it has ended."""
        end = self._waiting.find(self._mark)
        # Without its end, the last bytes may be the beginning of the mark.
        length = end if end >= 0 else max(0, len(self._waiting) - len(self._mark))
        if length:
            await self._sink.take(bytes(self._waiting[:length]))
            del self._waiting[:length]
        return end >= 0


_TOO_LONG = "Your POST request fields preceding the upload file were too large."
_NO_FILE = "POST requires exactly one file upload per request."
