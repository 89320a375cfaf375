"""Whoever counts tries and the queue that ends them agree on how many there are."""

from typing import Any

from infra.template import read_template, resources

SETTING = "SHIPPING_MAX_TRIES"


def disagreements(template: dict[str, Any]) -> tuple[int, list[str]]:
    """How many functions have the setting, and which of them have another than their queue."""
    stacks = resources(template, "AWS::CloudFormation::Stack")
    found, wrong = 0, []
    for name, function in resources(template, "AWS::Serverless::Function").items():
        variables = function.get("Environment", {}).get("Variables", {})
        if SETTING not in variables:
            continue
        found += 1
        [stack, _] = function["Events"]["Queue"]["Properties"]["Queue"]["Fn::GetAtt"]
        if stacks[stack]["Parameters"].get("MaxReceiveCount") != variables[SETTING]:
            wrong.append(name)
    return found, wrong


def test_each_shipping_queue_ends_the_tries_that_its_function_counts() -> None:
    assert disagreements(read_template()) == (2, [])


def test_a_disagreement_would_be_noticed() -> None:
    template = read_template()
    stacks = resources(template, "AWS::CloudFormation::Stack")
    stacks["ShippingOrderCancelled"]["Parameters"]["MaxReceiveCount"] = 5
    assert disagreements(template) == (2, ["OnOrderCancelledFunction"])


def test_three_tries_unless_said_otherwise() -> None:
    assert read_template()["Parameters"]["ShippingMaxTries"]["Default"] == 3


def test_whoever_gives_up_may_tell_the_operators() -> None:
    functions = resources(read_template(), "AWS::Serverless::Function")
    for name in ("OnOrderConfirmedFunction", "OnOrderCancelledFunction"):
        statements = functions[name]["Policies"][1]["Statement"]
        assert {"Effect": "Allow", "Action": "sns:Publish", "Resource": {"Ref": "OpsTopic"}} in (
            statements
        )
        assert functions[name]["Environment"]["Variables"]["OPS_TOPIC_ARN"] == {"Ref": "OpsTopic"}
