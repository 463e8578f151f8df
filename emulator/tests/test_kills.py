"""Nothing that was acknowledged is lost when the server is killed, again and again.

`make test-kills` kills it more often.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
from kills import kill_again_and_again, prepare

KILLS = int(os.environ.get("EMULATOR_KILLS", "10"))


@pytest.mark.timeout(120 + 30 * KILLS)
def test_nothing_acknowledged_is_lost(own_emulator: Callable[..., Any]) -> None:
    emulator = own_emulator()
    assert emulator.up().returncode == 0
    writers = prepare(emulator)
    kill_again_and_again(emulator, writers, KILLS)
    for writer in writers:
        assert writer.failure is None, f"{writer.name}: {writer.failure}"
        assert writer.acknowledged, f"{writer.name} wrote nothing"
    lost = {writer.name: list(writer.lost()) for writer in writers}
    written = {writer.name: writer.acknowledged for writer in writers}
    print(f"{KILLS} kills; acknowledged: {written}")
    assert not any(lost.values()), {name: texts[:20] for name, texts in lost.items() if texts}
