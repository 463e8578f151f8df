"""The store by itself."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagemaker_emulator.storage import orders
from sagemaker_emulator.storage.selection import Selection
from sagemaker_emulator.storage.store import Store


def numbers(store: Store, prefix: str = "", **texts: str) -> list[int]:
    return [each.number for each in store.places(Selection("kind", prefix, **texts), 100)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "a" / "store.db")
    yield opened
    opened.close()


def test_documents_keep_their_order_and_merge(store: Store) -> None:
    for name in ("b", "a", "c"):
        store.put("kind", name, {"name": name})
    assert store.update("kind", "b", more=1) == {"name": "b", "more": 1}
    store.put("kind", "b", {"name": "b2"})
    assert [item["name"] for item in store.list("kind")] == ["b2", "a", "c"]
    assert store.list("kind", "a") == [{"name": "a"}]
    assert store.delete("kind", "a") is True
    assert store.delete("kind", "a") is False
    assert store.get("kind", "a") is None
    with pytest.raises(KeyError, match="no kind named a"):
        store.update("kind", "a", x=1)


def test_prefix_has_no_wildcards(store: Store) -> None:
    for name in ("p/1", "p/\U0010ffff", "p/é", "p", "p0", "P/1", "p%1", "q"):
        store.put("kind", name, {"name": name})
    assert [item["name"] for item in store.list("kind", "p/")] == ["p/1", "p/\U0010ffff", "p/é"]


def test_sequence_leaves_out_by_text_and_by_name(store: Store) -> None:
    store.put("kind", "p/1", {"status": "Approved"})
    store.put("kind", "p/2", {"status": "Rejected", "note": 'was "Approved"'})
    store.put("kind", "p", {"status": "Approved"})
    assert numbers(store, holds='"Approved"') == [1, 3]
    assert numbers(store, name_lacks="/") == [3]
    assert numbers(store, "p/", holds='"Approved"', name_lacks="2") == [1]


def test_a_kind_that_was_empty_is_not_remembered_so(store: Store) -> None:
    assert store.list("kind") == store.list("kind", "a") == []
    store.put("kind", "a", {"x": 1})
    assert store.list("kind") == store.list("kind", "a") == [{"x": 1}]
    assert store.list("kind", "b") == []
    assert store.list("kind") == [{"x": 1}]
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.delete("kind", "a")
        assert store.list("kind") == []
        _ = 1 / 0
    assert store.list("kind") == [{"x": 1}]
    store.delete("kind", "a")
    assert store.list("kind") == []
    store.create("kind", "b", {"x": 2})
    assert store.list("kind") == [{"x": 2}]


def test_create_does_not_overwrite(store: Store) -> None:
    assert store.create("kind", "a", {"x": 1}) is True
    assert store.create("kind", "a", {"x": 2}) is False
    assert store.get("kind", "a") == {"x": 1}


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.put("kind", "a", {})
        store.put("kind", "b", {})
        raise ZeroDivisionError
    assert store.list("kind") == []
    store.put("kind", "c", {})


def test_updates_of_many_threads_are_all_kept(store: Store) -> None:
    store.put("kind", "a", {})

    def write(number: int) -> None:
        store.update("kind", "a", **{str(number): number})

    threads = [threading.Thread(target=write, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("kind", "a") == {str(number): number for number in range(40)}


def test_wait_misses_no_write_and_times_out(store: Store) -> None:
    store.wait(0)
    store.put("kind", "a", {})
    assert store.wait(5) is True
    assert store.wait(0.05) is False
    threading.Timer(0.1, store.put, ("kind", "b", {})).start()
    begin = time.monotonic()
    assert store.wait(5) is True
    assert time.monotonic() - begin < 2


def test_watch_sees_writes_of_its_names_only(store: Store) -> None:
    with store.watch("a", "b") as changed:
        store.put("kind", "c", {})
        with pytest.raises(ZeroDivisionError), store.transaction():
            store.put("kind", "a", {})
            raise ZeroDivisionError
        assert not changed.is_set()
        for write in (
            lambda: store.put("kind", "a", {}),
            lambda: store.update("kind", "a", x=1),
            lambda: store.create("other", "b", {}),
            lambda: store.delete("kind", "a"),
            lambda: store.wake("b"),
        ):
            write()
            assert changed.is_set()
            changed.clear()
    store.put("kind", "a", {})
    assert not changed.is_set()


def test_second_connection_reads_what_the_first_wrote(tmp_path: Path) -> None:
    first = Store(tmp_path / "store.db")
    first.put("kind", "a", {"x": [1.5, None, "é"]})
    second = Store(tmp_path / "store.db")
    assert second.get("kind", "a") == {"x": [1.5, None, "é"]}
    first.close()
    second.close()


def test_a_sequence_of_documents_that_contain_a_text(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    for name, text in (("a", "Night"), ("b", "day"), ("c", "midnight")):
        store.put("kind", name, {"Text": text})
    found = store.read(numbers(store, holds="NIGHT"))
    assert [found[number]["Text"] for number in sorted(found)] == ["Night", "midnight"]
    assert len(numbers(store, holds="")) == 3


@pytest.mark.parametrize("text", ["a%c", "a_c", "a*c", "a?c", "a[b]c"])
def test_the_text_of_a_sequence_has_no_wildcards(store: Store, text: str) -> None:
    store.put("kind", text, {"Text": text})
    store.put("kind", "abc", {"Text": "abc"})
    assert numbers(store, holds=text) == [1]
    assert numbers(store, name_holds=text) == [1]
    assert numbers(store, name_lacks=text) == [2]


def test_a_text_of_a_sequence_may_hold_a_backslash(store: Store) -> None:
    store.put("kind", "a", {"Text": "in C:\\bins"})
    store.put("kind", "b", {"Text": "in C:bins"})
    assert numbers(store, holds="C:\\\\bins") == [1]  # as JSON writes it


ORDERS = {
    "creation": orders.CREATION,
    "name": orders.NAME,
    "modification": orders.MODIFICATION,
    "status": orders.BY_STATUS,
}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("prefix", ["", "few/", "many/"])
def test_places_come_in_each_order_from_any_on(
    store: Store, order: str, descending: bool, prefix: str
) -> None:
    documents: dict[str, dict[str, Any]] = {}
    with store.transaction():
        for number in range(700):
            name = f"{'many' if number % 7 else 'few'}/{number * 37 % 700:03d}"
            documents[name] = {"TrainingJobStatus": f"Status{number % 3}"}
            if number % 5:  # the others come first
                documents[name]["LastModifiedTime"] = number * 11 % 200 / 2
            store.put("training-job", name, {})
            store.put("other", f"few/{number}", documents[name])
        for name, document in documents.items():
            store.put("training-job", name, document)

    def place(item: tuple[int, tuple[str, Any]]) -> Any:
        number, (name, document) = item
        times = document.get("LastModifiedTime", 0), number
        status = document["TrainingJobStatus"], number
        return {"creation": number, "name": name, "modification": times, "status": status}[order]

    ordered = sorted(enumerate(documents.items()), key=place, reverse=descending)
    expected = [name for _, (name, _) in ordered if name.startswith(prefix)]
    found: list[orders.Found] = []
    while True:
        last = found[-1].place if found else None
        batch = store.places(
            Selection("training-job", prefix),
            90,
            order=ORDERS[order],
            after=last,
            descending=descending,
        )
        found += batch
        if len(batch) < 90:
            break
    assert [each.name for each in found] == expected


def test_a_selection_by_status_is_one_of_the_exact_status(store: Store) -> None:
    for number, status in enumerate(("Failed", "failed", "Completed", "Failed")):
        store.put("training-job", str(number), {"TrainingJobStatus": status})
        store.put("endpoint", str(number), {"TrainingJobStatus": status})
    failed = Selection("training-job", status="Failed")
    for order in ORDERS.values():
        assert [each.name for each in store.places(failed, 9, order=order)] == ["0", "3"]
    assert not store.places(Selection("endpoint", status="Failed"), 9)


def test_a_document_that_is_not_json_to_sqlite_comes_first(store: Store) -> None:
    store.put("kind", "a", {"LastModifiedTime": 5.0})
    store.put("kind", "b", {"LastModifiedTime": 7.0, "value": float("nan")})
    found = store.places(Selection("kind"), 9, order=orders.MODIFICATION)
    assert [each.name for each in found] == ["b", "a"]


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_is_read_from_its_index_and_not_sorted(store: Store, order: str) -> None:
    wanted = ORDERS[order]
    for after in (None, 5 if order == "creation" else "a" if order == "name" else (5, 5)):
        statements: list[str] = []
        store._connection.set_trace_callback(statements.append)
        store.places(Selection("kind"), 9, order=wanted, after=after, descending=True)
        store._connection.set_trace_callback(None)
        plan = store._connection.execute(f"EXPLAIN QUERY PLAN {statements[-1]}").fetchall()
        assert len(plan) == 1
        assert f"INDEX {wanted.index}" in plan[0][-1]
        assert after is None or plan[0][-1].count("=?") + plan[0][-1].count("<?") == 2, plan


@pytest.mark.parametrize("order", orders.MADE)
def test_an_index_of_an_earlier_version_is_made_anew(tmp_path: Path, order: orders.Order) -> None:
    def statement(store: Store) -> str:
        read = "SELECT sql FROM sqlite_master WHERE name = ?"
        return str(store._connection.execute(read, (order.index,)).fetchone()[0])

    store = Store(tmp_path / "store.db")
    made = statement(store)
    store._connection.execute(f"DROP INDEX {order.index}")
    store._connection.execute(f"CREATE INDEX {order.index} ON documents (kind)")
    store.close()
    store = Store(tmp_path / "store.db")
    assert statement(store) == made
    store.close()
