"""A service over published lists, to begin one's own with. See README.md beside it."""

import os
from datetime import UTC, datetime

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

from toplists import reader
from toplists.reader.delta import open_delta

ANSWERED = Histogram("answer_seconds", "Time to answer.", ["route"])
FALLBACKS = Counter("fallbacks", "Users who were shown what is popular.")
LISTS_AGE = Gauge("lists_age_seconds", "Time since the day up to which the live lists know all.")
lists = reader.open(os.environ["LISTS"])
lake = open_delta(os.environ["LAKE"]) if "LAKE" in os.environ else None
app = FastAPI(title="Lists", openapi_url=None)


@app.exception_handler(reader.ListsUnavailableError)
def unavailable(_: Request, error: reader.ListsUnavailableError) -> JSONResponse:
    """Say that it may work again later."""
    return JSONResponse({"detail": str(error)}, status_code=503, headers={"Retry-After": "1"})


@app.get("/recommended/{user:path}")
@ANSWERED.labels("recommended").time()
def recommended(user: str, n: int = 10, segment: str = "all") -> JSONResponse:
    """What to show a user: the user's own list, or popular items."""
    if (found := lists.user(user, segment=segment)) is None:
        raise HTTPException(404, "There is no such list.")
    FALLBACKS.inc(found.fallback)
    return JSONResponse(found.to_dict(n))


@app.get("/similar/{item:path}")
@ANSWERED.labels("similar").time()
def similar(item: str, n: int = 10) -> JSONResponse:
    """What to show beside an item."""
    if (found := lists.similar(item)) is None:
        raise HTTPException(404, "There is no such list.")
    return JSONResponse(found.to_dict(n))


@app.get("/viewed/{user:path}")
@ANSWERED.labels("viewed").time()
def viewed(user: str, n: int = 10) -> list[reader.Interaction]:
    """What a user had to do with, newest first, as far as the live lists know."""
    if lake is None:
        raise HTTPException(404, "What users did is in the lake alone, which LAKE does not name.")
    return lake.history(user, n)


@app.get("/metrics")
def metrics() -> Response:
    """For Prometheus."""
    if (live := lists.publication()) is not None:
        LISTS_AGE.set((datetime.now(UTC) - live.known_until).total_seconds())
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
