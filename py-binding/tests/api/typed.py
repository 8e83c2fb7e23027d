"""Uses of the public names that a strict type checker accepts, and mistakes that it finds."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import ictus
from ictus import asgi, testing, wsgi

registry = ictus.Registry("/tmp/metrics", window=100, buckets=(0.1, 1))
jobs = registry.timer("job_seconds", "How long a job takes.", ["queue"])
mail: ictus.Timer = jobs.labels(queue="mail")
mail.observe(0.5)
mail.observe(1, exemplar="4bf92f3577b34da6a3ce929d0e0e4736")


@mail.time()
def work(number: int) -> str:
    """Keeps its type."""
    return str(number)


@registry.gauge("inside").track_inprogress()
async def later(number: int) -> int:
    """Keeps its type."""
    return number


length: int = len(work(1))
done: int = asyncio.run(later(1))
with jobs.time() as running:
    running.labels("mail")
snapshot = registry.snapshot()
timing = snapshot.timing("job_seconds", queue="mail")
if timing is not None:
    p99: float | None = timing.quantile(0.99)
    newest: float = timing.window[-1]
value: float | None = snapshot.value("inside")
sample: float | None = testing.get_sample_value(registry, "inside")
body: bytes = registry.render("openmetrics")
with ictus.start_http_server(0, registry=registry) as server:
    port: int | None = server.port


def over_wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answers a request."""
    start_response(environ["STATUS"], [])
    return [b""]


async def over_asgi(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Answers a request."""
    assert scope["type"] == "http"
    await send(await receive())


timed = wsgi.TimingMiddleware(over_wsgi, registry=registry, route=lambda environ: environ["ROUTE"])
body_parts: list[bytes] = list(wsgi.TimingMiddleware(timed, registry=registry)({}, print))
later_timed = asgi.TimingMiddleware(over_asgi, registry=registry, route=lambda scope: scope["route"])
asgi.TimingMiddleware(later_timed, registry=registry)

mail.observe("long")  # is refused
wsgi.TimingMiddleware(over_wsgi)  # is refused
work("1")  # is refused
registry.render("json")  # is refused
timing.quantile(0.5)  # is refused
