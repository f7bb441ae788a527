"""`gtc config migrate`: converts a settings file of version 1 to version 2."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import click

from controller.cli import exit_codes
from controller.cli.local.validate import problem_text
from controller.model.errors import InvalidSettingsError
from controller.settings import inspect, read_text
from controller.settings.migration.migrate import NotMigratedError, migrated_text


@click.command(short_help="FILE of version 1 in the form of version 2.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--write", is_flag=True, help="Replace FILE; the old one is kept as FILE.v1.")
def migrate(file: Path, write: bool) -> None:
    """Print a settings FILE of version 1 in the form of version 2, comments and order kept.

    With --write FILE is replaced at once, and the old one is kept as FILE.v1; if that exists
    already, nothing is written. The new form is checked to mean the same, without what the
    environment lays over it. A FILE of version 2 is printed as it is. Exits with 78 when FILE has
    mistakes, which must be corrected first.
    """
    try:
        text = read_text(file)
        is_version_2 = inspect(text).outdated is None
        migrated = migrated_text(text, str(file))
    except InvalidSettingsError as error:
        for problem in error.problems:
            click.echo(problem_text(error.source, "", problem), err=True)
        click.get_current_context().exit(exit_codes.BAD_CONFIG)
    except NotMigratedError as error:
        raise click.ClickException(f"{file} must be migrated by hand: {error}") from error
    if is_version_2:
        click.echo(f"{file} is of version 2 already", err=True)
    if not write:
        click.echo(migrated, nl=False)
    elif not is_version_2:
        click.echo(f"{file} is of version 2 now; the old file is {_replace(file, migrated)}")


def _replace(file: Path, text: str) -> Path:
    """The path of the backup, after the file was backed up and atomically replaced.

    Raises ClickException when the backup exists or a file cannot be written.
    """
    file = file.resolve()  # behind a symbolic link
    backup = file.with_name(f"{file.name}.v1")
    try:
        old = file.read_bytes()
        new = text.replace("\n", "\r\n") if b"\r\n" in old else text
        with backup.open("xb") as copy:
            copy.write(old)
            os.fsync(copy.fileno())
        shutil.copystat(file, backup)
        try:
            _write_atomically(file, new.encode())
        except OSError:
            backup.unlink()  # or the next try would stop at it
            raise
    except FileExistsError as error:
        raise click.ClickException(
            f"nothing is written: {backup} exists already; move it away first"
        ) from error
    except OSError as error:
        raise click.ClickException(f"{file} is not replaced: {error}") from error
    return backup


def _write_atomically(file: Path, content: bytes) -> None:
    """Replace a file atomically: a reader sees the old content or the new."""
    status = file.stat()
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as draft:
            draft.write(content)
            draft.flush()
            os.fsync(draft.fileno())
        Path(name).chmod(status.st_mode & 0o7777)
        with suppress(PermissionError):  # only root may change a file's owner
            os.chown(name, status.st_uid, status.st_gid)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
