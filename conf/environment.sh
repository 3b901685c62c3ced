# shellcheck shell=bash
# What spark-submit.sh, toplists and tests/run share: the Python environment, the Delta jars, Java.
# Each ensure_… returns in milliseconds where nothing is to be done. Needs bash 3.2 and Python 3.11.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
VENV="$ROOT/.venv"
JARS="$ROOT/.jars"
AIRFLOW_VENV="$ROOT/.venv-airflow"
LOG_OPTION="-Dlog4j2.configurationFile=\"$ROOT/conf/spark/log4j2.properties\""
JSON_LOG_OPTION="-Dlog4j2.configurationFile=\"$ROOT/conf/spark/log4j2-json.properties\""
export PYTHONPATH="$ROOT/lib${PYTHONPATH:+:$PYTHONPATH}"

say() {
    printf '%s\n' "$*" >&2
}

# fail MESSAGE: usage or configuration, exit code 2.
fail() {
    say "$1"
    exit 2
}

# ensure_spark runtime|test: environment and jars. A new environment gets an archive of Spark's
# classes, too; one that came from elsewhere (an image) is left as it is.
ensure_spark() {
    local prepare=""
    environment_serves "$1" || prepare=yes
    ensure_environment "$1"
    ensure_jars
    [[ -z "$prepare" ]] || ensure_class_archive
}

# ensure_environment runtime|test: .venv holds what the lock names.
ensure_environment() {
    environment_serves "$1" || alone_in_setup install_environment_once "$1"
}

# ensure_airflow: Airflow and what tests its DAGs, in an environment of their own; its Spark provider
# brings another pyspark.
ensure_airflow() {
    airflow_is_there || alone_in_setup install_airflow_once
}

# alone_in_setup COMMAND…: with a Python to install with, under a lock, so that two at once do not install
# into one folder. The lock lives as long as the subshell; Python takes it because not every system has a
# flock command.
alone_in_setup() {
    local python
    python="$(find_python)"
    (
        "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
        "$@" "$python"
    ) 9>"$ROOT/.setup.lock"
}

airflow_is_there() {
    cmp -s "$ROOT/airflow_dags/requirements.lock" "$AIRFLOW_VENV/installed-airflow.lock"
}

environment_serves() {
    environment_holds "$1" || environment_holds test  # test includes runtime
}

# environment_holds VARIANT: what is installed is remembered as a copy of its lock.
environment_holds() {
    cmp -s "$(lock_of "$1")" "$VENV/installed-$1.lock"
}

lock_of() {
    case "$1" in
        runtime) printf '%s' "$ROOT/requirements.lock" ;;
        test) printf '%s' "$ROOT/requirements-test.lock" ;;
    esac
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        elif [[ "$candidate" == "${PYTHON:-}" ]]; then
            fail "PYTHON=$PYTHON is not a Python 3.11 or newer: set it to one, or unset it."
        fi
    done
    fail "Python 3.11 or newer is needed and none is on the PATH.
  Debian 12, Ubuntu 24.04 or newer: sudo apt install python3 python3-venv
  macOS: brew install python@3.12
or set PYTHON to the one to use."
}

# install_environment_once VARIANT PYTHON: unless another process has done it meanwhile.
install_environment_once() {
    local lock
    ! environment_holds "$1" || return 0
    lock="$(lock_of "$1")"
    install_or_say_why "$VENV" "$lock" "$2" "about a minute"
    # The real place of Spark depends on Python's version; the scripts need one that does not.
    (cd "$VENV" && ln -sfn lib/python3.*/site-packages/pyspark spark)
    "$VENV/bin/python" "$ROOT/conf/compile_pyspark.py" "$VENV/spark/python/lib/pyspark.zip" \
        >>"$ROOT/.setup.log" 2>&1 || true # it is only slower without
    cp "$lock" "$VENV/installed-$1.lock"
}

install_airflow_once() {  # install_airflow_once PYTHON: likewise
    local lock="$ROOT/airflow_dags/requirements.lock"
    ! airflow_is_there || return 0
    install_or_say_why "$AIRFLOW_VENV" "$lock" "$1" "a minute or two"
    cp "$lock" "$AIRFLOW_VENV/installed-airflow.lock"
}

