"""Measures the requests of an ASGI application, by route, method and status.

``TimingMiddleware`` finds the routes of Starlette and FastAPI by itself; for other frameworks, pass
``route``.
"""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from ictus import _requests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping

    from ictus import Registry

    _Scope = MutableMapping[str, Any]
    _Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    _Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    _Application = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

__all__ = ["TimingMiddleware"]

_MAX_WRAPPERS = 64
"""Middlewares between this one and the router."""


class TimingMiddleware:
    """An ASGI application that measures the requests of another one, and else behaves as that one.

    A request is measured until the last part of the body is sent, without background tasks, in the timer
    ``http_server_request_duration_seconds``; ``http_server_active_requests`` is the number of unfinished
    ones. WebSockets and lifespan events pass through. ``route`` returns the route template of a request
    from its scope, or None. It is called after the response has started, or the application has failed. It
    must not return the path: each path would be a series.

        app.add_middleware(TimingMiddleware, registry=registry)  # FastAPI, Starlette
        app = TimingMiddleware(app, registry=registry, route=lambda scope: ...)
    """

    def __init__(
        self,
        app: _Application,
        *,
        registry: Registry,
        route: Callable[[_Scope], str | None] | None = None,
    ) -> None:
        self.app = app
        self._route = route
        self._metrics = _requests.RequestMetrics(registry)

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answers a request, or passes another event on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        route = self._route
        find: Callable[[], object] = _Routes(self.app, scope).find if route is None else lambda: route(scope)
        measurement = self._metrics.begin(scope.get("method"))
        status: int | None = None
        has_left = False

        async def watched_receive() -> MutableMapping[str, Any]:
            nonlocal has_left
            message = await receive()
            if message["type"] == "http.disconnect":
                has_left = True
            return message

        async def watched_send(message: MutableMapping[str, Any]) -> None:
            nonlocal status, has_left
            try:
                await send(message)
            except OSError:  # Servers report in this way that the client has left.
                has_left = True
                raise
            kind = message["type"]
            if kind == "http.response.start":
                status = message["status"]
            elif kind == "http.response.pathsend" or (
                kind in ("http.response.body", "http.response.zerocopysend")
                and not message.get("more_body", False)
            ):
                measurement.end(status, find)

        try:
            await self.app(scope, watched_receive, watched_send)
        except (CancelledError, GeneratorExit):
            has_left = True
            raise
        finally:
            # Not all of the response was sent.
            measurement.end(
                _requests.CLIENT_CLOSED_REQUEST if has_left else _requests.SERVER_ERROR,
                find,
            )


class _Routes:
    """Finds the route of a request as Starlette and FastAPI have found it, through mounted applications.

    Their router writes what it has found to the scope. The path of a mounted application is only there
    with the values of its parameters, so its template is searched for.
    """

    __slots__ = ("_app", "_path", "_root_path", "_scope")

    def __init__(self, app: Any, scope: _Scope) -> None:
        self._app = app
        self._scope = scope
        self._path = scope.get("path", "")
        self._root_path = scope.get("root_path", "")

    def find(self) -> str | None:
        """Returns the template of the route that answered the request, or None."""
        scope = self._scope
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return None
        end = scope.get("path", ""), scope.get("root_path", "")
        begin = self._path, self._root_path
        if end == begin:
            template = _route_of_router(scope)
            if template is not None:
                return template
        routes = _routes(self._app)
        # FastAPI may set the root path, and a mounted application adds to it. Starlette before 0.33 also
        # changes the path.
        for path, root_path in ((end[0], scope.get("app_root_path", end[1])), begin):
            template = _search(routes, {**scope, "path": path, "root_path": root_path}, endpoint)
            if template is not None:
                return template or "/"
        return None


def _route_of_router(scope: _Scope) -> str | None:
    route = scope.get("route")
    # FastAPI keeps the prefix of an included router apart from the route.
    included = scope.get("fastapi", {}).get("effective_route_context")
    if included is not None and included.original_route is route:
        route = included
    if route is None or hasattr(route, "routes"):
        return None
    path: str = route.path
    return path or "/"


def _routes(app: Any) -> Iterable[Any]:
    """Returns the routes of an application, through the middlewares around it."""
    for _ in range(_MAX_WRAPPERS):
        routes: Iterable[Any] | None = getattr(app, "routes", None)
        if routes is not None:
            return routes
        app = getattr(app, "app", None)
    return ()


def _expanded(routes: Iterable[Any]) -> Iterator[Any]:
    """Yields the routes, with those of routers that FastAPI includes."""
    for route in routes:
        included = getattr(route, "effective_route_contexts", None)
        if included is None:
            yield route
        else:
            for context in included():
                yield context.starlette_route or context


def _search(routes: Iterable[Any], scope: _Scope, endpoint: object) -> str | None:
    """Returns the template of the route to the endpoint that matches the scope, or None."""
    for route in _expanded(routes):
        if not hasattr(route, "routes"):
            # Comparing first spares most routes the cost of matching.
            if getattr(route, "endpoint", None) is endpoint and route.matches(scope)[0].value:
                path: str = route.path
                return path
            continue
        match, inner = route.matches(scope)
        if not match.value:
            continue
        above: str = getattr(route, "path", "")  # A host has none.
        below = list(_routes(route.app))
        if not below:
            return above
        template = _search(below, {**scope, **inner}, endpoint)
        return None if template is None else above + template
    return None
