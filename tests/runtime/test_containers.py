"""docker-compose.yml is valid and runs what `manage.py up` and the tests run."""

from __future__ import annotations

import re
from typing import Any

import compose_spec
import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

from assistant.runtime import commands

DOCKERFILE = (settings.BASE_DIR / "Dockerfile").read_text()


def with_defaults(text: str) -> str:
    """As Compose reads it when the environment sets nothing."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = with_defaults((settings.BASE_DIR / "docker-compose.yml").read_text())
    merged = yaml.safe_dump(yaml.safe_load(text))  # the validator does not know YAML's merge key
    return compose_spec.PyCompose.from_yaml(merged).to_dict()


def test_the_validator_refuses_what_compose_would_refuse() -> None:
    with pytest.raises(ValueError, match="imagee"):
        compose_spec.PyCompose.from_yaml("services: {web: {imagee: x}}")


def test_every_role_has_its_service_and_the_same_command(compose: dict[str, Any]) -> None:
    for role in commands.ROLES:
        assert compose["services"][role]["command"] == ["python", "manage.py", "run", role]


def test_every_command_of_ours_exists(compose: dict[str, Any]) -> None:
    lines = [service.get("command") for service in compose["services"].values()]
    lines += [yaml.safe_load(line) for line in re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)]
    ours = [line[2:] for line in lines if isinstance(line, list) and line[:2] == ["python", "manage.py"]]
    assert len(ours) == 6
    for name, *arguments in ours:
        command = load_command_class(get_commands()[name], name)
        command.create_parser("manage.py", name).parse_args(arguments)


def test_what_a_service_names_is_defined(compose: dict[str, Any]) -> None:
    targets = set(re.findall(r" AS ([\w-]+)", DOCKERFILE))
    for name, service in compose["services"].items():
        assert set(service.get("depends_on", {})) <= set(compose["services"]), name
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in compose["volumes"], name
        if "build" in service:
            assert service["build"]["target"] in targets, name


def test_engine_workers_get_the_gpu_and_the_web_process_does_not(compose: dict[str, Any]) -> None:
    with_gpu = {name for name, service in compose["services"].items() if "gpu" in str(service.get("deploy", ""))}
    assert with_gpu == {"worker-interactive", "worker-training"}


def test_an_unknown_role_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="There is no role 'webb'; there are web, worker-interactive"):
        commands.argv("webb")
