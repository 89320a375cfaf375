"""The drill that rotates secrets: it knows each, holds, and finds one that has no overlap."""

import re

import pytest

from commerce.runtime import settings
from infra.drills.__main__ import DRILLS
from infra.drills.environments import Fleet
from infra.drills.frame import Report
from infra.drills.partners import partners
from infra.drills.secrets import ROTATED, gateway_secret
from infra.template import ROOT

pytestmark = pytest.mark.usefixtures("own_shop")


def test_each_secret_is_rotated_and_nothing_is_refused_wrongly() -> None:
    report = DRILLS["secrets"].run(2, lambda _: None)
    assert report.failed == [], [each.proof for each in report.steps if not each.holds]
    assert len(report.steps) == 12


def test_the_drill_rotates_every_secret_of_the_template() -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    made = set(re.findall(r"^  (\w+):.*\n    Type: AWS::SecretsManager::Secret$", text, re.M))
    given = set(re.findall(r"^  (\w+SecretArn):\n    Type: String", text, re.M))
    assert made | given - {"DatabaseSecretArn"} == set(ROTATED)


def test_a_secret_whose_previous_value_is_refused_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = settings.signing_secrets
    monkeypatch.setattr(settings, "signing_secrets", lambda name: real(name)[:1])
    report = Report(lambda _: None)
    with partners() as outside:
        gateway_secret(report, Fleet(2), outside)
    assert report.failed == ["Callbacks while the gateway's secret rotates"], report.steps
