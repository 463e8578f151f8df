"""A Python file that runs in place, in a process that has its imports."""

import builtins
import os
import signal
import sys
import types
from pathlib import Path
from typing import NoReturn


def run_script(script: str, argv: list[str]) -> NoReturn:
    """Run a Python file as `python SCRIPT` does: same `__main__`, exit codes and traceback."""
    sys.argv = argv
    sys.path.insert(0, str(Path(script).resolve().parent))
    module = types.ModuleType("__main__")
    module.__file__ = script
    vars(module)["__builtins__"] = builtins
    sys.modules["__main__"] = module
    try:
        try:
            source = Path(script).read_bytes()
        except OSError as error:
            print(
                f"{sys.executable}: can't open file {script!r}: "
                f"[Errno {error.errno}] {error.strerror}",
                file=sys.stderr,
            )
            sys.exit(2)
        exec(compile(source, script, "exec", dont_inherit=True), vars(module))
    except SystemExit:
        raise
    except BaseException as error:
        # Without this frame, which a fresh interpreter would not show.
        traceback = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(traceback), traceback)
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        sys.exit(1)
    sys.exit(0)
