"""docs/schedulers.md: what it shows for other schedulers works, as far as this machine has them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from toplists.cli.arguments import build_parser

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "schedulers.md").read_text(encoding="utf-8")
CHECKOUT = "/opt/toplists"
UNIT = re.compile(r"`/etc/systemd/system/([\w@.-]+)`[^\n]*\n\n```ini\n(.*?)```", re.DOTALL)
# What spark-submit.sh takes itself.
OWN_OPTIONS = {"--env", "--conf", "--master"}


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def cron_commands() -> list[str]:
    """The commands of the lines for cron, as cron hands them to the shell."""
    (table,) = blocks("cron")
    return [line.split(None, 5)[5] for line in table.splitlines() if line[0].isdigit()]


def units() -> dict[str, str]:
    """The files for systemd."""
    return dict(UNIT.findall(PAGE))


def manifests() -> list[dict[str, Any]]:
    """The objects for Kubernetes."""
    return [one for block in blocks("yaml") for one in yaml.safe_load_all(block)]


def cron_job() -> dict[str, Any]:
    """What the CronJob says of each of its jobs."""
    (found,) = [one for one in manifests() if one["kind"] == "CronJob"]
    job: dict[str, Any] = found["spec"]["jobTemplate"]["spec"]
    return job


def calls() -> Iterator[list[str]]:
    """Every call of the two commands on the page, as words."""
    lines = [*cron_commands(), *units()["toplists-nightly.service"].splitlines()]
    lines += [*units()["toplists-freshness.service"].splitlines(), *blocks("sh")[0].splitlines()]
    for line in lines:
        if found := re.search(r"(?:\./|/opt/toplists/)(spark-submit\.sh|toplists) [^>|&]+", line):
            yield shlex.split(found[0])
    (container,) = cron_job()["template"]["spec"]["containers"]
    yield container["args"]
    yield re.findall(r"`args: \[(.+?)\]`", PAGE)[0].split(", ")


@pytest.mark.process
def test_verbs_and_options_are_there() -> None:
    found = list(calls())
    assert len(found) == 8
    options: dict[str, str] = {}
    for command, verb, *arguments in found:
        if not command.endswith("spark-submit.sh"):
            assert build_parser().parse_args([verb, *arguments]).command == "status"
            continue
        if verb not in options:
            helped = [sys.executable, str(ROOT / "jobs" / f"{verb}.py"), "--help"]
            options[verb] = subprocess.run(
                helped, check=True, capture_output=True, text=True
            ).stdout
        given = {word.partition("=")[0] for word in arguments if word.startswith("--")}
        missing = [name for name in given - OWN_OPTIONS if name not in options[verb]]
        assert not missing, (verb, missing)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose commands end with what the file `code` says, and leave a result file if told to."""
    for name in ("spark-submit.sh", "toplists"):
        command = tmp_path / name
        command.write_text(
            '#!/bin/sh\necho "a step"\n[ "$(cat code)" = 0 ] || echo "error: the reason" >&2\nexit "$(cat code)"\n'
        )
        command.chmod(0o755)
    return tmp_path


@pytest.mark.process
@pytest.mark.parametrize("code", range(8))
def test_cron_mails_nothing_but_failures_and_their_exit_code(checkout: Path, code: int) -> None:
    (checkout / "code").write_text(str(code))
    for command in cron_commands():
        assert "%" not in command  # which cron makes a new line of
        shell = ["/bin/sh", "-c", command.replace(CHECKOUT, str(checkout))]
        done = subprocess.run(shell, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if code == 0:
            assert done.stdout == ""
        else:
            assert done.stdout.startswith("error: the reason\n")
            assert done.stdout.endswith(f" ended with {code}.\n")


@pytest.mark.process
@pytest.mark.parametrize(
    ("code", "result", "expected"),
    [
        (0, '{"exit_code": 0}', 0),
        (1, '{"exit_code": 3}', 3),
        # A driver that was killed after its last word, and one that said none.
        (1, '{"exit_code": 0}', 1),
        (1, None, 1),
    ],
)
def test_the_exit_code_of_a_driver_on_yarn(
    checkout: Path, code: int, result: str | None, expected: int
) -> None:
    (checkout / "code").write_text(str(code))
    if result is not None:
        (checkout / "shop-night.json").write_text(result)
    (script,) = blocks("sh")
    script = script.replace("/srv/lake", str(checkout))
    done = subprocess.run(["/bin/sh", "-c", script], cwd=checkout, capture_output=True)
    assert done.returncode == expected


@pytest.mark.process
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
def test_systemd_knows_every_word_of_the_units(tmp_path: Path) -> None:
    for name, unit in units().items():
        (tmp_path / name).write_text(unit.replace(CHECKOUT, str(ROOT)))
    names = [str(tmp_path / name) for name in units()]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_same_exit_codes_are_final_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "airflow_dags"))
    from toplists_airflow.ending import FINAL_CODES

    final = sorted(FINAL_CODES - {7})  # 7 is no end of a night
    service = ConfigParser(interpolation=None, strict=False)
    service.read_string(units()["toplists-nightly.service"])
    prevented = service["Service"]["RestartPreventExitStatus"].split()
    assert [int(code) for code in prevented] == final
    job = cron_job()
    (rule,) = [one for one in job["podFailurePolicy"]["rules"] if one["action"] == "FailJob"]
    assert rule["onExitCodes"]["values"] == final
    assert f"| {', '.join(map(str, final))} | no" in PAGE


def test_the_rules_for_pods_are_of_pods_that_are_there() -> None:
    job = cron_job()
    pod = job["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # else Kubernetes refuses the policy
    (container,) = pod["containers"]
    named = [one["onExitCodes"] for one in job["podFailurePolicy"]["rules"] if "onExitCodes" in one]
    assert {one["containerName"] for one in named} == {container["name"]}
    mounted = {one["name"] for one in container["volumeMounts"]}
    assert mounted == {one["name"] for one in pod["volumes"]}
    accounts = [one["metadata"]["name"] for one in manifests() if one["kind"] == "ServiceAccount"]
    assert [pod["serviceAccountName"]] == accounts
