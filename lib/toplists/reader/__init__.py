"""How an application reads published lists. Needs `deltalake` only: no Spark, no JVM.

    from toplists.reader import open_lists

    lists = open_lists("./lake/ml-latest-small")
    mine = lists.user("15") or lists.popular()

Every answer comes from one published run, whichever is live when the question is asked.
"""

from toplists.reader.errors import ListsUnavailableError
from toplists.reader.lists import PublishedLists, open_lists
from toplists.reader.live import LiveLists
from toplists.reader.records import (
    CatalogueItem,
    Interaction,
    ListCounts,
    Publication,
    RecommendationList,
    RecommendedItem,
)

__all__ = [
    "CatalogueItem",
    "Interaction",
    "ListCounts",
    "ListsUnavailableError",
    "LiveLists",
    "Publication",
    "PublishedLists",
    "RecommendationList",
    "RecommendedItem",
    "open_lists",
]
