"""EC2's description cut down: the same as the whole for what the kit calls, and never missed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

from ec2kit.core.kinds.facts import RouteTables
from ec2kit.core.model import VpcId
from ec2kit.ec2 import shapes
from ec2kit.ec2.client import Ec2
from ec2kit.ec2.shapes import OPERATIONS
from ec2kit.host.deadline import Deadline
from lab.ec2.server import Ec2 as LabEc2
from lab.ec2.vpc import figure1
from lab.protected import policy

PARTITIONS = botocore.session.get_session().get_available_partitions()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What install writes, for the botocore of these tests; to be left as it is."""
    made = tmp_path_factory.mktemp("shapes")
    shapes.write(made)
    return made


@pytest.fixture(scope="module")
def cut(folder: Path) -> Loader:
    """botocore's loader with the cut-down description."""
    found = shapes.loader(folder)
    assert found
    return found


@pytest.fixture(scope="module")
def whole() -> Loader:
    """botocore's loader as it is."""
    return Loader()


@pytest.fixture
def own(folder: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    for path in folder.rglob("*.json"):
        to = tmp_path / path.relative_to(folder)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(path.read_bytes())
    return tmp_path


def described(shape: Shape | None, seen: tuple[str, ...] = ()) -> Any:
    """All that botocore's serializer, validator and parser can know of a shape."""
    if shape is None or shape.name in seen:
        return shape and shape.name
    within = (*seen, shape.name)
    return (
        shape.name,
        shape.type_name,
        shape.serialization,
        shape.metadata,
        list(getattr(shape, "required_members", [])),
        list(getattr(shape, "enum", [])),
        {name: described(member, within) for name, member in getattr(shape, "members", {}).items()},
        [described(getattr(shape, part, None), within) for part in ("member", "key", "value")],
    )


def model(loader: Loader) -> ServiceModel:
    """EC2's model as botocore builds it."""
    return ServiceModel(loader.load_service_model("ec2", "service-2"), "ec2")


def test_the_operations_are_those_of_the_policy() -> None:
    """One more call of the kit needs one more line here and there."""
    assert set(OPERATIONS) == policy()


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_the_same_as_in_the_whole(cut: Loader, whole: Loader, name: str) -> None:
    """Requests and answers, down to the last member."""
    ours, theirs = (model(each).operation_model(name) for each in (cut, whole))
    assert described(ours.input_shape) == described(theirs.input_shape)
    assert described(ours.output_shape) == described(theirs.output_shape)
    for fact in (
        "http",
        "auth_type",
        "auth",
        "idempotent_members",
        "static_context_parameters",
        "context_parameters",
    ):
        assert getattr(ours, fact) == getattr(theirs, fact), fact


def test_what_stands_around_the_operations_is_the_same(cut: Loader, whole: Loader) -> None:
    """The protocol, the API's version, the rules of its endpoints, and how pages are read."""
    assert model(cut).metadata == model(whole).metadata
    assert cut.load_service_model("ec2", "endpoint-rule-set-1") == whole.load_service_model(
        "ec2", "endpoint-rule-set-1"
    )
    ours, all_of_it = (each.load_service_model("ec2", "paginators-1")["pagination"] for each in (cut, whole))
    assert ours == {name: all_of_it[name] for name in OPERATIONS if name in all_of_it}
    assert "DescribeRouteTables" in ours


def test_it_is_a_fraction_of_the_whole(cut: Loader, whole: Loader) -> None:
    """What a client costs: about 190 shapes instead of 4400, and no operation that the kit does not call."""
    assert set(model(cut).operation_names) == set(OPERATIONS)
    assert len(model(cut).shape_names) < 0.06 * len(model(whole).shape_names)
    small, large = (len(json.dumps(each.load_service_model("ec2", "service-2"))) for each in (cut, whole))
    assert small < 0.03 * large, "of which half would be documentation"


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("service", ["ec2", "sts"])
def test_every_region_has_the_same_endpoints(cut: Loader, whole: Loader, partition: str, service: str) -> None:
    """EC2's, and those of the service that gives a profile its role."""

    def urls(loader: Loader, region: str) -> list[str]:
        session = botocore.session.Session()
        session.register_component("data_loader", loader)
        session.set_credentials("x", "x")
        found = []
        for config in (None, Config(use_fips_endpoint=True), Config(use_dualstack_endpoint=True)):
            try:
                found.append(session.create_client(service, region, config=config).meta.endpoint_url)
            except BotoCoreError as error:
                found.append(str(error))
        return found

    regions = botocore.session.get_session().get_available_regions("ec2", partition)[:2]
    for region in [*regions, "xx-new-1"]:
        assert urls(cut, region) == urls(whole, region)


def test_other_services_are_botocores_own(cut: Loader, whole: Loader) -> None:
    """A profile that assumes a role makes a client of STS in the same session."""
    assert cut.load_service_model("sts", "service-2") == whole.load_service_model("sts", "service-2")


def spoilt_version(own: Path) -> None:
    """Another botocore is in use than it was made for: one newer, one older."""
    (own / botocore.__version__).rename(own / "1.0.0")


def spoilt_content(own: Path) -> None:
    """A file is cut off."""
    (path,) = own.rglob("service-2.json")
    path.write_bytes(path.read_bytes()[:1000])


def spoilt_letter(own: Path) -> None:
    """A file is still JSON, and not what was written."""
    (path,) = own.rglob("service-2.json")
    path.write_text(path.read_text().replace('"ReplaceRoute"', '"ReplaceRouts"'))


def spoilt_sums(own: Path) -> None:
    """The list of digests is of no use."""
    (path,) = own.rglob("sums.json")
    path.write_text("[]")


def spoilt_kit(own: Path) -> None:
    """The kit calls something that it did not call when this was written."""
    (path,) = own.rglob("sums.json")
    sums = json.loads(path.read_text())
    path.write_text(json.dumps({**sums, "operations": sums["operations"][1:]}))


def spoilt_hole(own: Path) -> None:
    """A file is missing."""
    next(own.rglob("endpoints.json")).unlink()


SPOILT = [spoilt_version, spoilt_content, spoilt_letter, spoilt_sums, spoilt_kit, spoilt_hole]


@pytest.fixture
def lab() -> Iterator[LabEc2]:
    """The lab's EC2."""
    with LabEc2() as ec2:
        yield ec2


def shapes_of(lab: LabEc2, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Look at the route tables with what stands in the folder; how many shapes the client knew."""
    vpc = figure1(lab.truth()).vpc
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setattr(shapes.loader, "__defaults__", (folder,))
    reach = Ec2({}, region="us-east-1", url=lab.url, action="check", retries=0, deadline=Deadline(30))
    assert len(reach.ask(RouteTables(VpcId(vpc)))) == 4
    return len(reach._client.meta.service_model.shape_names)


def test_the_kit_uses_it(lab: LabEc2, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is whole and for the botocore in use."""
    assert shapes_of(lab, folder, monkeypatch) < 300


@pytest.mark.parametrize("spoil", [None, *SPOILT])
def test_without_it_botocores_own_is_read(
    lab: LabEc2, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None] | None
) -> None:
    """Silently, and correctly: never made, of another version, damaged in any way."""
    if spoil:
        spoil(own)
    assert shapes_of(lab, own if spoil else tmp_path / "nothing", monkeypatch) > 3000


def test_botocores_own_data_path_wins(lab: LabEc2, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names a folder of descriptions (AWS_DATA_PATH) means it."""
    monkeypatch.setenv("AWS_DATA_PATH", str(folder / "elsewhere"))
    assert shapes_of(lab, folder, monkeypatch) > 3000
