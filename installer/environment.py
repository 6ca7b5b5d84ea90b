"""The private environment at PREFIX: a venv without pip, the kit and its dependencies, the scripts of the engines.

It is made beside PREFIX and then takes its place, so an install that is killed leaves the former one or the new one.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import pwd
import re
import secrets
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from ec2kit.core.errors import Misconfigured
from ec2kit.core.kinds.known import KINDS
from installer import bundle, record, wheels
from installer.target import Target, like

# -I: nothing of the caller's PYTHONPATH, folder or home reaches code that runs as root. AWS_* is read as ever.
_FIRST_LINE = "#!{prefix}/bin/python -I\n"
# An agent that cannot be run is one that has failed, for Pacemaker: a monitor starts a failover, a stop asks for
# fencing. Where that Python is gone, the host's own runs it, which answers without the kit; else sh does.
_AGENT = """\
#!/bin/sh
\"\"\":" {prefix}/bin/python
for python in {prefix}/bin/python /usr/bin/python3; do
  [ -x $python ] && exec $python -I "$0" "$@"
done
echo "ocf-exit-reason:the kit cannot be loaded; install it again ({prefix}/bin/python is gone)" >&2
case {kind},$1,$OCF_RESKEY_CRM_meta_interval in
  *,monitor, | *,monitor,0) exit 5 ;;
  *,monitor,* | *,reload-agent,* | {stays}) exit 0 ;;
esac
exit 5
\"\"\"
"""
_STAYS = " | ".join(f"{name},stop,*" for name, kind in KINDS.items() if kind.resource.stays)
_SCRIPTS = ("actions", "bin", "ocf")
_FOR_OTHERS = "etc/*/*"  # what other programs' configurations name; etc/default is LifeKeeper's own place
_SOURCES = (
    "ec2kit/**/*.py",
    "ec2kit/py.typed",
    "installer/environment.py",
    "actions/*",
    "bin/*",
    "ocf/*",
    _FOR_OTHERS,
    "pyproject.toml",
    wheels.LOCK,
)
_LATER = re.compile(rf"(.*/)?__pycache__(/[^/]+\.pyc)?|{re.escape(record.NAME)}|\.{re.escape(record.NAME)}\.\w+")
_SYSTEM = re.compile(r"/(bin|boot|dev|etc|home|lib\w*|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)")
_OTHER = "Name another folder: PREFIX=/opt/other"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of renameat2(2)


def python() -> str:
    """The Python that the environment is made with, and that must be there as long as it is used."""
    return f"{sys.version_info.major}.{sys.version_info.minor} {os.path.realpath(base())}"


def base() -> str:
    """This Python's own program, outside of any environment."""
    return str(getattr(sys, "_base_executable", sys.executable))


