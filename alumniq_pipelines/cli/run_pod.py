"""The first process of a run's pod: `python -m alumniq_pipelines.cli.run_pod COMMAND...`.

Dagster's launcher passes the command that carries out the run. What the command finds in its
environment is made here from the settings, as `alumniq up` does it for all other programs: the
address of Dagster's records contains a password, so it must not be in the description of a Job.
"""

import os
import sys

from alumniq_pipelines.cli.programs import programs_environment
from alumniq_pipelines.files.private_files import UMASK, make_folder
from alumniq_pipelines.settings import Settings


def main() -> None:
    """Become the command, in the environment that the settings describe."""
    settings = Settings()
    os.umask(UMASK)
    make_folder(settings.dagster_home)
    command = sys.argv[1:]
    os.execvpe(command[0], command, programs_environment(settings))  # noqa: S606 - is its purpose


if __name__ == "__main__":
    main()
