"""The `toplists` command: looks at published tables and settings. Starts no JVM, writes nothing into a lake."""
