"""The private environment at PREFIX: a venv without pip, the kit and its dependencies, the scripts of the engines.

It is made beside PREFIX and then takes its place, so an install that is killed leaves the former one or the new one.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from ec2kit.core.errors import Misconfigured
from installer import record
from installer.target import Target, like
from installer.wheels import pip_of

# -I: nothing of the caller's PYTHONPATH, folder or home reaches code that runs as root. AWS_* is read as ever.
_FIRST_LINE = "#!{prefix}/bin/python -I\n"
_SCRIPTS = ("actions", "bin", "ocf")
_SOURCES = (
    "ec2kit/**/*.py",
    "ec2kit/py.typed",
    "installer/environment.py",
    "actions/*",
    "bin/*",
    "ocf/*",
    "pyproject.toml",
    "wheels/*SUMS",
)
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


def refuse_foreign(target: Target, found: record.Record | None) -> None:
    """Raise Misconfigured when PREFIX has something that is not the kit's."""
    root = target.at(target.prefix)
    if root.is_symlink():
        raise Misconfigured(f"{root} is a link", f"Name the folder that it leads to: PREFIX={root.readlink()}")
    if found is None and not by_hand(target) and root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise Misconfigured(f"{root} is there, and it is not ec2kit's", "Name another folder: PREFIX=/opt/other")


def by_hand(target: Target) -> bool:
    """Whether PREFIX has an environment of the kit that was made without this installer."""
    root = target.at(target.prefix)
    return all((root / name).is_file() for name in ("pyvenv.cfg", "bin/ec2kit"))


def beside(target: Target, what: str) -> Path:
    """The folder beside PREFIX for the environment that is being made ("new"), or being replaced ("old")."""
    root = target.at(target.prefix)
    return root.with_name(f".{root.name}.{what}")


def recover(target: Target) -> None:
    """Bring what a killed run left beside PREFIX back, or away."""
    root, old = target.at(target.prefix), beside(target, "old")
    if old.exists() and not root.exists():
        old.rename(root)
    for left in (old, beside(target, "new")):
        if left.exists():
            shutil.rmtree(left)


def build(target: Target, project: Path, wheels: Path) -> Path:
    """Make the environment beside PREFIX; it says PREFIX everywhere. Misconfigured when it cannot be made."""
    root = beside(target, "new")
    builder = venv.EnvBuilder(symlinks=True)
    context = builder.ensure_directories(str(root))
    builder.create_configuration(context)
    builder.setup_python(context)
    facts = (root / "pyvenv.cfg").read_text().splitlines(keepends=True)
    (root / "pyvenv.cfg").write_text("".join(line for line in facts if not line.startswith("command")))
    _pip(root, wheels)
    for script in (root / "bin").iterdir():
        if not script.is_symlink():  # of the dependencies; the kit needs its own alone
            script.unlink()
    for listing in root.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        listing.unlink()  # pip's list of files, those scripts among them; PREFIX is not pip's to change
    for file in sorted(file for folder in _SCRIPTS for file in project.glob(f"{folder}/*")):
        place = root / file.parent.name / file.name
        if file.suffix:  # an agent's meta-data
            shutil.copyfile(file, place)
            place.chmod(0o644)
            continue
        _, _, text = file.read_text().partition("\n")
        _script(place, _FIRST_LINE.format(prefix=target.prefix) + text)
    _run(root, "-Bm", "ec2kit.ec2.shapes", fails="")  # without it every run reads all of EC2's description
    _run(root, "-m", "compileall", "-qq", "-j0", "-s", str(root), "-p", target.prefix, str(root / "lib"), fails="")
    _run(
        root,
        "-Bc",
        "import ec2kit.__main__, ec2kit.console.cli, ec2kit.console.hierarchy, boto3, rich, questionary",
        fails="the new environment does not work",
    )
    return root


def _pip(root: Path, wheels: Path) -> None:
    options = ("--isolated", "--quiet", "--no-input", "--no-cache-dir", "--disable-pip-version-check")
    offline = ("--no-index", "--only-binary=:all:", "--require-hashes", "--find-links", str(wheels))
    requirements = ("--no-compile", "--no-warn-script-location", "-r", str(wheels / "requirements.txt"))
    pip = (str(pip_of(wheels) / "pip"), "install", *options, "--root-user-action=ignore")
    _run(root, *pip, *offline, *requirements, fails="pip could not fill the environment")


def _script(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _run(root: Path, *arguments: str, fails: str) -> None:
    """Run the environment's Python. Misconfigured when it fails, unless `fails` is empty."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "PIP_CONFIG_FILE": os.devnull}
    command = [str(root / "bin/python"), "-I", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode and fails:
        print(done.stderr.strip(), file=sys.stderr)
        raise Misconfigured(f"{fails}; see above", "Nothing was changed. Unpack the bundle again, then install again")


def put(target: Target, new: Path) -> None:
    """Let the new environment take PREFIX's place: at once where the file system can, so that no action misses it."""
    root = target.at(target.prefix)
    if root.exists():
        like(root, new)
        if not _exchange(new, root):
            shutil.move(root, beside(target, "old"))
    if new.exists() and not root.exists():
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
