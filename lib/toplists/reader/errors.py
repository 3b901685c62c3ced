"""What can go wrong for an application that reads lists."""


class ListsUnavailableError(Exception):
    """The tables contradict the pointer, also after looking twice; the message says how."""


class SnapshotGoneError(Exception):
    """Files of an opened snapshot no longer exist; opening the tables anew may help."""
