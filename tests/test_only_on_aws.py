"""What SAM adds to the template unasked, or AWS does with it, that the local AWS lets pass."""

from tests.transformed import of_type


def test_the_api_has_no_stage_beside_the_guarded_one() -> None:
    """The one stage there is has the web ACL, the throttling and the access log; SAM's own `Stage` would have none.

    Source: the note at `OpenApiVersion` in AWS's reference of AWS::Serverless::Api.
    """
    assert [made["StageName"] for made in of_type("AWS::ApiGateway::Stage").values()] == ["v1"]
    assert [made["StageName"] for made in of_type("AWS::ApiGateway::Deployment").values() if "StageName" in made] == []


def test_two_stacks_fit_in_one_account() -> None:
    """No schedule has a name that another stack's has too: SAM's own is the same for all, and the second would fail."""
    names = [made["Name"] for made in of_type("AWS::Scheduler::Schedule").values()]
    assert names == [{"Fn::Sub": "${AWS::StackName}-nightly"}, {"Fn::Sub": "${AWS::StackName}-tick"}]
