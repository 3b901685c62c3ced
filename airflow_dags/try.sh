#!/usr/bin/env bash
# Airflow with these DAGs, for a person who wants to look: makes an environment of its own on first use,
# starts Airflow on this machine, runs toplists_nightly on the sample data with the real jobs, and says where
# the UI is. Nothing outside its folder is touched, and no Airflow that is set up elsewhere on the machine.
set -euo pipefail

# shellcheck source=conf/environment.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../conf/environment.sh"

usage() {
    cat <<END
usage: airflow_dags/try.sh [--home DIR] [--port N] [--dags DIR] [--once]

  --home DIR    folder for Airflow's database and logs, the settings (conf/local.yaml in it may be
                changed) and the lake; default: .airflow in the checkout. Delete it to begin anew
  --port N      port of the UI; default: 8080, or a free one
  --dags DIR    folder of other DAGs to load, such as one that is scheduled on the asset
  --once        end when the night has ended, with 0 if it succeeded; default: stay until Ctrl-C
END
}

home="$ROOT/.airflow" port="" dags="" once=""
while (($#)); do
    case "$1" in
        --home | --port | --dags)
            (($# > 1)) || fail "$1 needs a value. airflow_dags/try.sh --help explains."
            case "$1" in
                --home) home="$2" ;;
                --port) port="$2" ;;
                --dags) dags="$(cd "$2" && pwd -P)" || fail "There is no folder $2." ;;
            esac
            shift
            ;;
        --once) once=yes ;;
        -h | --help) usage; exit 0 ;;
        *) fail "There is no option $1. airflow_dags/try.sh --help explains." ;;
    esac
    shift
done

free_port() {  # 8080, or another one that nobody listens on
    python3 -c 'import socket
for port in (8080, 0):
    try:
        with socket.create_server(("127.0.0.1", port)) as server:
            print(server.getsockname()[1])
            break
    except OSError:
        pass'
}

# prepare_home: the settings, written once, and a lock that lives as long as any process of this Airflow.
prepare_home() {
    mkdir -p "$home/conf" "$home/logs"
    home="$(cd "$home" && pwd -P)"
    exec 9>"$home/.lock"
    python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null ||
        fail "Airflow runs in $home already: end it first, or name another folder with --home."
    cp "$ROOT/conf/base.yaml" "$home/conf/"
    [[ -f "$home/conf/local.yaml" ]] || cat >"$home/conf/local.yaml" <<END
lake:
  root: "$home/lake"
airflow:
  # By hand only. With a schedule, Airflow makes up for the night that is past as soon as it may.
  cron: null
END
}

bundle() {  # bundle NAME FOLDER: as Airflow's setting wants it
    printf '{"name": "%s", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": "%s"}}' "$1" "$2"
}

# set_environment: what is set for another Airflow, such as a database, must not reach this one.
set_environment() {
    local name
    for name in $(compgen -e | grep -E '^(AIRFLOW|TOPLISTS)_' || true); do
        unset "$name"
    done
    # The DAGs find the library by themselves, as they have to elsewhere.
    unset PYTHONPATH
    export AIRFLOW_HOME="$home"
    export AIRFLOW__CORE__DAGS_FOLDER="$ROOT/airflow_dags"
    export AIRFLOW__CORE__EXECUTOR=LocalExecutor
    export AIRFLOW__CORE__LOAD_EXAMPLES=False
    export AIRFLOW__CORE__PARALLELISM=2
    export AIRFLOW__API__HOST=127.0.0.1
    export AIRFLOW__API__PORT="$port"
    export AIRFLOW__API__BASE_URL="http://127.0.0.1:$port"
    export AIRFLOW__API__WORKERS=1
    export AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES=1
    AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST="[$(bundle toplists "$ROOT/airflow_dags")${dags:+, $(bundle others "$dags")}]"
    export AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST
    export AIRFLOW_CONN_SPARK_DEFAULT='{"conn_type": "spark", "host": "local[*]"}'
    export TOPLISTS_CONF="$home/conf"
    export TOPLISTS_LOGS="$home/logs/jobs"
    export PATH="$VENV/spark/bin:$AIRFLOW_VENV/bin:$PATH"
    SPARK_SUBMIT_OPTS="$(local_jvm_options quick) ${SPARK_SUBMIT_OPTS:-}"
    export SPARK_SUBMIT_OPTS
}

# family PID…: those of these processes that live, and all that they have started, one a line.
family() {
    ps -A -o pid=,ppid=,stat= | awk -v roots="$*" '
        BEGIN { count = split(roots, given, " "); for (i = 1; i <= count; i++) mine[given[i]] = 1 }
        $3 !~ /^Z/ { parent[$1] = $2 }
        END {
            do {
                grown = 0
                for (pid in parent) if (!(pid in mine) && (parent[pid] in mine)) { mine[pid] = 1; grown = 1 }
            } while (grown)
            for (pid in mine) if (pid in parent) print pid
        }'
}

pids=()
stop() {
    local all
    trap '' INT TERM USR1
    ((${#pids[@]})) || return 0
    say "Ending Airflow …"
    disown -a # bash need not say of each that it has ended
    all="$(family "${pids[@]}")"
    # Tasks are in process groups of their own, so each process is told.
    # shellcheck disable=SC2086 # a list of numbers
    kill -TERM $all 2>/dev/null || true
    for _ in {1..100}; do
        # shellcheck disable=SC2086
        all="$(family $all)"
        [[ -n "$all" ]] || return 0
        sleep 0.2
    done
    # shellcheck disable=SC2086
    kill -KILL $all 2>/dev/null || true
}

start() {  # start PART: a part of Airflow, with a log file of its own
    {
        airflow "$1" >"$home/logs/$1.log" 2>&1 </dev/null || true
        printf '%s' "$1" >"$home/logs/ended"
        kill -s USR1 $$
    } &
    pids+=("$!")
}

part_ended() {
    local part
    part="$(<"$home/logs/ended")"
    tail -n 15 "$home/logs/$part.log" >&2
    say "Airflow's $part ended; the last lines of its log are above, all of them in $home/logs/$part.log."
    exit 1
}

ensure_java
ensure_airflow
ensure_spark runtime
prepare_home
[[ -n "$port" ]] || port="$(free_port)"
set_environment

ending=130
trap stop EXIT
trap 'exit "$ending"' INT TERM
trap part_ended USR1
set -m # parts in process groups of their own: a Ctrl-C reaches this script, which ends them in order

say "Starting Airflow in $home (half a minute) …"
if ! airflow db migrate >"$home/logs/db.log" 2>&1 </dev/null; then
    tail -n 15 "$home/logs/db.log" >&2
    fail "Airflow's database could not be made; the last lines are above, all of them in $home/logs/db.log."
fi
for part in api-server scheduler dag-processor triggerer; do
    start "$part"
done
"$AIRFLOW_VENV/bin/python" "$ROOT/airflow_dags/try_night.py" "$AIRFLOW__API__BASE_URL" "$home" </dev/null &
pids+=("$!")
ending=0
wait "$!" || ending=$?
((ending)) || "$ROOT/toplists" status || ending=$?
[[ -z "$once" ]] || exit "$ending"
say "Airflow stays at $AIRFLOW__API__BASE_URL until Ctrl-C."
while :; do wait "${pids[0]}" || true; done
