"""What can go wrong with one call, and how each of these is brought about from outside our code."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

type Where = Literal["books", "shop", "aws"]
"""Who is called: the simulated SnelStart, the simulated shop, the local AWS."""

type Fault = Literal[
    "crash-before",
    "crash-after",
    "timeout-before",
    "timeout-after",
    "cut-after",
    "timeout-late",
    "500-late",
    "429-told",
    "429-untold",
    "500-before",
    "500-after",
    "malformed-200",
    "expired-token",
    "redelivery",
    "concurrent",
    "overtaken",
    "reordering",
]
"""`timeout-…`: before or after the commit; `…-late`: committed only when nobody listens any more.
`429-…`: with or without Retry-After. `redelivery`: delivered again at once, and again when all is done. `concurrent`: a
second delivery while the first stands before and after the call. `overtaken`: the first is presumed dead while its
answer is on its way. `reordering`: a later message about the same comes first."""

TROUBLE: Mapping[Where, Mapping[Fault, str]] = MappingProxyType({
    "books": {
        "timeout-before": "timeout-before",
        "timeout-after": "timeout-after",
        "cut-after": "cut-after",
        "timeout-late": "late-commit",
        "500-late": "late-commit",
        "429-told": "429",
        "429-untold": "429",
        "500-before": "500-before",
        "500-after": "500-after",
        "malformed-200": "malformed-200",
        "expired-token": "401",
    },
    "shop": {
        "timeout-before": "timeout",
        "cut-after": "cut",
        "429-told": "429",
        "429-untold": "429",
        "500-before": "500",
        "malformed-200": "garbage",
        "expired-token": "401",
    },
    "aws": {
        "timeout-before": "",
        "timeout-after": "",
        "cut-after": "",
        "429-untold": "400 ThrottlingException",
        "500-before": "500 InternalServerError",
        "500-after": "500 InternalServerError",
        "malformed-200": "",
        "expired-token": "400 ExpiredTokenException",
    },
})  # fmt: skip
"""The simulators' own faults by ours, planted for just this call; of AWS, what its answer says instead."""

_A_READ = "a read changes nothing: before and after are one"
_OWNER = "a write of ours that lands late demands the owner who sent it, as after a time-out"
_NO_RETRY_AFTER = "AWS names no Retry-After"

NOT_APPLICABLE: Mapping[tuple[Where, Fault], str] = MappingProxyType({
    ("shop", "timeout-after"): _A_READ,
    ("shop", "timeout-late"): _A_READ,
    ("shop", "500-late"): _A_READ,
    ("shop", "500-after"): _A_READ,
    ("aws", "timeout-late"): _OWNER,
    ("aws", "500-late"): _OWNER,
    ("aws", "429-told"): _NO_RETRY_AFTER,
})  # fmt: skip
"""Why some faults cannot happen to some calls."""

CRASHES: tuple[Fault, ...] = ("crash-before", "crash-after")
