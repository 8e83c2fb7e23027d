"""The SDK's settings, extended so that unpickling them activates Ictus."""

from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Any

from ictus.conductor import sdk_settings
from ictus.conductor._signature import signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from ictus.conductor.changes import Changes

_SdkMetricsSettings: Any = sdk_settings.find()


class MetricsSettings(_SdkMetricsSettings):
    """The SDK's ``MetricsSettings``: same arguments, same attributes, and two more.

    ``window`` is the number of newest observations from which quantiles are computed, by default 1,000.
    ``max_series`` is the maximum number of series of a metric, by default 1,000. Workers get both.

    Unpickling settings imports this package, which activates Ictus in that process. Spawned worker processes
    record with Ictus for this reason.
    """

    window: int | None
    max_series: int | None

    if TYPE_CHECKING:
        # The arguments of the newest SDK; an older one refuses unknown arguments.
        def __init__(  # noqa: PLR0917 - as the SDK's
            self,
            directory: str | None = None,
            file_name: str = "metrics.log",
            update_interval: float = 0.1,
            http_port: int | None = None,
            clean_directory: bool = False,
            clean_dead_pids: bool = False,
            *,
            window: int | None = None,
            max_series: int | None = None,
        ) -> None: ...

    else:

        def __init__(
            self, *arguments: Any, window: int | None = None, max_series: int | None = None, **keywords: Any
        ) -> None:
            super().__init__(*arguments, **keywords)
            self.window = window
            self.max_series = max_series


def _signature() -> inspect.Signature:
    """Returns the arguments of the installed SDK's settings, with ``window`` and ``max_series``."""
    theirs = signature(_SdkMetricsSettings.__init__).parameters.values()
    ours = signature(MetricsSettings.__init__).parameters
    return inspect.Signature([*theirs, ours["window"], ours["max_series"]])


# The signature is for documentation only. A constructor without a signature, or with arguments that
# cannot be listed with these two, is not an error, and neither is an annotation that raises.
with contextlib.suppress(Exception):
    setattr(MetricsSettings.__init__, "__signature__", _signature())  # noqa: B010 - not known to type checkers


def carry_activation(changes: Changes) -> None:
    """Makes unpickling of the SDK's own settings activate Ictus too.

    A program that activates Ictus only in its main process may use the SDK's class.
    """
    changes.set(_SdkMetricsSettings, "__reduce_ex__", _reduce)


def _reduce(settings: object, protocol: Any) -> tuple[Any, ...]:
    reduced = object.__reduce_ex__(settings, protocol)
    if isinstance(reduced, str):
        return _unpickle, (getattr, (settings, reduced))
    make, arguments, *state = reduced
    return _unpickle, (make, arguments), *state


def _unpickle(make: Callable[..., object], arguments: tuple[Any, ...]) -> object:
    """Creates the pickled object. The import of this function has activated Ictus."""
    return make(*arguments)
