"""The tree that `doctor` prints."""

import json

import pytest

from csc_server.cli.findings import Finding, Status, as_json, as_text, group


def leaf(status, name="leaf"):
    return Finding(name, status, "message", "advice")


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        ([Status.OK], Status.OK),
        ([Status.OK, Status.WARN], Status.WARN),
        ([Status.FAIL, Status.WARN, Status.OK], Status.FAIL),
        ([], Status.FAIL),
    ],
)
def test_the_worst_child_colours_its_parent(statuses, worst):
    assert group("parent", [leaf(status) for status in statuses]).status is worst


def test_advice_is_shown_for_what_is_not_ok():
    lines = list(as_text(group("top", [group("inner", [leaf(Status.WARN)]), leaf(Status.OK, "fine")])))

    assert lines == [
        "[warn] top",
        "  [warn] inner",
        "    [warn] leaf: message",
        "           advice",
        "  [ ok ] fine: message",
    ]


def test_json_has_the_same_tree():
    tree = group("top", [leaf(Status.FAIL), Finding("fine", Status.OK)])

    assert json.loads(json.dumps(as_json(tree))) == {
        "name": "top",
        "status": "fail",
        "children": [
            {"name": "leaf", "status": "fail", "message": "message", "advice": "advice"},
            {"name": "fine", "status": "ok"},
        ],
    }
