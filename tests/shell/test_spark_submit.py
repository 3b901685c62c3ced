"""spark-submit.sh: what it prints, refuses and sets up. None of these starts Spark."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest

SCRIPTS = sysconfig.get_path("scripts")


def run(
    checkout: Path, *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "spark-submit.sh", *arguments],
        cwd=cwd or checkout.parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def dry_run(checkout: Path, *arguments: str) -> list[str]:
    """The words of the command that would run."""
    result = run(checkout, *arguments, "--dry-run")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n") == 1
    return shlex.split(result.stdout)


def value_after(words: Sequence[str], option: str) -> str:
    return words[words.index(option) + 1]


# --- the command ----------------------------------------------------------------------------------


def test_the_command_is_one_that_a_shell_can_run(checkout: Path) -> None:
    words = dry_run(checkout, "nightly", "--source", "csv:/data/my ratings.csv")
    assert words[0] == "env"
    assert f"PYSPARK_PYTHON={checkout}/.venv/bin/python" in words
    assert str(checkout / ".venv/spark/bin/spark-submit") in words
    assert value_after(words, "--properties-file") == str(checkout / "conf/spark/local.conf")
    job = words.index(str(checkout / "jobs/nightly.py"))
    assert words[job + 1 :] == ["--env", "local", "--source", "csv:/data/my ratings.csv"]


def test_a_verb_with_a_dry_run_of_its_own_gets_it(checkout: Path) -> None:
    (checkout / "jobs/maintain.py").write_text('# has a "--dry-run"\n')
    words = shlex.split(run(checkout, "--dry-run", "maintain", "--dry-run").stdout)
    assert words[-3:] == ["--env", "local", "--dry-run"]  # before the verb it is the script's


def test_its_own_options_may_stand_before_or_after_the_verb(checkout: Path) -> None:
    (checkout / "conf/spark/prod.conf").write_text("spark.master local[2]\n")
    options = ["--env", "prod", "--master=local[3]", "--conf", "spark.a=1 2", "--conf=spark.b=3"]
    before = dry_run(checkout, *options, "nightly", "--force")
    after = dry_run(checkout, "nightly", *options, "--force")
    assert before == after
    assert value_after(before, "--master") == "local[3]"
    assert value_after(before, "--properties-file") == str(checkout / "conf/spark/prod.conf")
    assert {"spark.a=1 2", "spark.b=3"} <= set(before)
    assert before[-3:] == ["--env", "prod", "--force"]


def test_it_works_from_every_folder_and_through_a_link(checkout: Path, tmp_path: Path) -> None:
    expected = dry_run(checkout, "nightly")
    link = tmp_path / "bin"
    link.mkdir()
    (link / "spark-submit.sh").symlink_to(checkout / "spark-submit.sh")
    assert dry_run(link, "nightly") == expected
    assert shlex.split(run(checkout, "nightly", "--dry-run", cwd=Path("/")).stdout) == expected


def test_a_local_master_has_the_jars_on_its_class_path(checkout: Path) -> None:
    words = dry_run(checkout, "nightly")
    jars = value_after(words, "--driver-class-path").split(":")
    assert len(jars) == 9
    assert all(Path(jar).is_file() for jar in jars)
    assert "--jars" not in words


@pytest.mark.parametrize("where", ["argument", "environment"])
def test_another_master_is_sent_the_jars(checkout: Path, where: str) -> None:
    if where == "argument":
        words = dry_run(checkout, "nightly", "--master", "spark://host:7077")
    else:
        (checkout / "conf/spark/prod.conf").write_text("spark.master   yarn\n")
        words = dry_run(checkout, "nightly", "--env", "prod")
    assert len(value_after(words, "--jars").split(",")) == 9
    assert f"spark.executorEnv.PYTHONPATH={checkout}/lib" in words
    assert "--driver-class-path" not in words


def test_help_on_a_verb_needs_no_spark(checkout: Path) -> None:
    result = run(checkout, "nightly", "--help", JAVA_HOME="/nowhere")
    assert result.stdout == "job --help\n"


def test_help_lists_the_verbs(checkout: Path) -> None:
    result = run(checkout, "--help")
    assert result.returncode == 0
    assert "verbs: nightly rollback\n" in result.stdout


# --- nothing secret is printed --------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--conf", "spark.hadoop.fs.s3a.secret.key=hunter2"],
        ["--conf", "spark.hadoop.fs.s3a.access.KEY=hunter2"],
        ["--conf", "spark.app.Token=a=hunter2"],
        ["--conf", "spark.driver.extraJavaOptions=-Da=b -Djavax.net.ssl.keyStorePassword=hunter2"],
        ["--set", "store.password=hunter2"],
        ["--set", "watch.webhook=https://hooks.example/hunter2"],
        ["--store-password", "hunter2"],
        ["--store-password=hunter2"],
        ["--target", "postgres://me:hunter2@host/lists"],
    ],
)
def test_a_dry_run_hides_secrets(checkout: Path, arguments: list[str]) -> None:
    words = dry_run(checkout, "nightly", *arguments, "--last", "shown")
    assert "hunter2" not in " ".join(words)
    assert any("***" in word for word in words)
    assert words[-2:] == ["--last", "shown"]


# --- what reaches the screen ----------------------------------------------------------------------


@pytest.fixture
def noisy(checkout: Path, tmp_path: Path) -> Path:
    """The checkout with a spark-submit that says what `noise` holds on its stderr."""
    (checkout / ".venv").unlink()
    (checkout / ".venv/spark/bin").mkdir(parents=True)
    submit = checkout / ".venv/spark/bin/spark-submit"
    submit.write_text(f"#!/bin/sh\ncat '{tmp_path}/noise' >&2\nexit 6\n")
    submit.chmod(0o755)
    shutil.copy(checkout / "requirements.lock", checkout / ".venv/installed-runtime.lock")
    return checkout


INCUBATOR = "WARNING: Using incubator modules: jdk.incubator.vector\n"
DAEMON = (
    "Traceback (most recent call last):\n"
    '  File "/a b/pyspark.zip/pyspark/daemon.py", line 262, in manager\n'
    '  File "/a b/pyspark.zip/pyspark/daemon.py", line 95, in worker\n'
    "BrokenPipeError: [Errno 32] Broken pipe\n"
)
OTHER = 'Traceback (most recent call last):\n  File "/a b/udf.py", line 3, in f\nValueError: x\n'


@pytest.mark.parametrize(
    ("said", "shown", "logged"),
    [
        (INCUBATOR, "", ""),
        (INCUBATOR.strip() + ", x\n", INCUBATOR.strip() + ", x\n", ""),  # only the very line
        (DAEMON, "", DAEMON),
        (OTHER, OTHER, ""),
        ("a\n" + DAEMON + OTHER + DAEMON + "b\n", "a\n" + OTHER + "b\n", DAEMON + DAEMON),
        ("  a\\b $x `y`\n\nlast words", "  a\\b $x `y`\n\nlast words\n", ""),  # no end of line
        ("Traceback (most recent call last):\n", "Traceback (most recent call last):\n", ""),
    ],
)
def test_noise_of_the_jvm_and_of_workers_is_kept_from_the_screen(
    noisy: Path, tmp_path: Path, said: str, shown: str, logged: str
) -> None:
    (tmp_path / "noise").write_text(said)
    result = run(noisy, "nightly", TOPLISTS_LOGS=str(tmp_path / "logs"))
    assert (result.stdout, result.stderr) == ("", shown)
    assert result.returncode == 6
    assert "".join(log.read_text() for log in (tmp_path / "logs").iterdir()) == logged


# --- what it refuses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "usage: ./spark-submit.sh"),
        (["nihgtly"], "no verb 'nihgtly'. Did you mean nightly? Verbs: nightly rollback."),
        (["zzz"], "no verb 'zzz'. Verbs: nightly rollback."),
        (["../jobs/nightly"], "no verb '../jobs/nightly'."),
        (["nightly", "--env", "prod"], "no environment 'prod' in conf/spark. Environments: local."),
        (["nightly", "--env", "../spark/local"], "no environment"),
        (["nightly", "--env"], "--env needs a value."),
        (["nightly", "--conf", "spark.driver.memory"], "--conf takes K=V"),
        (["nightly", "--conf", "spark.master=yarn"], "Use --master"),
        (["nightly", "--master", "host:7077"], "no master 'host:7077': use local[N], spark://"),
        (["--as-of", "2020-01-01", "nightly"], "no option --as-of before the verb."),
        (["--setup", "everything"], "--setup takes runtime or test."),
    ],
)
def test_what_cannot_be_followed_ends_in_2(
    checkout: Path, arguments: list[str], expected: str
) -> None:
    result = run(checkout, *arguments)
    assert result.returncode == 2
    assert expected in result.stderr
    assert result.stdout == ""


def path_without(command: str, folder: Path) -> str:
    """A PATH with every command but one."""
    folder.mkdir()
    for part in map(Path, os.environ["PATH"].split(":")):
        for file in part.iterdir() if part.is_dir() else ():
            if file.name != command and not (folder / file.name).exists():
                (folder / file.name).symlink_to(file)
    return str(folder)


@pytest.mark.parametrize(
    ("java", "finding"),
    [
        (None, "java does not run."),
        ("echo 'openjdk version \"11.0.2\" 2019-01-15' >&2", 'java is version "11.'),
        ("echo 'java version \"1.8.0_202\"' >&2", 'java is version "1.'),
        ("echo 'Unable to locate a Java Runtime.' >&2; exit 1", "java does not run."),  # macOS
    ],
)
def test_without_java_17_it_says_how_to_get_it(
    checkout: Path, tmp_path: Path, java: str | None, finding: str
) -> None:
    path = path_without("java", tmp_path / "bin")
    if java is not None:
        (tmp_path / "bin/java").write_text(f"#!/bin/sh\n{java}\n")
        (tmp_path / "bin/java").chmod(0o755)
    result = run(checkout, "nightly", PATH=path, JAVA_HOME="")
    assert result.returncode == 2
    assert f"Spark needs Java 17 or newer; {finding}" in result.stderr
    assert "sudo apt install openjdk-17-jre-headless" in result.stderr


def test_a_wrong_java_home_is_named(checkout: Path) -> None:
    result = run(checkout, "nightly", JAVA_HOME="/nowhere/jdk")
    assert result.returncode == 2
    assert "/nowhere/jdk/bin/java does not run." in result.stderr


def test_a_python_that_does_not_serve_is_named(checkout: Path) -> None:
    (checkout / ".venv").unlink()
    result = run(checkout, "--setup", PYTHON="/nowhere/python")
    assert result.returncode == 2
    assert "PYTHON=/nowhere/python is not a Python 3.11 or newer" in result.stderr


# --- the Delta jars -------------------------------------------------------------------------------

CONTENT = b"not really a jar"
LOCKED = "org/example/thing/1.0/thing-1.0.jar"


@pytest.fixture
def one_jar(checkout: Path, tmp_path: Path) -> Path:
    """The checkout with an empty .jars and one jar locked; the repository is `tmp_path/maven`."""
    (checkout / ".jars").unlink()
    digest = hashlib.sha256(CONTENT).hexdigest()
    (checkout / "conf/delta-jars.lock").write_text(f"# comment\n{digest}  {LOCKED}\n")
    put(tmp_path / "maven", CONTENT)
    (tmp_path / "home").mkdir()
    return checkout


def put(repository: Path, content: bytes) -> None:
    (repository / LOCKED).parent.mkdir(parents=True, exist_ok=True)
    (repository / LOCKED).write_bytes(content)


def setup(checkout: Path) -> subprocess.CompletedProcess[str]:
    base = checkout.parent
    return run(
        checkout,
        "--setup",
        HOME=str(base / "home"),
        DEFAULT_ARTIFACT_REPOSITORY=(base / "maven").as_uri(),
    )


def test_a_missing_jar_is_fetched_once(one_jar: Path) -> None:
    first, second = setup(one_jar), setup(one_jar)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stderr == "Fetching thing-1.0.jar (once) …\n"
    assert second.stderr == ""
    assert (one_jar / ".jars/thing-1.0.jar").read_bytes() == CONTENT


def test_a_jar_with_another_hash_is_refused(one_jar: Path, tmp_path: Path) -> None:
    put(tmp_path / "maven", b"something else")
    result = setup(one_jar)
    assert result.returncode == 1
    assert "thing-1.0.jar is not the file that conf/delta-jars.lock names" in result.stderr
    assert list((one_jar / ".jars").iterdir()) == []


def test_a_maven_cache_is_used_before_the_network(one_jar: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "maven")
    put(tmp_path / "home/.m2/repository", CONTENT)
    result = setup(one_jar)
    assert (result.returncode, result.stderr) == (0, "")
    assert (one_jar / ".jars/thing-1.0.jar").read_bytes() == CONTENT


def test_a_damaged_maven_cache_is_passed_over(one_jar: Path, tmp_path: Path) -> None:
    put(tmp_path / "home/.m2/repository", b"half a j")
    assert setup(one_jar).returncode == 0
    assert (one_jar / ".jars/thing-1.0.jar").read_bytes() == CONTENT


def test_an_unreachable_repository_says_what_to_do_without_its_password(one_jar: Path) -> None:
    result = run(
        one_jar,
        "--setup",
        HOME="/nowhere",
        DEFAULT_ARTIFACT_REPOSITORY="http://me:hunter2@127.0.0.1:9/maven",
    )
    assert result.returncode == 1
    assert "set DEFAULT_ARTIFACT_REPOSITORY to a mirror" in result.stderr
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.stderr


# --- the environment ------------------------------------------------------------------------------


@pytest.fixture
def bare(checkout: Path) -> Path:
    """The checkout without an environment, and locks that name no package: nothing to download."""
    (checkout / ".venv").unlink()
    for lock in ("requirements.lock", "requirements-test.lock"):
        (checkout / lock).write_text(f"# {lock}\n")
    return checkout


WITH_UV = f"{SCRIPTS}:{os.environ['PATH']}"


def start_setup(checkout: Path, *arguments: str, path: str = WITH_UV) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [checkout / "spark-submit.sh", "--setup", *arguments],
        env={**os.environ, "PATH": path, "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """What a set-up that succeeds says."""
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    return stderr


@pytest.mark.parametrize("installer", ["uv", pytest.param("pip", marks=pytest.mark.e2e)])
def test_two_set_ups_at_once_make_one_environment(
    bare: Path, tmp_path: Path, installer: str
) -> None:
    path = WITH_UV if installer == "uv" else path_without("uv", tmp_path / "bin")
    messages = [finish(process) for process in [start_setup(bare, path=path) for _ in range(2)]]
    assert sorted(messages) == [
        "",  # waited for the other, then found everything there
        "Setting up .venv (once, about a minute) …\n",
    ]
    assert (bare / ".venv/installed-runtime.lock").read_text() == "# requirements.lock\n"


@pytest.mark.e2e
def test_a_changed_lock_is_installed_and_the_tests_environment_serves_all(bare: Path) -> None:
    assert finish(start_setup(bare)) != ""
    assert finish(start_setup(bare)) == ""
    assert finish(start_setup(bare, "test")) != ""  # more than runtime
    assert finish(start_setup(bare)) == ""  # test includes runtime
    for lock in ("requirements.lock", "requirements-test.lock"):
        (bare / lock).write_text("# changed\n")
    assert finish(start_setup(bare)) != ""
    assert finish(start_setup(bare, "test")) != ""


def test_a_failed_set_up_shows_why_and_is_tried_again(bare: Path) -> None:
    (bare / "requirements.lock").write_text("./no-such-folder\n")
    for _ in range(2):
        process = start_setup(bare)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "no-such-folder" in stderr
        assert "Setting up .venv did not succeed" in stderr
    assert not (bare / ".venv/installed-runtime.lock").exists()


def test_the_launcher_of_toplists_hands_on_its_arguments_and_exit_code(checkout: Path) -> None:
    (checkout / "lib").unlink()
    package = checkout / "lib/toplists/cli"
    package.mkdir(parents=True)
    (checkout / "lib/toplists/__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import sys\nprint(sys.argv[1:])\nsys.exit(5)\n")
    result = subprocess.run(
        [checkout / "toplists", "show", "user", "a b"],
        env={**os.environ, "JAVA_HOME": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "['show', 'user', 'a b']\n"
    assert result.returncode == 5