# install_or_say_why FOLDER LOCK PYTHON TIME: says how long it takes, and ends the script where it fails.
install_or_say_why() {
    local name="${1##*/}" log="$ROOT/.setup.log"
    say "Setting up $name (once, $4) …"
    if ! install_packages "$1" "$2" "$3" >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        say "Setting up $name did not succeed; the last lines are above, all of them in $log."
        exit 1
    fi
}

# install_packages FOLDER LOCK PYTHON: into the environment in FOLDER.
install_packages() {
    rm -f "$1"/installed-*.lock "$1"/classes-*
    if command -v uv >/dev/null; then
        [[ -x "$1/bin/python" ]] || uv venv --python "$3" "$1" || return
        # As pip does: workers start by the dozen, and some machines forbid Python to keep bytecode.
        uv pip install --python "$1/bin/python" --compile-bytecode --require-hashes --no-deps \
            -r "$2"
        return
    fi
    if ! "$1/bin/python" -m pip --version 2>/dev/null; then
        if ! "$3" -c 'import ensurepip, venv'; then
            echo "This Python cannot make virtual environments: sudo apt install python3-venv"
            return 1
        fi
        "$3" -m venv --clear "$1" || return
    fi
    "$1/bin/python" -m pip install --disable-pip-version-check --no-input \
        --require-hashes --no-deps -r "$2"
}

# list_jars: path of every Delta jar, fetched or not, one per line.
list_jars() {
    local hash path
    while read -r hash path; do
        [[ -z "$path" || "$hash" == "#" ]] || printf '%s\n' "$JARS/${path##*/}"
    done <"$ROOT/conf/delta-jars.lock"
}

join_jars() {  # join_jars SEPARATOR
    local jars
    jars="$(list_jars)"
    printf '%s' "${jars//$'\n'/$1}"
}

# ensure_jars: needs the environment.
ensure_jars() {
    local jar
    while IFS= read -r jar; do
        if [[ ! -f "$jar" ]]; then
            "$VENV/bin/python" "$ROOT/conf/fetch_jars.py" "$ROOT/conf/delta-jars.lock" "$JARS"
            return
        fi
    done < <(list_jars)
}

java_version() {
    "${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1
}

