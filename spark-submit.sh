#!/usr/bin/env bash
# Runs a verb of the pipeline on Spark. The only command an operator needs: it sets itself up on
# first use, then becomes the real spark-submit (signals and exit codes are Spark's and the job's).
set -euo pipefail

# shellcheck source=conf/environment.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/conf/environment.sh"

SECRET='password|passwd|secret|token|credential|key|webhook'

list_names() {  # list_names FOLDER SUFFIX: names of the files, without the suffix, on one line
    local file names=()
    for file in "$1"/*"$2"; do
        [[ ! -f "$file" ]] || names+=("$(basename "$file" "$2")")
    done
    printf '%s' "${names[*]-}"
}

usage() {
    cat <<END
usage: ./spark-submit.sh [OPTIONS] VERB [ARGUMENTS OF THE VERB]
       ./spark-submit.sh VERB --help      what a verb takes
       ./spark-submit.sh --setup [test]   only set up: runtime (default), or what the tests need too
       ./spark-submit.sh --package [DIR]  build what a cluster needs, into DIR (default: dist)

verbs: $(list_names "$ROOT/jobs" .py)

options (before or after the verb):
  --env NAME     environment: conf/NAME.yaml and conf/spark/NAME.conf (default: local)
  --master URL   Spark master, instead of the environment's
  --conf K=V     Spark setting, instead of the environment's; repeatable
  --dry-run      print the command instead of running it, without secrets; after maintain and
                 upgrade: only say what they would do
END
}

print_command() {  # shell-quoted on one line; what looks secret is replaced by ***
    local word hide="" line=""
    shopt -s nocasematch
    for word in "$@"; do
        if [[ -n "$hide" ]]; then
            word='***' hide=""
        elif [[ "$word" =~ ^([^=]*($SECRET)[^=]*)= || "$word" =~ ^([^=]*)=.*($SECRET)[^=[:space:]/]*= ]]; then
            word="${BASH_REMATCH[1]}=***"
        elif [[ "$word" =~ ^--[^=]*($SECRET) ]]; then
            hide=yes
        elif [[ "$word" =~ ^([^@]*://)[^/@]*@(.*)$ ]]; then
            word="${BASH_REMATCH[1]}***@${BASH_REMATCH[2]}"
        fi
        line+="$(printf '%q' "$word") "
    done
    printf '%s\n' "${line% }"
}

nearest_verb() {  # nearest_verb WORD: a hint, or nothing
    local nearest
    nearest="$(python3 -c 'import difflib, sys
print(*difflib.get_close_matches(sys.argv[1], sys.argv[2].split(), 1))' \
        "$1" "$(list_names "$ROOT/jobs" .py)" 2>/dev/null)" || return 0
    printf '%s' "${nearest:+ Did you mean $nearest?}"
}

# drop_noise: passes on lines, but for two things that neither the JVM nor PySpark has a switch for: a
# warning on every start, and the last words of an idle worker that sees its JVM go; those are logged.
drop_noise() {
    trap '' INT TERM HUP # outlive a Ctrl-C, to pass on the last words of what it stopped
    local line start="" in_traceback=""
    while IFS= read -r line || [[ -n "$line" ]]; do
        if [[ -n "$start" ]]; then
            if [[ "$line" == *pyspark/daemon.py* ]]; then
                in_traceback=yes
                printf '%s\n' "$start" >>"$TOPLISTS_LOG"
            else
                printf '%s\n' "$start"
            fi
            start=""
        fi
        if [[ "$line" == "WARNING: Using incubator modules: jdk.incubator.vector" ]]; then
            continue
        elif [[ "$line" == "terminate called without an active exception" ]]; then
            printf '%s\n' "$line" >>"$TOPLISTS_LOG"
        elif [[ "$line" == "Traceback (most recent call last):" ]]; then
            start="$line"
        elif [[ -n "$in_traceback" ]]; then
            printf '%s\n' "$line" >>"$TOPLISTS_LOG"
            [[ "$line" == " "* ]] || in_traceback="" # its last line names the exception
        else
            printf '%s\n' "$line"
        fi
    done
    [[ -z "$start" ]] || printf '%s\n' "$start"
}

configured_master() {  # configured_master PROPERTIES
    local key value
    while read -r key value; do
        [[ "$key" != spark.master ]] || printf '%s' "$value"
    done <"$1"
}

verb="" env=local master="" dry_run="" help="" spark_options=() job_arguments=()
while (($#)); do
    case "$1" in
        --env | --master | --conf)
            (($# > 1)) || fail "$1 needs a value. ./spark-submit.sh --help explains."
            case "$1" in
                --env) env="$2" ;;
                --master) master="$2" ;;
                --conf)
                    [[ "$2" == *=* ]] || fail "--conf takes K=V, such as --conf spark.driver.memory=8g."
                    [[ "$2" != spark.master=* ]] || fail "Use --master URL instead of --conf spark.master."
                    spark_options+=(--conf "$2")
                    ;;
            esac
            shift
            ;;
        --env=* | --master=* | --conf=*)
            option="${1%%=*}" value="${1#*=}"
            shift
            set -- "$option" "$value" "$@"
            continue
            ;;
        --dry-run)
            # Some verbs have one of their own, which says what they would do.
            if [[ "$verb" != */* ]] && grep -qs -- '"--dry-run"' "$ROOT/jobs/$verb.py"; then
                job_arguments+=(--dry-run)
            else
                dry_run=yes
            fi
            ;;
        --setup)
            [[ "${2:-runtime}" =~ ^(runtime|test)$ ]] || fail "--setup takes runtime or test."
            ensure_spark "${2:-runtime}"
            ensure_class_archive
            exit 0
            ;;
        --package)
            (($# <= 2)) && [[ "${2:-}" != -* ]] || fail "--package takes a folder, or nothing."
            ensure_environment runtime
            exec "$VENV/bin/python" "$ROOT/conf/package.py" "${2:-$ROOT/dist}"
            ;;
        -h | --help)
            [[ -n "$verb" ]] || { usage; exit 0; }
            help=yes
            ;;
        -*)
            [[ -n "$verb" ]] || fail "There is no option $1 before the verb. ./spark-submit.sh --help explains."
            job_arguments+=("$1")
            ;;
        *)
            if [[ -z "$verb" ]]; then verb="$1"; else job_arguments+=("$1"); fi
            ;;
    esac
    shift
