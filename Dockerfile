# Image of the jobs and of Spark's executors on Kubernetes.
# It has never been built: where it was written there was no container engine. Expect to correct it.

# Only for Java and for the script that Spark starts its pods with, which pip's Spark lacks.
FROM apache/spark:4.2.0-scala2.13-java17-ubuntu AS spark

FROM python:3.11.14-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends procps tini \
    && rm -rf /var/lib/apt/lists/*
COPY --from=spark /opt/java/openjdk /opt/java/openjdk
COPY --from=spark /opt/entrypoint.sh /opt/entrypoint.sh
ENV JAVA_HOME=/opt/java/openjdk PATH=/opt/java/openjdk/bin:$PATH

WORKDIR /opt/toplists
COPY requirements.lock requirements-test.lock pyproject.toml spark-submit.sh toplists ./
COPY conf conf
COPY lib lib
COPY jobs jobs
# Packages and jars by hash, and the kernels compiled: nothing is fetched when it runs.
RUN ./spark-submit.sh --setup \
    && PYTHONPATH=lib .venv/bin/python -c 'from toplists.engine.daemon import load_kernels; load_kernels()' \
    && cp .jars/*.jar .venv/spark/jars/ \
    && useradd --uid 185 --gid 0 --home-dir /opt/toplists spark \
    && install --directory --owner 185 logs

ENV SPARK_HOME=/opt/toplists/.venv/spark PYTHONPATH=/opt/toplists/lib
USER 185
# Spark passes `executor`; anything else is run as it stands: `docker run IMAGE ./spark-submit.sh nightly`.
ENTRYPOINT ["/opt/entrypoint.sh"]
