"""The `toplists` command: looks at published tables and settings. Starts no JVM.

It writes nothing into a lake but a report that is not there yet.
"""
