"""Reads signatures without evaluating their annotations.

Since Python 3.14 annotations are evaluated when they are read, and a name that exists only for type
checkers then raises ``NameError``.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

if sys.version_info >= (3, 14):
    from annotationlib import Format

    def signature(function: Any) -> inspect.Signature:
        """Returns the signature. Annotations with undefined names are ``ForwardRef`` objects."""
        return inspect.signature(function, annotation_format=Format.FORWARDREF)

else:
    signature = inspect.signature
