"""Who is asked, by which way and with whose key is as with bare botocore, but for the rows of docs/aws.md."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from lab import PROJECT, forks
from lab.aws.container import Container
from lab.aws.internet import Internet
from lab.aws.keys import key_of
from lab.aws.proxy import Proxy
from lab.aws.sso import START, Sso
from lab.aws.sts import Sts
from lab.ec2.server import Ec2
from lab.ec2.tls import Authority
from lab.imds import Imds
from lab.nodes import address_lab
from lab.protected import Protected, protect

EC2, STS, SSO = "ec2.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com", "portal.sso.us-east-1.amazonaws.com"
CHINA, GOV = "ec2.cn-north-1.amazonaws.com.cn", "ec2.us-gov-west-1.amazonaws.com"
METADATA, METADATA6 = "169.254.169.254", "fd00:ec2::254"
ONE, TWO, LOCKED = (f"http://{name}.example.com:3128" for name in ("one", "two", "me:it%20is@locked"))
TOKEN = "PUT /latest/api/token"
ROLE = "arn:aws:iam::123456789012:role"
BARE = """#!/usr/bin/env python3
import sys, boto3
boto3.session.Session(region_name=sys.argv[1] or None).client("ec2").describe_addresses()
"""
WORK = "[work]\naws_access_key_id = AKIAFILE\naws_secret_access_key = x\n"
READER = f"[profile reader]\nrole_arn = {ROLE}/reader\nsource_profile = work\n"
HOST = f"[profile host]\nrole_arn = {ROLE}/reader\ncredential_source = Ec2InstanceMetadata\n"
BY_SESSION = (
    f"[sso-session us]\nsso_start_url = {START}\nsso_region = us-east-1\n"
    "[profile sso]\nsso_session = us\nsso_account_id = 123456789012\nsso_role_name = reader\n"
)
BY_URL = (
    f"[profile sso]\nsso_start_url = {START}\nsso_region = us-east-1\n"
    "sso_account_id = 123456789012\nsso_role_name = reader\n"
)
KEY = {"AWS_ACCESS_KEY_ID": "AKIAVARIABLE", "AWS_SECRET_ACCESS_KEY": "x"}
ONCE = {"AWS_MAX_ATTEMPTS": "1"}
VPCE = "https://vpce.example.com"


@dataclass(frozen=True)
class World:
    """A protected Elastic IP, and all of AWS around it."""

    protected: Protected
    internet: Internet
    sts: Sts
    sso: Sso
    container: Container
    metadata: Mapping[str, Imds]
    proxies: Mapping[str, Proxy]
    authority: Authority
    forks: Path

    @property
    def localhost(self) -> str:
        """EC2's own host and port, without TLS."""
        return self.ec2.url.partition("//")[2].replace("127.0.0.1", "localhost")

    @property
    def ec2(self) -> Ec2:
        """Where all hosts of EC2's are."""
        return self.protected.lab.ec2

    def forget(self) -> None:
        """Begin to listen again, with nothing broken."""
        self.ec2.forget()
        self.sts.calls.clear()
        self.sso.calls.clear()
        for proxy in self.proxies.values():
            proxy.calls.clear()
        for metadata in self.metadata.values():
            metadata.calls.clear()
            metadata.mend()

    def asked(self, *, person: bool) -> set[str]:
        """What was asked, each once: "KEY [PROXY>]HOST"; person: a person was asked, too.

        KEY is a role's or key's name; "nobody" asked a proxy in vain; {ec2} is EC2's own host and port. Of the
        metadata only what is not as IMDSv2 wants it.
        """
        ways = {f"{call.host}:{call.port}": name for name, proxy in self.proxies.items() for call in proxy.calls}
        calls = [
            *((call.key, call.host) for call in self.ec2.calls),
            *((call.key or "unsigned", call.host) for call in self.sts.calls),
            *(("login", call.host) for call in self.sso.calls),
        ]
        found = set()
        for key, host in calls:
            way = ways.get(host if ":" in host else f"{host}:443")
            found.add(f"{who(key)} {f'{way}>' if way else ''}{host}".replace(self.localhost, "{ec2}"))
        reached = {host for _, host in calls}
        own = {f"{host}:80" for host in (METADATA, METADATA6)} | {
            each.url.partition("//")[2] for each in self.metadata.values()
        }
        for place, way in ways.items():
            host = place.removesuffix(":443")
            if place in own:
                found.add(f"metadata {way}>")
            elif host not in reached:
                found.add(f"nobody {way}>{host}")
        answers = [status for each in self.metadata.values() for _, _, status in each.calls]
        return (
            found | {"metadata IMDSv1" for status in answers if status == 401} | {"a person" for _ in range(person)}
        )


