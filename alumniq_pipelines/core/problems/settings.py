"""What can be wrong with settings: for staff, permanent."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.problem import SetupProblem


class UnusableSettings(SetupProblem):
    """A setting is not valid."""

    code = "unusable-settings"

    def __init__(self, faults: Sequence[str]) -> None:
        """Take each setting with what is wrong with it, never with its value: it may be secret."""
        super().__init__(
            f"A setting cannot be used: {'; '.join(faults)}.",
            "Correct it where it is set: in the environment, in .env, or in the file that its "
            "..._FILE names.",
        )


class SecretFileUnreadable(SetupProblem):
    """The file with a setting cannot be read."""

    code = "secret-file-unreadable"

    def __init__(self, variable: str, path: str, reason: str) -> None:
        """Take the operating system's reason."""
        super().__init__(
            f"{variable} names the file {path}, which cannot be read ({reason}).",
            "Correct the path, or let the user that runs this read the file.",
        )


class UnknownSetting(SetupProblem):
    """There is no setting of that name."""

    code = "unknown-setting"

    def __init__(self, variable: str, similar: str | None) -> None:
        """Take the name that was probably meant."""
        super().__init__(
            f"{variable} is set, and there is no setting of that name: it has no effect.",
            f"Did you mean {similar}? Rename it."
            if similar
            else "Remove it, or write it as in alumniq_pipelines/settings.py.",
        )


class UnusableBroker(SetupProblem):
    """The queue of the Celery workers is not Redis."""

    code = "unusable-broker"

    def __init__(self) -> None:
        """Never repeat the address: it may contain a password."""
        super().__init__(
            "ALUMNIQ_CELERY_BROKER_URL is not the address of Redis, which is the only queue that "
            "is supported.",
            "Write redis://:PASSWORD@HOST/0, or rediss:// for TLS.",
        )


class UnusableBackend(SetupProblem):
    """The results of Celery's tasks would be lost."""

    code = "unusable-backend"

    def __init__(self) -> None:
        """Explain: with rpc://, a task that the backend does not know reads as a dead worker."""
        super().__init__(
            "ALUMNIQ_CELERY_BACKEND_URL is neither Redis nor a database that all hosts share, so "
            "runs at work would be taken for dead.",
            "Leave it empty, which uses the broker, or write redis://:PASSWORD@HOST/0 or "
            "db+postgresql://USER:PASSWORD@HOST/NAME.",
        )


class UnusablePublicUrl(SetupProblem):
    """A public URL of the gateway is not valid."""

    code = "unusable-public-url"

    def __init__(self, setting: str, fault: str) -> None:
        """Take what is wrong as a clause that follows the setting's name."""
        super().__init__(
            f"{setting} {fault}.",
            "Write the scheme and the host, with a port if it is not the usual one: "
            "https://feeds.example.edu.",
        )


class QaHostNotItsOwn(SetupProblem):
    """QA's host cannot be distinguished from production's."""

    code = "qa-host-not-its-own"

    def __init__(self, reason: str) -> None:
        """Take the reason as a clause."""
        super().__init__(
            f"ALUMNIQ_QA_PUBLIC_URL is set, but {reason}.",
            "Set both, to two hosts, such as https://feeds.example.edu and "
            "https://qa-feeds.example.edu; or leave ALUMNIQ_QA_PUBLIC_URL out, if both "
            "environments have one host.",
        )