def source(project: Path) -> str:
    """A digest of all that the environment is made from."""
    total = hashlib.sha256()
    for path in sorted(path for pattern in _SOURCES for path in project.glob(pattern)):
        total.update(f"{path.relative_to(project)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def tree(root: Path) -> str:
    """A digest of an environment's files, links and modes, without what Python caches and without the record."""
    total = hashlib.sha256()
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted([*files, *folders]):
            path = Path(folder, name)
            if name == record.NAME:
                continue
            content = b""
            if path.is_symlink():
                content = os.fsencode(path.readlink())
            elif path.is_file():
                content = path.read_bytes()
            mode = 0 if path.is_symlink() else path.stat().st_mode
            total.update(f"{path.relative_to(root)} {mode:o} {hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def stands(target: Target, found: record.Record | None, wanted: record.Record) -> bool:
    """Whether PREFIX has just what would be made now."""
    return (
        found is not None
        and (found.source, found.python) == (wanted.source, wanted.python)
        and tree(target.at(target.prefix)) == found.tree
    )


def files(root: Path) -> list[str]:
    """The files, links and folders of an environment, without what Python caches and without the record."""
    paths = [path.relative_to(root) for path in root.rglob("*")]
    return sorted(str(path) for path in paths if not _LATER.fullmatch(str(path)))


def refuse_foreign(target: Target, found: record.Record | None) -> None:
    """Raise Misconfigured when PREFIX is, or has, something that is not the kit's; that is never replaced."""
    root = target.at(target.prefix)
    if root.is_symlink():
        raise Misconfigured(f"{root} is a link", f"Name the folder that it leads to: PREFIX={root.readlink()}")
    if root.is_mount():
        raise Misconfigured(f"{root} is a file system of its own, which cannot be replaced", _OTHER)
    if found:
        known = set(found.files or (files(root) if tree(root) == found.tree else ()))
        known |= {to.removeprefix(f"{target.prefix}/") for to in found.links.values()}
        if not found.files and "pyvenv.cfg" not in known:
            raise Misconfigured(
                f"{root} is no longer as ec2kit {found.version} made it, which did not write down its files",
                f"Take out what is not of ec2kit, and run the ./install of {found.version} again; then this one",
            )
        if more := [name for name in files(root) if name not in known]:
            raise Misconfigured(f"{root}/{more[0]} is not ec2kit's ({len(more)} such in all)", "Move it away first")
        return
    if _SYSTEM.fullmatch(target.prefix):
        raise Misconfigured(f"PREFIX={target.prefix} is a folder of the system", _OTHER)
    if target.prefix in {os.environ.get("HOME"), *(each.pw_dir for each in pwd.getpwall())}:
        raise Misconfigured(f"PREFIX={target.prefix} is somebody's home", _OTHER)
    if os.path.lexists(root) and (not root.is_dir() or any(root.iterdir())):
        raise Misconfigured(f"{root} is there, and it is not what ./install made", _OTHER)


def refuse_foreign_claim(target: Target) -> None:
    """Raise Misconfigured when something that is not the kit's is where a run says which folder it works in."""
    claim = _claim(target)
    if os.path.lexists(claim):  # after recover
        raise Misconfigured(f"{claim} is there, and it is not ec2kit's", "Move it away, then install again")


def _claim(target: Target) -> Path:
    """A link beside PREFIX that says which folder, also beside it, a run works in.

    A link is made with its text in one step, and before the folder: so whenever the run is killed, what it leaves
    is known to be the kit's. In the folder are "new", the environment that is being made, and "old".
    """
    root = target.at(target.prefix)
    return root.with_name(f".{root.name}.install")


def _workshop(target: Target) -> Path | None:
    """The folder that a run works in, or one that was killed."""
    claim = _claim(target)
    if not claim.is_symlink() or claim.lstat().st_uid != os.geteuid():
        return None
    text = str(claim.readlink())
    return claim.with_name(text) if re.fullmatch(re.escape(claim.name) + r"\.[0-9a-f]{16}", text) else None


def recover(target: Target) -> None:
    """Bring what a run has left beside PREFIX back, or away."""
    workshop = _workshop(target)
    if workshop is None:
        return
    root = target.at(target.prefix)
    if (workshop / "old").exists() and not root.exists():
        (workshop / "old").rename(root)
    if workshop.exists():
        shutil.rmtree(workshop)
    _claim(target).unlink()


def build(target: Target, project: Path, fetched: Path) -> Path:
    """Make the environment beside PREFIX; it says PREFIX everywhere. Misconfigured when it cannot be made."""
    claim = _claim(target)
    claim.symlink_to(f"{claim.name}.{secrets.token_hex(8)}")
    workshop = claim.with_name(str(claim.readlink()))
    workshop.mkdir()
    root = workshop / "new"
    builder = venv.EnvBuilder(symlinks=True)
    context = builder.ensure_directories(str(root))
    builder.create_configuration(context)
    builder.setup_python(context)
    facts = (root / "pyvenv.cfg").read_text().splitlines(keepends=True)
    (root / "pyvenv.cfg").write_text("".join(line for line in facts if not line.startswith("command")))
    (packages,) = root.glob("lib/python*/site-packages")
    wheels.unpack(fetched, (project / wheels.LOCK).read_text(), packages)
    bundle.copy(project, packages, ("ec2kit/**/*.py", "ec2kit/py.typed"))
    for file in sorted(file for folder in _SCRIPTS for file in project.glob(f"{folder}/*")):
        place = root / file.parent.name / file.name
        if file.suffix:  # an agent's meta-data
            shutil.copyfile(file, place)
            place.chmod(0o644)
            continue
        _, _, text = file.read_text().partition("\n")
        begin = _AGENT if file.parent.name == "ocf" else _FIRST_LINE
        _place(place, begin.format(prefix=target.prefix, kind=file.name, stays=_STAYS) + text)
    for file in (each for each in project.glob(_FOR_OTHERS) if each.parent.name != "default"):
        _place(root / file.relative_to(project), file.read_text().replace(Target.prefix, target.prefix))
    _run(root, "-Bm", "ec2kit.ec2.shapes", fails="")  # without it every run reads all of EC2's description
    _run(root, "-m", "compileall", "-qq", "-j0", "-s", str(root), "-p", target.prefix, str(root / "lib"), fails="")
    _run(
        root,
        "-Bc",
        "import ec2kit.__main__, ec2kit.console.cli, ec2kit.console.hierarchy, boto3, rich, questionary",
        fails="the new environment does not work",
    )
    return root


def _place(path: Path, text: str) -> None:
    """Make the file; a script can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755 if text.startswith("#!") else 0o644)


def _run(root: Path, *arguments: str, fails: str) -> None:
    """Run the environment's Python. Misconfigured when it fails, unless `fails` is empty."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
    command = [str(root / "bin/python"), "-I", *arguments]
    done = subprocess.run(  # with the lock: it is at work as long as this, also when install itself is killed
        command, env=environment, close_fds=False, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode and fails:
        print(done.stderr.strip(), file=sys.stderr)
        raise Misconfigured(f"{fails}; see above", "Nothing was changed. Unpack the bundle again, then install again")


def put(target: Target, new: Path) -> None:
    """Let the new environment take PREFIX's place: at once where the file system can, so that no action misses it."""
    root = target.at(target.prefix)
    if root.exists():
        like(root, new)
        if not _exchange(new, root):
            root.rename(new.with_name("old"))
    if not root.exists():
        new.rename(root)
    recover(target)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step; whether the C library and the file system know how."""
    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    here = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
    return swap is not None and swap(*here, _RENAME_EXCHANGE) == 0


def take(target: Target) -> None:
    """Remove all in PREFIX, the record last, so that a killed run can be completed."""
    root = target.at(target.prefix)
    for path in sorted(root.iterdir(), key=lambda path: path.name == record.NAME):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
