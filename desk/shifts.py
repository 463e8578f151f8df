"""The pages of shifts: the list, the upload, and how far a shift is counted."""

from __future__ import annotations

import io
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from desk import intake, pages, people, photo
from desk.queue import CANNOT_JUDGE, LOOK, PASS
from desk.receive import Received, receive
from desk.routes import TOKEN, TOKEN_HEADER, get, post
from desk.shift import INCOMING, Shift
from desk.shift_store import ShiftStore
from desk.upload import UploadError
from desk.worklist import Worklist

THUMBNAIL = 160  # pixels of the longer side
RECENT = 60  # shifts in the list


@dataclass(frozen=True)
class Line:
    """A shift in the list."""

    shift: Shift
    done: int
    problem: str


def routes() -> list[BaseRoute]:
    """The routes."""
    return [
        get("/shifts", list_shifts),
        Route("/shifts", upload, methods=["POST"], name="upload"),
        get("/shifts/{id}", show_shift),
        get("/shifts/{id}/progress", show_progress),
        post("/shifts/{id}/count", count_again),
        get("/shifts/{id}/photos/{number:int}", show_photo),
        get("/shifts/{id}/thumbnails/{number:int}", show_thumbnail),
    ]


def store(request: Request) -> ShiftStore:
    """The shifts of the desk that answers."""
    found: ShiftStore = request.app.state.shifts
    return found


def shift_of(request: Request) -> Shift:
    """The shift that the address names.

    Raises:
        HTTPException: There is none.
    """
    found = store(request).find(request.path_params["id"])
    if found is None:
        raise HTTPException(404)
    return found


def worklist(request: Request, shift: Shift) -> Worklist:
    """The queue of a shift, with the decisions that are in S3 now.

    Raises:
        UserError, ClientError, BotoCoreError: S3 cannot be read.
    """
    since = shift.made.date()
    return Worklist(shift, shift.answers(), store(request).log.read(since))


def list_shifts(request: Request) -> Response:
    """The shifts, and the form of a new one."""
    return _list(request)


async def upload(request: Request) -> Response:
    """Receive a shift, and begin to count it."""
    checks, visitor = pages.access(request), request.state.visitor
    folder = store(request).folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    incoming = Path(tempfile.mkdtemp(prefix=INCOMING, dir=folder))
    try:
        received = await receive(request, incoming)
        token = received.fields.get(TOKEN) or request.headers.get(TOKEN_HEADER, "")
        if not checks.accepts_token(visitor, token):
            raise HTTPException(403, "The form is from an earlier sign-in. Load the page again.")
        return await run_in_threadpool(_create, request, received)
    finally:
        await run_in_threadpool(shutil.rmtree, incoming, True)


def show_shift(request: Request) -> Response:
    """How far a shift is; when it is counted, what came out."""
    return pages.render(request, "shift.html", _progress(request))


def show_progress(request: Request) -> Response:
    """The part of the page that changes."""
    return pages.render(request, "shift_part.html", _progress(request))


def count_again(request: Request, form: FormData) -> Response:
    """Continue to count a shift that an error stopped."""
    shift = shift_of(request)
    store(request).counting.start(shift)
    return RedirectResponse(f"/shifts/{shift.id}", 303)


def show_photo(request: Request) -> Response:
    """A photo."""
    return FileResponse(_file(request))


def show_thumbnail(request: Request) -> Response:
    """A small copy of a photo."""
    file = _file(request)
    small = file.with_name(f"{file.stem}.thumbnail")
    if not small.exists():
        try:
            picture, _ = photo.read(file.read_bytes(), THUMBNAIL)
        except photo.PhotoUnusableError:
            raise HTTPException(404) from None
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        content = io.BytesIO()
        picture.save(content, "JPEG", quality=80)
        partial = Path(tempfile.mkstemp(prefix=small.name, dir=small.parent)[1])
        partial.write_bytes(content.getvalue())
        partial.replace(small)
    return FileResponse(small, media_type="image/jpeg")


def _create(request: Request, received: Received) -> Response:
    who = people.clean(received.fields.get("who", ""))
    share = pages.service(request).connect().settings.desk.audit_share
    name = received.fields.get("name", "")
    try:
        if not who:
            raise UploadError("Enter your name first.")
        shift = intake.create(
            store(request).folder, received.files, name=name, who=who, share=share
        )
    except UploadError as error:
        if pages.is_fragment(request):
            return pages.problem(request, "Not uploaded", str(error), status=422)
        return _list(request, str(error), status=422, name=name, who=who)
    store(request).counting.start(shift)
    address = f"/shifts/{shift.id}"
    if pages.is_fragment(request):
        response = Response(headers={"HX-Redirect": address})
    else:
        response = RedirectResponse(address, 303)
    people.keep(response, who)
    return response


def _list(
    request: Request, problem: str = "", *, status: int = 200, name: str = "", who: str = ""
) -> Response:
    settings = pages.service(request).connect().settings
    shifts = store(request)
    shifts.sweep(settings.desk.photo_days)
    lines = []
    for shift in shifts.all()[:RECENT]:
        progress = shifts.counting.progress(shift)
        lines.append(Line(shift, progress.done, progress.problem))
    values = {
        "lines": lines,
        "problem": problem,
        "name": name,
        "who": who or people.name(request),
        "days": max(1, settings.desk.photo_days),
    }
    return pages.render(request, "shifts.html", values, status=status)


def _progress(request: Request) -> dict[str, object]:
    shift = shift_of(request)
    counting = store(request).counting
    progress = counting.progress(shift)
    if not progress.is_counted and not progress.problem:
        counting.start(shift)  # another desk may have stopped, which counted it
    values: dict[str, object] = {"shift": shift, "progress": progress}
    if not progress.is_counted:
        return values
    work = worklist(request, shift)
    verdicts = [answer.verdict for answer in work.answers.values() if not answer.problem]
    return {
        **values,
        "work": work,
        "numbers": {name: verdicts.count(name) for name in (PASS, LOOK, CANNOT_JUDGE)},
        "unjudged": work.unjudged(),
    }


def _file(request: Request) -> Path:
    shift = shift_of(request)
    one = shift.find(request.path_params["number"])
    if one is None or not one.file or not (shift.folder / one.file).is_file():
        raise HTTPException(404)
    return shift.folder / one.file
