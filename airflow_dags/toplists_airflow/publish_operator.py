"""publish as a task that tells other DAGs what is live now."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, Context

from toplists_airflow.submission import Submission, default_environment
from toplists_airflow.verb_operator import VerbOperator


def publications(of: Submission) -> Asset:
    """The asset that is updated with each publication: what consumers schedule on."""
    return Asset(name=f"toplists.{of.dataset}", uri=f"toplists://{of.dataset}/publications")


def task_of(
    verb: str,
    deployment: Submission,
    **options: Any,  # noqa: ANN401 - whatever tasks take
) -> VerbOperator:
    """The task of a verb of the night, called after it; that of `publish` updates the asset."""
    options |= {"task_id": verb, "conn_id": deployment.settings.airflow.connection}
    if verb == "publish":
        asset = publications(deployment)
        return PublishOperator(asset=asset, environment=default_environment(), **options)
    return VerbOperator(verb=verb, **options)


class PublishOperator(VerbOperator):
    """Makes a run live, and says so by an event of its asset, with what was published as metadata.

    A publication in another environment than the deployment's is no event: consumers of production
    would begin on lists of a test. Nor is a run that was left unpublished because something newer is live.

    Args:
        asset: The asset.
        environment: The deployment's environment.
        kwargs: Those of `VerbOperator` but the verb.
    """

    def __init__(
        self,
        *,
        asset: Asset,
        environment: str,
        **kwargs: Any,  # noqa: ANN401 - whatever tasks take
    ) -> None:
        self.asset, self.environment = asset, environment
        super().__init__(verb="publish", outlets=[asset], **kwargs)

    def conclude(self, context: Context, facts: dict[str, Any]) -> None:
        """Put run id, counts and metrics on the event, if there is one."""
        live = facts.get("live") or {}
        if context["params"]["environment"] != self.environment or (
            live.get("run_id") != facts.get("run_id")
        ):
            self.outlets = []
            return
        context["outlet_events"][self.asset].extra = {
            "run_id": live.get("run_id"),
            "as_of": live.get("as_of"),
            "published_at": live.get("published_at"),
            "rows": {"users": facts.get("users"), "items": facts.get("items")},
            "metrics": facts.get("metrics"),
        }