def who(key: str) -> str:
    """Of a key its role; of one that is written down, its name."""
    return key[4:-8].rstrip("X") if key.startswith("ASIA") else key.removeprefix("AKIA")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, fork_server: Path) -> Iterator[World]:
    """It is made once; each test's run begins by `forget`."""
    folder = tmp_path_factory.mktemp("as-botocore")
    with ExitStack() as stack:
        enter = stack.enter_context
        lab = enter(address_lab(folder / "lab", forks=fork_server))
        protected = protect(lab)
        node, ec2 = lab.node1, lab.ec2
        kept = [line for line in node.defaults.read_text().splitlines() if not line.startswith("AWS_")]
        node.defaults.write_text("\n".join([*kept, "EC2_MAX_RETRY=0", ""]))
        metadata = {METADATA: node.imds, METADATA6: enter(Imds(node.identity, ec2, "node1", host="::1"))}
        sts, sso, container = enter(Sts(ec2)), enter(Sso(ec2, ("reader",))), enter(Container("pod", ec2))
        sts.roles = {
            f"{ROLE}/reader": ("AKIAFILE", key_of("node1"), key_of("pod"), "web identity"),
            f"{ROLE}/writer": (key_of("reader"),),
        }
        fips = ["ec2-fips.us-east-1.amazonaws.com", "ec2.us-east-1.api.aws", "ec2-fips.us-east-1.api.aws"]
        sites = dict.fromkeys([EC2, CHINA, GOV, "ec2.eu-west-3.amazonaws.com", *fips, "vpce.example.com"], ec2.url)
        sites |= dict.fromkeys([STS, "sts.amazonaws.com", "vpce-sts.example.com"], sts.url)
        sites |= {SSO: sso.url, "169.254.170.2": container.url}
        sites |= {host: each.url for host, each in metadata.items()}
        authority = Authority(folder / "ca.pem")
        internet = enter(Internet(authority, sites))
        logins = {"one": None, "two": None, "locked": "me:it is"}
        proxies = {name: enter(Proxy(internet, login=login)) for name, login in logins.items()}
        internet.sites |= {f"{name}.example.com": proxy.url for name, proxy in proxies.items()}
        yield World(protected, internet, sts, sso, container, metadata, proxies, authority, fork_server)


@dataclass(frozen=True)
class Case:
    """An environment, and what is asked in it.

    asked: by the kit, and where `row` names none of docs/aws.md, by botocore; bare: by botocore where it does. In
    variables and files {home}, {ec2}, {container}, {metadata} and {ca} are this test's. region: what botocore is
    told; the kit hears it from the metadata. without: a host that is not there. before: what happens first. action:
    the kit runs as LifeKeeper's quickCheck, not as `check`. bundle: whether AWS_CA_BUNDLE is given.
    """

    asked: str
    variables: Mapping[str, str] = field(default_factory=dict)
    config: str = ""
    credentials: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    row: str = ""
    bare: str = ""
    region: str = "us-east-1"
    without: str = ""
    before: Callable[[World, Path], object] = lambda _world, _home: None
    action: bool = False
    bundle: bool = True


def by(proxy: str, **variables: str) -> dict[str, str]:
    """Variables, with a proxy for https."""
    return {"HTTPS_PROXY": proxy, **variables}


def no_token(world: World, _home: Path) -> None:
    """The metadata service gives no token."""
    world.metadata[METADATA].refuse("missing", TOKEN)


def one_token_alone(world: World, _home: Path) -> None:
    """The metadata service gives a first token, and no other."""
    world.metadata[METADATA].refuse("missing", TOKEN, skip=1)


