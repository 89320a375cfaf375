"""The page that the demo of a drop leaves."""

from infra.local.drop_page import SHOWN, page

ENTRIES = [{"entry_id": f"e{n}", "lot": "p", "position": n} for n in range(SHOWN + 5, 0, -1)]
LOG = [
    {"at": "12:00", "kind": "SEALED", "data": {"sizes": {"p": 5}}},
    {"at": "12:01", "kind": "OFFERED", "data": {"entries": {"p": ["e1"]}}},
    {"at": "12:02", "kind": "WITHDRAWN", "data": {"entries": {"p": ["e1"]}}},
    {"at": "12:03", "kind": "OFFERED", "data": {"entries": {"p": ["e2"]}}},
]
PROOF = {"entries": ENTRIES, "log": LOG, "entries_root": "r00t", "signature": "51g"}
REPORT = {"entries": 35, "offers": 2, "bought": 1, "passed_on": 1, "oversold": 0}


def html() -> str:
    claims = ["ok   the pool is the sealed one", "FAIL positions are those of the draw"]
    names = {"e1": "Wile <E.>", "e2": "Road Runner"}
    return page(PROOF, REPORT, claims, names, {"e1": "withdrew"}, "100 entered by HTTP.")


def test_the_page_shows_the_first_in_line_and_how_many_follow() -> None:
    shown = html()

    first, second = shown.index("<td>e1</td>"), shown.index("<td>e2</td>")
    assert first < second < shown.index(f"<td>e{SHOWN}</td>")
    assert f"<td>e{SHOWN + 1}</td>" not in shown
    assert "and 5 more" in shown
    assert "100 entered by HTTP." in shown


def test_the_page_shows_offers_and_heirs_in_their_order() -> None:
    shown = html()

    offers = [shown.index(f"<td>{moment}</td>") for moment in ("12:01", "12:02", "12:03")]
    assert offers == sorted(offers)
    assert "12:00" not in shown
    assert shown.count("Road Runner") == 2


def test_a_claim_that_does_not_hold_stands_out_and_names_are_no_markup() -> None:
    shown = html()

    assert "<li class=bad>FAIL positions are those of the draw</li>" in shown
    assert "<li>ok   the pool is the sealed one</li>" in shown
    assert "Wile &lt;E.&gt;" in shown
    assert "<E.>" not in shown