done

[[ -n "$verb" ]] || { usage >&2; exit 2; }
job="$ROOT/jobs/$verb.py"
[[ "$verb" != */* && -f "$job" ]] ||
    fail "There is no verb '$verb'.$(nearest_verb "$verb") Verbs: $(list_names "$ROOT/jobs" .py)."
properties="$ROOT/conf/spark/$env.conf"
[[ "$env" != */* && -f "$properties" ]] ||
    fail "There is no environment '$env' in conf/spark. Environments: $(list_names "$ROOT/conf/spark" .conf)."

[[ "$master" =~ ^(local|spark://|k8s://|yarn|$) ]] ||
    fail "There is no master '$master': use local[N], spark://HOST:PORT, k8s://URL or yarn."

if [[ -n "$help" ]]; then
    ensure_environment runtime
    exec "$VENV/bin/python" "$job" --help
fi

# Where the job logs JSON, Spark does.
case " ${job_arguments[*]-} " in
    *" --log-format json "* | *" --log-format=json "*) LOG_OPTION="$JSON_LOG_OPTION" ;;
esac
given_options=(${spark_options[@]+"${spark_options[@]}"})
spark_options=(
    --properties-file "$properties"
    ${master:+--master "$master"}
    --conf "spark.driver.defaultJavaOptions=$LOG_OPTION"
)
here=""
case "${master:-$(configured_master "$properties")}" in
    local* | "") # on the class path of the one JVM: loads faster than jars added at run time
        here=yes
        spark_options+=(--driver-class-path "$(join_jars :)")
        ;;
    *) # executors see the checkout under the same path as the driver
        spark_options+=(--jars "$(join_jars ,)" --conf "spark.executorEnv.PYTHONPATH=$ROOT/lib")
        ;;
esac
command=(
    env "SPARK_HOME=$VENV/spark" "PYSPARK_PYTHON=$VENV/bin/python" "PYTHONPATH=$PYTHONPATH"
    "$VENV/spark/bin/spark-submit" "${spark_options[@]}"
    ${given_options[@]+"${given_options[@]}"} # last, and so they win
    "$job" --env "$env" ${job_arguments[@]+"${job_arguments[@]}"}
)
if [[ -n "$dry_run" ]]; then
    print_command "${command[@]}"
    exit 0
fi

ensure_java
ensure_spark runtime
if [[ -n "$here" ]]; then
    # What the caller has set comes last, and wins.
    compiler=quick
    if few_cores; then # nowhere else does it matter
        compiler="$(compiler_for "$env" ${job_arguments[@]+"${job_arguments[@]}"})"
    fi
    SPARK_SUBMIT_OPTS="$(local_jvm_options "$compiler") ${SPARK_SUBMIT_OPTS:-}"
    export SPARK_SUBMIT_OPTS
fi

logs="${TOPLISTS_LOGS:-$ROOT/logs}"
mkdir -p "$logs"
TOPLISTS_LOG="$(cd "$logs" && pwd)/$(date -u +%Y%m%dT%H%M%S)-$verb-$$.log"
export TOPLISTS_LOG
if [[ -t 1 ]]; then
    # The job's output reaches the terminal through Spark's launcher: it cannot see it is there.
    export TOPLISTS_TERMINAL=1
    COLUMNS="$(tput cols 2>/dev/null || echo 80)"
    export COLUMNS
fi

exec 2> >(drop_noise >&2)
exec "${command[@]}"
