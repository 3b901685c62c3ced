"""Why a list has fewer items than asked for: the values of `short_reason`."""

SEEN_EVERYTHING_ELSE = "seen_everything_else"
"""A user's list: the user has seen every other item that could be recommended."""

FEW_ITEMS = "few_items"
"""A list of popular items: too few that may be recommended are liked by anybody."""

FEW_NEIGHBOURS = "few_neighbours"
"""An item's list: too few that may be recommended have anything in common with it."""
