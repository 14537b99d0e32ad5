"""What can differ between the hosts of one installation: for staff, permanent."""

from collections.abc import Sequence
from typing import Literal

from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.shell import alumniq_command

MIGRATE = alumniq_command("migrate")


class KeyDiffers(SetupProblem):
    """This host has another key than the others."""

    code = "key-differs"

    def __init__(self, key: Literal["signing", "encryption"]) -> None:
        """Take the kind of key; nothing of the key itself is shown."""
        setting = f"ALUMNIQ_{key.upper()}_KEY"
        super().__init__(
            f"The {key} key of this host is not the one that was recorded for all hosts.",
            f"Set {setting} (or its _FILE) as on the other hosts. If the key was replaced, set the "
            f"new one on every host, then record it: {MIGRATE}.",
        )


class FieldMapsDiffer(SetupProblem):
    """This host has other field maps than the others."""

    code = "field-maps-differ"

    def __init__(self, feeds: Sequence[str]) -> None:
        super().__init__(
            "The field maps of this host are not those that were recorded for all hosts: "
            f"{', '.join(feeds)}.",
            "Deploy the same files to the folder of ALUMNIQ_SCHEMAS_DIR on every host. If these "
            f"are the new ones, record them: {MIGRATE}.",
        )


class HostValuesMissing(SetupProblem):
    """It is not recorded what all hosts must have alike."""

    code = "host-values-missing"

    def __init__(self) -> None:
        super().__init__(
            "It is not recorded yet which keys and field maps all hosts must have.",
            f"Record those of this host: {MIGRATE}.",
        )


class QueueUnavailable(SetupProblem):
    """The queue of the Celery workers does not respond."""

    code = "queue-unavailable"

    def __init__(self, setting: str, address: str, reason: str) -> None:
        """Take host and port, and the driver's class of error; never the whole address."""
        super().__init__(
            f"The Redis server at {address} does not respond ({reason}).",
            f"Start it, or correct {setting}: host, port and password.",
        )
