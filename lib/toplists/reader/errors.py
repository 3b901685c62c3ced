"""What can go wrong for an application that reads lists."""


class ListsUnavailableError(Exception):
    """The lists cannot be read; the message says why. Asking again may help."""


class AddressError(ValueError):
    """No lists can be opened by such an address; the message says by which they can."""


class SnapshotGoneError(Exception):
    """Files of an opened snapshot no longer exist; opening the tables anew may help."""
