"""LifeKeeper's scripts put each line of its settings file into the environment: nothing is different for that."""

from __future__ import annotations

from lab.nodes import Lab, Node
from lab.protected import Protected
from tests.support.hierarchy import CREATE, ROUTE
from tests.support.programs import good

NOWHERE = "http://127.0.0.1:9"
HOSTILE = {
    # tunables of the kit and of LifeKeeper, as another file may have had them
    **{f"EC2_{action}_TIMEOUT": "1" for action in ("RESTORE", "REMOVE", "RECOVER", "QUICKCHECK")},
    "EC2_MAX_RETRY": "0",
    "IP_NOLINKCHECK": "1",
    "IP_MAX_LINKCHK": "0",
    "NOBCASTPING": "0",
    "RESRVRECTIMEOUT": "1",
    "LKCHECKINTERVAL": "1",
    "LKSYSLOGTAG": "$(touch /tmp/x)",
    "IFS": "/",
    "TZ": "nowhere",
    "LANG": "xx_XX.ISO-1",
    # what AWS's library goes by, and the kit's settings do not name
    "AWS_ACCESS_KEY_ID": "AKIAHOSTILE000000000",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_SESSION_TOKEN": "x",
    "AWS_DEFAULT_REGION": "eu-north-9",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_RETRY_MODE": "adaptive",
    "AWS_PAGER": "cat",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_DATA_PATH": "/dev",
    "AWS_ENDPOINT_URL_STS": NOWHERE,
    "AWS_ROLE_ARN": "arn:x",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": NOWHERE,
    "AWS_DEFAULT_PROFILE": "nobody",
    "BOTO_CONFIG": "/nonexistent",
    "REQUESTS_CA_BUNDLE": "/nonexistent",
    "CURL_CA_BUNDLE": "/nonexistent",
    "SSL_CERT_FILE": "/nonexistent",
    "HTTP_PROXY": NOWHERE,
    "http_proxy": NOWHERE,
    "https_proxy": NOWHERE,
    "no_proxy": "*",
    "ALL_PROXY": NOWHERE,
    "all_proxy": NOWHERE,
    # Pacemaker's
    "OCF_RESKEY_ip": "192.0.2.1",
    "OCF_RESKEY_CRM_meta_timeout": "1000",
    "OCF_RESKEY_CRM_meta_interval": "1000",
}


def called(made: Protected, action: str, node: Node, **environment: str) -> tuple[int, list[tuple[str, str]]]:
    """The exit code of an action, and the calls that it made, sorted: which, and by whose key."""
    made.lab.ec2.forget()
    done = node.run(str(node.script(action)), *made.options(action), environment=environment)
    assert "AKIAHOSTILE" not in done.stdout + done.stderr
    return done.returncode, sorted((call.action, call.key) for call in made.lab.ec2.calls)


def test_a_hostile_environment_changes_nothing(both: Protected) -> None:
    """quickCheck, restore, remove and recover make the same calls, signed by the same role, and come to the same."""
    for action, name in (("quickCheck", "node1"), ("restore", "node2"), ("remove", "node2"), ("recover", "node1")):
        node = both.lab.nodes[name]
        before = both.lab.ec2.save()
        plain = called(both, action, node)
        assert plain[0] == 0
        assert plain[1] or action == "remove", "a route's remove asks nothing"
        both.lab.ec2.restore(before)
        assert called(both, action, node, **HOSTILE) == plain, action


def test_a_name_of_aws_that_stands_in_both_is_the_same(routes: Protected) -> None:
    """The file's line as a variable too: nothing is different."""
    node = routes.lab.node1
    plain = called(routes, "quickCheck", node)
    lines = [line.partition("=") for line in node.defaults.read_text().splitlines()]
    assert called(routes, "quickCheck", node, **{name: value for name, _, value in lines}) == plain


def test_create_proves_what_the_actions_will_have(figure1: Lab) -> None:
    """A key in the shell of the person who creates is not the role that the actions have at night."""
    node = figure1.node1
    good(node.run(str(node.root / "bin/ec2kit"), *CREATE[ROUTE], environment=HOSTILE))
    assert "AKIAHOSTILE000000000" not in {call.key for call in figure1.ec2.calls}
