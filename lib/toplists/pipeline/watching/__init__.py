"""What a command tells those who watch it: a result file, Prometheus, a webhook. Starts no JVM."""
