"""How an application reads published lists: no Spark, no JVM, and only the packages that their place takes.

    from toplists import reader

    lists = reader.open("delta:lake/ml-latest-small")
    mine = lists.user("15")

Every answer comes from one published run, whichever is live when the question is asked. What only the tables of a
lake know (titles, history) is asked of `toplists.reader.delta`.
"""

from toplists.reader.errors import AddressError, ListsUnavailableError
from toplists.reader.lists import Lists
from toplists.reader.opening import open  # noqa: A004 - called as `reader.open`
from toplists.reader.records import (
    CatalogueItem,
    Interaction,
    ListCounts,
    Publication,
    RecommendationList,
    RecommendedItem,
)

__all__ = [
    "AddressError",
    "CatalogueItem",
    "Interaction",
    "ListCounts",
    "Lists",
    "ListsUnavailableError",
    "Publication",
    "RecommendationList",
    "RecommendedItem",
    "open",
]