ensure_java() {
    local java="${JAVA_HOME:+$JAVA_HOME/bin/}java" found
    found="$(java_version)" || found=""
    [[ "$found" =~ version\ \"([0-9]+) ]] && ((BASH_REMATCH[1] >= 17)) && return
    fail "Spark needs Java 17 or newer; $java ${BASH_REMATCH[0]:+is }${BASH_REMATCH[0]:-does not run}.
  Debian, Ubuntu: sudo apt install openjdk-17-jre-headless
  macOS: brew install openjdk@17
  others: https://adoptium.net
Where it is not found on the PATH, set JAVA_HOME to its folder."
}

# class_archive: where Spark's classes lie ready for the Java in use. A JVM started with this archive
# opens a session and writes its first table in half the time; one that it does not fit ignores it.
class_archive() {
    local key
    key="$({ java_version; cat "$ROOT/conf/delta-jars.lock"; } | cksum)"
    printf '%s' "$VENV/classes-${key%% *}.jsa"
}

few_cores() {
    (($(getconf _NPROCESSORS_ONLN) <= 2))
}

# local_jvm_options quick|optimizing: how the one JVM of a local run is started, by what `compiler_for` says.
local_jvm_options() {
    printf '%s' "-XX:SharedArchiveFile=\"$(class_archive)\" -Xlog:disable -Xlog:all=error:stderr"
    # On two cores a concurrent collector takes the core that the work needs, and so does that compiler.
    if few_cores; then
        printf '%s' " -XX:+UseSerialGC"
        if [[ "$1" == quick ]]; then
            printf '%s' " -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"
        fi
    fi
}

# About two million events, as a lake keeps them.
MUCH_MEGABYTES=150
# How many times the size of its source the events of a lake take.
GROWTH=3

# compiler_for ENV ARGUMENTS…: whether a job is worth the optimizing compiler of the JVM on few cores. A night on
# 100,000 ratings takes a quarter less without, one on a million as long; one on ten million takes a third less
# with it.
compiler_for() {
    if computes_in_jvm "$@" || (($(megabytes_to_read "$@") >= MUCH_MEGABYTES)); then
        printf optimizing
    else
        printf quick
    fi
}

# computes_in_jvm ENV ARGUMENTS…: whether a model is named, in an argument or a file of settings, whose arithmetic is
# Spark's own: without that compiler Word2Vec takes eight times as long. A guess, as what is read.
computes_in_jvm() {
    local word models='(item2vec|mllib)' files=("$ROOT/conf/base.yaml" "$ROOT/conf/$1.yaml")
    shift
    for word in "$@"; do
        [[ ! "$word" =~ $models ]] || return 0
        word="${word#--overlay=}"
        [[ ! -f "$word" ]] || files+=("$word")
    done
    # As a value: what stands before a colon is where its settings are.
    grep --quiet --no-messages --extended-regexp "^[^#]*[-,:[] *\"?$models[^:]*\$" "${files[@]}"
}

# megabytes_to_read ENV ARGUMENTS…: about how much a job has to read, as a lake keeps it: the events under
# its lake.root, and its sources. A guess, on which nothing but speed depends.
megabytes_to_read() {
    local root word place kilobytes=0 settings=("$ROOT/conf/base.yaml")
    [[ ! -f "$ROOT/conf/$1.yaml" ]] || settings+=("$ROOT/conf/$1.yaml")
    root="$(awk '/^[^ #]/ {lake = $1 == "lake:"} lake && $1 == "root:" {root = $2} END {print root}' \
        "${settings[@]}")"
    shift
    for word in "$@"; do
        word="${word#--s*=}" place="${word#*:}"
        place="${place/#\~/$HOME}"
        if [[ "$word" == lake.root=* ]]; then
            root="${word#*=}"
        elif [[ "$word" == *:* && -e "$place" ]]; then
            kilobytes=$((kilobytes + GROWTH * $(kilobytes_of "$place")))
        fi
    done
    for place in "$root"/*/events; do
        [[ ! -d "$place" ]] || kilobytes=$((kilobytes + $(kilobytes_of "$place")))
    done
    printf '%s' "$((kilobytes / 1024))"
}

kilobytes_of() {  # kilobytes_of PATH
    local size
    size="$(du -skL -- "$1" 2>/dev/null)" || true # what cannot be read weighs nothing
    printf '%s' "$((${size%%[[:space:]]*} + 0))"
}

# ensure_class_archive: needs the environment and the jars. Where it cannot be made, an empty file says
# so and nothing else changes. An environment that belongs to another checkout (a link) is left alone.
ensure_class_archive() {
    local archive
    archive="$(class_archive)"
    if [[ -e "$archive" || -L "$VENV" || ! -x "$VENV/spark/bin/spark-submit" ]] ||
        ! java_version >/dev/null; then
        return
    fi
    (
        "$VENV/bin/python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
        [[ -e "$archive" ]] || make_class_archive "$archive"
    ) 9>"$ROOT/.setup.lock"
}

make_class_archive() {
    say "Preparing Spark's classes (once, about a minute) …"
    rm -f "$VENV"/classes-*
    env "SPARK_HOME=$VENV/spark" "PYSPARK_PYTHON=$VENV/bin/python" "TOPLISTS_LOG=$ROOT/.setup.log" \
        "SPARK_SUBMIT_OPTS=-XX:ArchiveClassesAtExit=\"$1.part\" -Xlog:disable $LOG_OPTION" \
        "$VENV/spark/bin/spark-submit" --properties-file "$ROOT/conf/spark/local.conf" \
        --driver-class-path "$(join_jars :)" "$ROOT/conf/load_classes.py" \
        >>"$ROOT/.setup.log" 2>&1 </dev/null || rm -f "$1.part"
    [[ -f "$1.part" ]] || touch "$1.part"
    # Complete or not at all: a JVM does not survive half an archive.
    mv -f "$1.part" "$1"
}
