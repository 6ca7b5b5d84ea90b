"""The grammar of ./install, and its exit codes: those of ec2kit.core.errors.ExitCode."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from ec2kit import __version__
from ec2kit.core.errors import ExitCode, KitError
from ec2kit.core.words import one_line
from ec2kit.host.deadline import INTERRUPTED
from installer import bundle
from installer.install import install
from installer.safe import AS_ROOT
from installer.target import Target, alone, checked
from installer.uninstall import uninstall

_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
PROJECT = Path(__file__).resolve().parent.parent


def main() -> NoReturn:
    """Do what the command line says, and leave with its exit code."""
    options = _parser().parse_args()
    os.umask(0o022)
    try:
        _run(options)
    except KitError as error:
        _leave(error.code, one_line(f"ERROR: {error.why}"))
    except BrokenPipeError:
        _leave(
            ExitCode.UNAVAILABLE, "ERROR: the program that read this output has ended. Run it again to complete it."
        )
    except OSError as error:
        cure = (
            AS_ROOT if error.errno in _NOT_ALLOWED else "Mend that, then run it again: it completes what is missing"
        )
        told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        _leave(ExitCode.MISCONFIGURED, one_line(f"ERROR: {told}. {cure}."))
    except KeyboardInterrupt:
        _leave(INTERRUPTED, "interrupted; run it again to complete it")
    except Exception:  # noqa: BLE001  the boundary: a bug must end with its own exit code
        _leave(ExitCode.INTERNAL, traceback.format_exc())
    sys.exit(ExitCode.OK)


def _leave(code: int, text: str) -> NoReturn:
    print(text, file=sys.stderr)
    sys.exit(code)


def _run(options: argparse.Namespace) -> None:
    if options.bundle:
        bundle.make(PROJECT, options.bundle)
        return
    folders = (options.prefix, options.lkroot, options.destdir, options.sbin, options.defaults, options.ocf_root)
    target = checked(Target(*folders))
    with alone(target):
        (uninstall if options.uninstall else install)(target, PROJECT)


def _parser() -> argparse.ArgumentParser:
    usual = Target()
    parser = argparse.ArgumentParser("install", description=f"Install ec2kit {__version__} on this machine.")
    parser.add_argument("--prefix", default=usual.prefix, help="the kit's own folder (default: %(default)s)")
    parser.add_argument("--lkroot", default=usual.lkroot, help="LifeKeeper's folder (default: %(default)s)")
    parser.add_argument("--sbin", default=usual.sbin, help="where people find the command (default: %(default)s)")
    parser.add_argument("--defaults", default=usual.defaults, help="LifeKeeper's settings (default: %(default)s)")
    parser.add_argument("--ocf-root", default=usual.ocf_root, help="Pacemaker's agents (default: %(default)s)")
    parser.add_argument("--destdir", default="", help="stage all files below this folder, for a package")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--uninstall", action="store_true", help="take out what install made; name the same folders")
    what.add_argument(
        "--bundle", type=Path, metavar="FOLDER", help="make an archive there, to install from without network"
    )
    return parser
