"""The stores that settings name."""

from __future__ import annotations

from toplists.config.publish import FilesSettings, PostgresSettings, RedisSettings, StoreSettings
from toplists.errors import ConfigurationError
from toplists.publish.stores.files import FilesStore
from toplists.publish.stores.postgres import PostgresStore
from toplists.publish.stores.redis import RedisStore
from toplists.publish.stores.secrets import Secret
from toplists.publish.stores.store import Store


def open_store(settings: StoreSettings, dataset: str) -> Store:
    """The store that an entry of `publish.stores` describes; nothing is connected to yet.

    Args:
        settings: The entry.
        dataset: Name of the dataset, for `{dataset}` in the address.

    Raises:
        ConfigurationError: the address does not serve for this dataset.
    """
    address = settings.address.replace("{dataset}", dataset)
    try:
        return _open(settings, address)
    except ValueError as error:
        raise ConfigurationError(
            f"The address of store {settings.name} does not do: {error}."
        ) from error


def _open(settings: StoreSettings, address: str) -> Store:
    match settings:
        case PostgresSettings():
            return PostgresStore(settings.name, address, Secret(settings.secret))
        case RedisSettings():
            return RedisStore(settings.name, address, Secret(settings.secret), settings.expire_days)
        case FilesSettings():
            return FilesStore(settings.name, address, settings.format, settings.shards)