CASES = {
    # whose key
    "role": Case(f"NODE1 {EC2}"),
    "profile": Case(f"FILE {EC2}", {"AWS_PROFILE": "work"}, credentials=WORK),
    "profile in config": Case(f"FILE {EC2}", {"AWS_PROFILE": "work"}, WORK.replace("[", "[profile ")),
    "default profile": Case(f"FILE {EC2}", {"AWS_DEFAULT_PROFILE": "work"}, credentials=WORK),
    "default key hides the role": Case(f"FILE {EC2}", credentials=WORK.replace("work", "default")),
    "key in variables": Case(f"VARIABLE {EC2}", KEY),
    "key in variables beside a default key": Case(
        f"VARIABLE {EC2}", KEY, credentials=WORK.replace("work", "default")
    ),
    "key in variables beside a profile": Case(f"VARIABLE {EC2}", {**KEY, "AWS_PROFILE": "work"}, credentials=WORK),
    "empty profile": Case(f"NODE1 {EC2}", {"AWS_PROFILE": ""}, row="An empty variable"),
    "empty key": Case(f"NODE1 {EC2}", {"AWS_ACCESS_KEY_ID": ""}),
    "other files": Case(
        f"FILE {EC2}",
        {"AWS_PROFILE": "work", "AWS_SHARED_CREDENTIALS_FILE": "{home}/keys", "AWS_CONFIG_FILE": "{home}/none"},
        files={"keys": WORK},
    ),
    "role of a profile": Case(f"FILE {STS}, READER {EC2}", {"AWS_PROFILE": "reader"}, READER, WORK),
    "role of the default profile": Case(
        f"FILE {STS}, READER {EC2}", config=READER.replace("profile reader", "default"), credentials=WORK
    ),
    "role that is refused": Case(
        f"FILE {STS}", {"AWS_PROFILE": "reader"}, READER.replace("role/reader", "role/writer"), WORK
    ),
    "role of the role": Case(f"NODE1 {STS}, READER {EC2}", {"AWS_PROFILE": "host"}, HOST),
    "role of the role by IPv6": Case(
        f"NODE1 {STS}, READER {EC2}",
        {"AWS_PROFILE": "host", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"},
        HOST,
        without=METADATA,
    ),
    "chain": Case(
        f"FILE {STS}, READER {STS}, WRITER {EC2}",
        {"AWS_PROFILE": "writer"},
        f"{READER}[profile writer]\nrole_arn = {ROLE}/writer\nsource_profile = reader\n",
        WORK,
    ),
    "role of a container": Case(
        f"POD {STS}, READER {EC2}",
        {"AWS_PROFILE": "host", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "{container}"},
        HOST.replace("Ec2InstanceMetadata", "EcsContainer"),
    ),
    "web identity": Case(
        f"READER {EC2}, unsigned {STS}",
        {"AWS_ROLE_ARN": f"{ROLE}/reader", "AWS_WEB_IDENTITY_TOKEN_FILE": "{home}/token"},
        files={"token": "web identity"},
    ),
    "web identity of a profile": Case(
        f"READER {EC2}, unsigned {STS}",
        {"AWS_PROFILE": "web"},
        f"[profile web]\nrole_arn = {ROLE}/reader\nweb_identity_token_file = {{home}}/token\n",
        files={"token": "web identity"},
    ),
    "credential_process": Case(
        f"PROCESS {EC2}",
        {"AWS_PROFILE": "process"},
        "[profile process]\ncredential_process = /bin/cat {home}/process.json\n",
        files={"process.json": json.dumps({"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "x"})},
    ),
    "SSO": Case(
        f"READER {EC2}, login {SSO}",
        {"AWS_PROFILE": "sso"},
        BY_SESSION,
        before=lambda world, home: world.sso.login(home, session="us"),
    ),
    "SSO of old": Case(
        f"READER {EC2}, login {SSO}", {"AWS_PROFILE": "sso"}, BY_URL, before=lambda world, home: world.sso.login(home)
    ),
    "SSO without a login": Case("", {"AWS_PROFILE": "sso"}, BY_URL),
    "container": Case(f"POD {EC2}", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{container}"}),
    "container by a path": Case(f"POD {EC2}", {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v1/credentials"}),
    "mfa_serial": Case(
        "",
        {"AWS_PROFILE": "reader"},
        f"{READER}mfa_serial = arn:aws:iam::123456789012:mfa/me\n",
        WORK,
        row="mfa_serial",
        bare="a person",
    ),
    "LifeKeeper's action": Case(
        f"NODE1 {EC2}", KEY, row="Variables that are not settings", bare=f"VARIABLE {EC2}", action=True
    ),
    # the proxy
    "proxy": Case(f"NODE1 one>{EC2}", by(ONE)),
    "proxy in small letters": Case(f"NODE1 one>{EC2}", {"https_proxy": ONE}),
    "proxy in both": Case(f"NODE1 two>{EC2}", by(ONE, https_proxy=TWO)),
    "proxy without a scheme": Case(f"NODE1 one>{EC2}", by(ONE.removeprefix("http://"))),
    "proxy with a login": Case(f"NODE1 locked>{EC2}", by(LOCKED)),
    "proxy with a wrong login": Case(f"nobody locked>{EC2}", by(LOCKED.replace("is@", "is not@"), **ONCE)),
    "proxy for all": Case(f"NODE1 {EC2}", {"ALL_PROXY": ONE, "all_proxy": ONE}),
    "proxy switched off": Case(f"NODE1 {EC2}", by(ONE, https_proxy="")),
    "proxy for STS too": Case(f"FILE one>{STS}, READER one>{EC2}", by(ONE, AWS_PROFILE="reader"), READER, WORK),
    "proxy not for STS": Case(
        f"FILE {STS}, READER one>{EC2}", by(ONE, AWS_PROFILE="reader", NO_PROXY=STS), READER, WORK
    ),
    "NO_PROXY": Case(f"NODE1 {EC2}", by(ONE, NO_PROXY=EC2)),
    "no_proxy": Case(f"NODE1 {EC2}", by(ONE, no_proxy=EC2)),
    "both, the small one says no": Case(f"NODE1 one>{EC2}", by(ONE, NO_PROXY=EC2, no_proxy="x.example.com")),
    "both, the small one says yes": Case(f"NODE1 {EC2}", by(ONE, NO_PROXY="x.example.com", no_proxy=EC2)),
    "both, the small one is empty": Case(
        f"NODE1 {EC2}",
        by(ONE, NO_PROXY=EC2, no_proxy=""),
        row="An empty no_proxy",
        bare=f"NODE1 one>{EC2}",
    ),
    "NO_PROXY is a star": Case(f"NODE1 {EC2}", by(ONE, NO_PROXY="*")),
    "no_proxy is a star": Case(f"NODE1 {EC2}", by(ONE, no_proxy="*")),
    "NO_PROXY is a list with a star": Case(f"NODE1 one>{EC2}", by(ONE, NO_PROXY="x.example.com,*")),
    "NO_PROXY is a suffix": Case(f"NODE1 {EC2}", by(ONE, NO_PROXY=".amazonaws.com")),
    "NO_PROXY is a domain": Case(f"NODE1 {EC2}", by(ONE, NO_PROXY="amazonaws.com")),
    "NO_PROXY has another port": Case(f"NODE1 one>{EC2}", by(ONE, NO_PROXY=f"{EC2}:443")),
    "NO_PROXY has the port": Case(
        "NODE1 vpce.example.com:8443",
        by(ONE, NO_PROXY="vpce.example.com:8443", AWS_ENDPOINT_URL_EC2=f"{VPCE}:8443"),
    ),
    "NO_PROXY is a list with blanks": Case(f"NODE1 {EC2}", by(ONE, NO_PROXY=f"x.example.com , {EC2} ,")),
    "NO_PROXY for a VPC endpoint": Case(
        "NODE1 vpce.example.com", by(ONE, NO_PROXY=".example.com", AWS_ENDPOINT_URL_EC2=VPCE)
    ),
    "HTTP_PROXY": Case(
        "NODE1 one>{ec2}",
        {"HTTP_PROXY": ONE, "AWS_ENDPOINT_URL_EC2": "http://{ec2}"},
        row="The metadata service and a proxy",
        bare="NODE1 one>{ec2}, metadata one>",
    ),
    "HTTP_PROXY and NO_PROXY": Case(
        "NODE1 {ec2}",
        {"HTTP_PROXY": ONE, "AWS_ENDPOINT_URL_EC2": "http://{ec2}", "NO_PROXY": f"localhost,{METADATA}"},
    ),
    "HTTP_PROXY and a role by IPv6": Case(
        f"NODE1 {STS}, READER {EC2}",
        {"AWS_PROFILE": "host", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6", "http_proxy": ONE},
        HOST,
        without=METADATA,
        row="The metadata service and a proxy",
        bare=f"NODE1 {STS}, READER {EC2}, metadata one>",
    ),
    "HTTP_PROXY and a role": Case(
        f"NODE1 {STS}, READER {EC2}",
        {"AWS_PROFILE": "host", "HTTP_PROXY": ONE},
        HOST,
        row="The metadata service and a proxy",
        bare=f"NODE1 {STS}, READER {EC2}, metadata one>",
    ),
    # the URL
    "URL": Case("NODE1 vpce.example.com", {"AWS_ENDPOINT_URL": VPCE}),
    "URL of EC2": Case("NODE1 vpce.example.com", {"AWS_ENDPOINT_URL_EC2": VPCE}),
    "URLs": Case("NODE1 vpce.example.com:8443", {"AWS_ENDPOINT_URL": VPCE, "AWS_ENDPOINT_URL_EC2": f"{VPCE}:8443"}),
    "URL of a profile": Case("NODE1 vpce.example.com", config=f"[default]\nendpoint_url = {VPCE}\n"),
    "URL of a service": Case(
        "NODE1 vpce.example.com:8443",
        config=f"[default]\nendpoint_url = {VPCE}\nservices = x\n[services x]\nec2 =\n  endpoint_url = {VPCE}:8443\n",
    ),
    "URL before a service's": Case(
        "NODE1 vpce.example.com",
        {"AWS_ENDPOINT_URL": VPCE},
        f"[default]\nservices = x\n[services x]\nec2 =\n  endpoint_url = {VPCE}:8443\n",
    ),
    "URL of STS": Case(
        f"FILE vpce-sts.example.com, READER {EC2}",
        {"AWS_PROFILE": "reader", "AWS_ENDPOINT_URL_STS": "https://vpce-sts.example.com"},
        READER,
        WORK,
    ),
    "URL that is ignored": Case(
        f"NODE1 {EC2}", {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, f"[default]\nendpoint_url = {VPCE}\n"
    ),
    "URL that its profile ignores": Case(
        f"NODE1 {EC2}", {"AWS_ENDPOINT_URL": VPCE}, "[default]\nignore_configured_endpoint_urls = true\n"
    ),
    "URL without TLS": Case(
        "",
        {"AWS_ENDPOINT_URL_EC2": "http://vpce.example.com"},
        row="A URL with http://",
        bare="NODE1 vpce.example.com",
    ),
    "FIPS": Case(f"NODE1 {EC2.replace('ec2', 'ec2-fips')}", {"AWS_USE_FIPS_ENDPOINT": "true"}),
    "FIPS of a profile": Case(
        f"NODE1 {EC2.replace('ec2', 'ec2-fips')}", config="[default]\nuse_fips_endpoint = true\n"
    ),
    "dual-stack": Case("NODE1 ec2.us-east-1.api.aws", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}),
    "FIPS and dual-stack": Case(
        "NODE1 ec2-fips.us-east-1.api.aws",
        {"AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_USE_FIPS_ENDPOINT": "true"},
    ),
    "China": Case(f"NODE1 {CHINA}", {"AWS_REGION": "cn-north-1"}, region="cn-north-1"),
    "GovCloud by a proxy": Case(f"NODE1 one>{GOV}", by(ONE, AWS_REGION="us-gov-west-1"), region="us-gov-west-1"),
    "Region of a profile": Case(
        f"NODE1 {EC2}",
        config="[default]\nregion = eu-west-3\n",
        region="",
        row="The Region",
        bare="NODE1 ec2.eu-west-3.amazonaws.com",
    ),
    "STS of old": Case(
        f"FILE sts.amazonaws.com, READER {EC2}",
        {"AWS_PROFILE": "reader", "AWS_STS_REGIONAL_ENDPOINTS": "legacy"},
        READER,
        WORK,
    ),
    "STS of old in the profile": Case(
        f"FILE sts.amazonaws.com, READER {EC2}",
        {"AWS_PROFILE": "reader"},
        f"{READER}sts_regional_endpoints = legacy\n",
        WORK,
    ),
    # certificates
    "bundle of a profile": Case(f"NODE1 {EC2}", config="[default]\nca_bundle = {ca}\n", bundle=False),
    "bundle of requests": Case(f"NODE1 {EC2}", {"REQUESTS_CA_BUNDLE": "{ca}"}, bundle=False),
    # the metadata
    "no metadata": Case("", {"AWS_EC2_METADATA_DISABLED": "true"}),
    "metadata without a token": Case(
        "",
        before=no_token,
        row="IMDSv1",
        bare="metadata IMDSv1",
    ),
    "role of the role without a token": Case(
        "",
        {"AWS_PROFILE": "host"},
        HOST,
        before=no_token,
        row="IMDSv1",
        bare="metadata IMDSv1",
    ),
    "role of the role, a second token is refused": Case(
        f"NODE1 {STS}, READER {EC2}", {"AWS_PROFILE": "host"}, HOST, before=one_token_alone
    ),
    "metadata v1 switched off": Case(f"NODE1 {EC2}", {"AWS_EC2_METADATA_V1_DISABLED": "true"}),
    "metadata elsewhere": Case(f"NODE1 {EC2}", {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "{metadata}"}, without=METADATA),
    "metadata by IPv6": Case(f"NODE1 {EC2}", {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, without=METADATA),
    "metadata by IPv6 in the profile": Case(
        "",
        config="[default]\nec2_metadata_service_endpoint_mode = ipv6\n",
        without=METADATA,
        row="Where the metadata service is",
        bare=f"NODE1 {EC2}",
    ),
    # how
    "retries": Case(f"NODE1 {EC2}", {"AWS_MAX_ATTEMPTS": "7", "AWS_RETRY_MODE": "adaptive"}),
    "defaults_mode": Case(f"NODE1 {EC2}", {"AWS_DEFAULTS_MODE": "auto"}),
    "defaults_mode and HTTP_PROXY by IPv6": Case(
        f"VARIABLE {EC2}",
        {**KEY, "AWS_DEFAULTS_MODE": "auto", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6", "HTTP_PROXY": ONE},
        without=METADATA,
        row="The metadata service and a proxy",
        bare=f"VARIABLE {EC2}, metadata one>",
    ),
    "defaults_mode, a second token is refused": Case(
        f"VARIABLE {EC2}", {**KEY, "AWS_DEFAULTS_MODE": "auto"}, before=one_token_alone
    ),
}


def home_of(world: World, case: Case, home: Path) -> dict[str, str]:
    """Fill a home with a case's files, and give the environment of a program in it."""
    node_url, ca = world.metadata[METADATA].url, str(world.authority.bundle)
    names = {
        "home": str(home),
        "ec2": world.localhost,
        "container": world.container.url,
        "metadata": node_url,
        "ca": ca,
    }
    for name, text in {".aws/config": case.config, ".aws/credentials": case.credentials, **case.files}.items():
        if text:
            (home / name).parent.mkdir(exist_ok=True)
            (home / name).write_text(text if text.startswith("{") else text.format_map(names))
            (home / name).chmod(0o600)
    environment = {**world.internet.environment, "HOME": str(home), **({"AWS_CA_BUNDLE": ca} if case.bundle else {})}
    if case.without:
        hosts = json.loads(environment["LAB_HOSTS"])
        del hosts["sites"][case.without]
        environment["LAB_HOSTS"] = json.dumps(hosts)
    return {**environment, **{name: value.format_map(names) for name, value in case.variables.items()}}


def bare(world: World, home: Path, region: str, environment: Mapping[str, str]) -> str:
    """Let bare botocore ask for the addresses; what it said."""
    text = home / "bare.py"
    text.write_text(BARE)
    environment = {"PATH": "/usr/bin:/bin", **environment}
    with Path(os.devnull).open() as nothing, TemporaryFile() as said:
        streams = [nothing.fileno(), said.fileno(), said.fileno()]
        forks.start(world.forks, forks.Program(str(text), ["bare.py", region], environment, str(home)), streams).wait(
            60
        )
        said.seek(0)
        return said.read().decode()


def kit(world: World, case: Case, environment: Mapping[str, str]) -> str:
    """Let the kit look whether the address is there; what it said."""
    node = world.protected.lab.node1
    program = (str(node.root / "bin/ec2kit"), "check", *world.protected.words, "--output=json")
    if case.action:
        program = (str(node.script("quickCheck")), *world.protected.options("quickCheck"))
    done = node.run(*program, environment=environment)
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", CASES)
def test_the_kit_asks_as_bare_botocore_does(world: World, name: str, tmp_path: Path) -> None:
    """Whom, by which way, with whose key; each difference has its row, which says why."""
    case = CASES[name]
    environment = home_of(world, case, tmp_path)
    for by_kit, wanted in ((False, case.bare if case.row else case.asked), (True, case.asked)):
        world.forget()
        case.before(world, tmp_path)
        said = kit(world, case, environment) if by_kit else bare(world, tmp_path, case.region, environment)
        found = world.asked(person="Enter MFA code" in said)
        assert found == set(wanted.split(", ")) - {""}, ("the kit: " if by_kit else "botocore: ") + said
    assert (case.asked != case.bare) if case.row else not case.bare


def test_each_difference_has_its_row_and_each_row_is_found() -> None:
    """In docs/aws.md, "Beside bare botocore": the first cell of a row is what a case names."""
    page = (PROJECT / "docs/aws.md").read_text()
    table = page.partition("## Beside bare botocore\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")]
    assert sorted(rows[1:]) == sorted({case.row for case in CASES.values() if case.row})
