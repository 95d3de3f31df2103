"""How many examples are run, and how their failures are told."""

import os

from hypothesis import HealthCheck, Phase, settings

_TIMES = int(os.environ.get("KOPPELING_FUZZ", "1"))


def examples(count: int) -> settings:
    """This many in `make test`; KOPPELING_FUZZ=20 runs twenty times as many. A failure prints what repeats it."""
    return settings(
        max_examples=count * _TIMES,
        deadline=None,
        print_blob=True,
        database=None,
        # Every example has real parts behind it: slow, and shared with the one before.
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
