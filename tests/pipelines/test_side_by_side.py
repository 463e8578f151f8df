from pipelines.side_by_side import beside


def test_a_row_holds_one_fact_of_each_thing_and_whether_they_differ() -> None:
    compared = beside(
        ["a", "b"], [{"counts": "1-5", "data": "bins"}, {"counts": "0-5", "data": "bins"}]
    )
    assert compared.as_dict() == {
        "compared": ["a", "b"],
        "rows": [
            {"label": "counts", "values": ["1-5", "0-5"], "differs": True},
            {"label": "data", "values": ["bins", "bins"], "differs": False},
        ],
    }
    assert [row.label for row in compared.differences] == ["counts"]


def test_what_only_a_later_thing_has_keeps_its_place() -> None:
    compared = beside(
        ["a", "b"], [{"x": "1", "z": "3"}, {"x": "1", "y": "2", "z": "3", "end": "4"}]
    )
    assert [row.label for row in compared.rows] == ["x", "y", "z", "end"]
    assert compared.rows[1].values == ("", "2") and compared.rows[1].differs


def test_what_is_known_of_nothing_is_left_out() -> None:
    assert beside(["a", "b"], [{"x": ""}, {"x": ""}]).rows == ()
