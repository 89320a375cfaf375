"""The page that `make drop-demo` leaves: entries, draw, offers, heirs and the verified proof."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from infra.local.api import Json

SHOWN = 30  # places of a line, and offers, that the page names
_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8">
<title>A drop, played and proven</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem;
border-bottom:1px solid #8884}code{word-break:break-all}.bad{color:#b00}</style>
"""


def page(
    proof: Json,
    report: Json,
    claims: Sequence[str],
    names: Mapping[str, str],
    drawn_to: Mapping[str, str],
    how: str,
) -> str:
    """Return the page as HTML.

    Args:
        proof: the drop's whole proof.
        report: the drop's report.
        claims: the lines of the verifier.
        names: the shopper of each entry, by its id.
        drawn_to: what became of an entry, by its id.
        how: one sentence about how the shoppers entered.
    """
    line = sorted(proof["entries"], key=lambda entry: int(entry["position"]))
    sections = [
        f"<h1>A drop, played and proven</h1><p>{escape(how)}</p>",
        _facts(proof, report),
        "<h2>The draw</h2>",
        _table(
            ("place", "shopper", "entry", "what became of it"),
            [
                (
                    each["position"],
                    names.get(each["entry_id"], ""),
                    each["entry_id"],
                    drawn_to.get(each["entry_id"], "never offered a unit"),
                )
                for each in line[:SHOWN]
            ],
        ),
        f"<p>… and {len(line) - SHOWN:,} more.</p>" if len(line) > SHOWN else "",
        "<h2>Offers, and units that came back to heirs</h2>",
        _table(("at", "what", "shoppers"), _happened(proof, names)),
        "<h2>The proof, verified</h2><ul>",
        *(
            f"<li{'' if claim.startswith('ok') else ' class=bad'}>{escape(claim)}</li>"
            for claim in claims
        ),
        "</ul>",
    ]
    return _HEAD + "\n".join(sections)


def _facts(proof: Json, report: Json) -> str:
    return _table(
        ("entries", "offers", "bought", "passed on", "oversold", "entries_root", "signature"),
        [
            (
                *(report[name] for name in ("entries", "offers", "bought", "passed_on")),
                report["oversold"],
                proof["entries_root"],
                proof["signature"],
            )
        ],
    )


def _happened(proof: Json, names: Mapping[str, str]) -> Iterator[tuple[Any, ...]]:
    for record in proof["log"]:
        if record["kind"] in ("OFFERED", "RELEASED", "WITHDRAWN"):
            ids = [each for lot in record["data"]["entries"].values() for each in lot]
            said = ", ".join(names.get(each, each) for each in ids[:SHOWN])
            yield record["at"], record["kind"], said


def _table(head: Sequence[str], lines: Any) -> str:
    def row(tag: str, cells: Sequence[Any]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(str(each))}</{tag}>" for each in cells) + "</tr>"

    return f"<table>{row('th', head)}{''.join(row('td', each) for each in lines)}</table>"
