"""`csc-server`: the command group, and how every command ends."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from csc_server.cli.client import client
from csc_server.cli.credential import credential
from csc_server.cli.dev.command import dev
from csc_server.cli.doctor import doctor
from csc_server.cli.factor import factor
from csc_server.cli.migrate import migrate
from csc_server.cli.outcome import DONE, EXIT_CODES, FAILED, exit_code, from_os_error, report, report_usage
from csc_server.cli.purge import purge
from csc_server.cli.serve import serve
from csc_server.cli.setup import setup
from csc_server.cli.try_sign import try_group
from csc_server.cli.user import user
from csc_server.errors import CscServerError


class Commands(click.Group):
    """A group whose errors all end with one sentence of advice."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:  # noqa: ANN401 click's own
        """Run a command and exit with its code, see `EXIT_CODES`."""
        sys.exit(self._run(args, *rest, **{**options, "standalone_mode": False}))

    def _run(self, args: Sequence[str] | None, *rest: Any, **options: Any) -> int:  # noqa: ANN401 click's own
        try:
            result = super().main(args, *rest, **options)
        except CscServerError as error:
            report(error)
            return exit_code(error)
        except click.ClickException as error:
            report_usage(error)
            return error.exit_code
        except (click.Abort, KeyboardInterrupt):
            click.echo("Stopped.", err=True)
            return FAILED
        except OSError as error:
            report(from_os_error(error))
            return FAILED
        return result if isinstance(result, int) else DONE


@click.group(cls=Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="csc-server", message="%(prog)s %(version)s")
def main() -> None:
    """Remote signature service for the Cloud Signature Consortium API.

    \b
    Try it on this machine:   csc-server dev
    Make a new installation:  csc-server setup --settings FILE
    Run it for others:        csc-server serve --settings FILE
    Find out what is wrong:   csc-server doctor
    """  # noqa: D301 click wants the character itself


for command in (dev, setup, serve, doctor, migrate, client, user, credential, factor, purge, try_group):
    main.add_command(command)
