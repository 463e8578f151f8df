"""The layout of a definition's graph."""

import itertools

from pipeline_steps import Json, condition, definition, fail, get, processing

from sagemaker_emulator.console.graph import HEIGHT, WIDTH, Graph, graph_of
from sagemaker_emulator.sagemaker.pipelines.language.definition import parse


def graph(*steps: Json) -> Graph:
    return graph_of(parse(definition(*steps)))


def after(name: str, *parents: str) -> Json:
    return processing(name, DependsOn=list(parents))


def arrows(made: Graph) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in made.edges}


def test_a_step_is_below_those_that_it_waits_for() -> None:
    reference = {"X": get("Steps.A.ProcessingJobName")}
    made = graph(processing("A"), processing("B", reference), after("C", "B"))
    heights = {node.name: node.y for node in made.nodes}
    assert heights["A"] < heights["B"] < heights["C"]
    assert arrows(made) == {("A", "B"), ("B", "C")}


def test_an_arrow_that_follows_from_others_is_left_out() -> None:
    made = graph(processing("A"), after("B", "A"), after("C", "A", "B"))
    assert arrows(made) == {("A", "B"), ("B", "C")}


def test_an_arrow_over_a_layer_has_a_bend() -> None:
    steps = [processing("A"), after("B", "A"), after("C", "B"), after("D", "A")]
    made = graph(*steps, after("Last", "C", "D"))
    curves = {(edge.source, edge.target): edge.path.count("C") for edge in made.edges}
    assert curves["A", "B"] == curves["B", "C"] == curves["C", "Last"] == 1
    assert curves["A", "D"] + curves["D", "Last"] == 3  # D is in one of the two layers between


def test_the_branches_of_a_condition_are_labelled() -> None:
    test = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    made = graph(condition("If", [test], [processing("Yes")], [fail("No")]))
    assert {edge.target: edge.label for edge in made.edges} == {"Yes": "true", "No": "false"}


def test_no_two_steps_overlap_and_all_are_inside() -> None:
    steps = [processing("First"), *(after(f"S{i}", "First") for i in range(7))]
    made = graph(*steps, after("Last", *(f"S{i}" for i in range(7))), processing("Alone"))
    assert len(made.nodes) == 10
    for left, right in itertools.combinations(made.nodes, 2):
        assert abs(left.x - right.x) >= WIDTH or abs(left.y - right.y) >= HEIGHT
    assert all(0 <= node.x <= made.width - WIDTH for node in made.nodes)
    assert all(0 <= node.y <= made.height - HEIGHT for node in made.nodes)


def test_steps_without_arrows_have_a_place_each() -> None:
    made = graph(processing("A"), processing("B"))
    assert len({(node.x, node.y) for node in made.nodes}) == 2


def test_a_long_name_is_cut() -> None:
    (node,) = graph(processing("A" * 64)).nodes
    assert len(node.label) < 30 and node.label.endswith("…")
