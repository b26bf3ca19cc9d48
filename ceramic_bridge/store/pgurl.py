"""Which PostgreSQL database a store is in, and the password for it.

The URL is the one of libpq (PostgreSQL's manual, 34.1.1.2), as far as a store needs it. It never
holds the password: a command line is seen by everybody on the machine.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMES: Final = ("postgresql", "postgres")
_PORT: Final = 5432
_LOCAL: Final = {"localhost", "127.0.0.1", "::1"}
_SCHEMA: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_EXAMPLE: Final = "write it like postgresql://user@host/database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A schema of a database.

    Attributes:
        user: Role that the server knows.
        host: Name or address of the server, or the folder of its socket.
        port: TCP port, which a socket's name has too.
        database: Database on the server.
        schema: Schema that holds the store and nothing else.
        tls: Whether the connection is encrypted, and the server's certificate checked.
    """

    user: str
    host: str
    port: int
    database: str
    schema: str
    tls: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL.

        Raises:
            ConfigError: It is none, lacks something, or holds a password.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or _PORT
            fields = parse_qsl(parts.query, strict_parsing=bool(parts.query), keep_blank_values=True)
            options = dict(fields)
        except ValueError:
            # Not quoted: it may hold a password.
            raise ConfigError("the store's URL cannot be read", hint=_EXAMPLE) from None
        if parts.password is not None or "password" in options:
            raise ConfigError(
                "the store's URL holds a password, which everybody on this machine could see",
                hint="leave it out, and set PGPASSWORD or write it into ~/.pgpass",
            )
        user, database = unquote(parts.username or ""), unquote(parts.path.removeprefix("/"))
        host = options.pop("host", "") or unquote(parts.hostname or "") or "localhost"
        schema, mode = options.pop("schema", "folkmoot"), options.pop("sslmode", None)
        if options:
            raise ConfigError(
                f"the store's URL has an unknown option {min(options)}",
                hint="there are schema, host and sslmode",
            )
        if parts.scheme not in SCHEMES or not user or not database or parts.fragment:
            raise ConfigError("the store's URL lacks a user or a database", hint=_EXAMPLE)
        if not _SCHEMA.fullmatch(schema):
            raise ConfigError(
                f"{schema!r} is no name of a schema", hint="take lower-case letters, digits and underscores"
            )
        if mode not in {None, "disable", "verify-full"}:
            raise ConfigError(f"sslmode {mode!r} is not offered", hint="take verify-full or disable")
        local = host.startswith("/") or host in _LOCAL
        tls = mode == "verify-full" if mode or local else True
        return cls(user=user, host=host, port=port, database=database, schema=schema, tls=tls)

    def __str__(self) -> str:
        """Write what errors call the store."""
        host = "" if self.host.startswith("/") else self.host
        return f"postgresql://{host}/{self.database}?schema={self.schema}"

    @property
    def socket(self) -> str | None:
        """The socket's file; ``None`` if the server is reached over TCP."""
        return f"{self.host}/.s.PGSQL.{self.port}" if self.host.startswith("/") else None


def password_for(place: Place, environ: Mapping[str, str]) -> str | None:
    """Find the password where PostgreSQL's own programs look: PGPASSWORD, then the password file.

    Raises:
        ConfigError: The file cannot be read, or others can read it too.
    """
    if "PGPASSWORD" in environ:
        return environ["PGPASSWORD"]
    file = Path(environ.get("PGPASSFILE") or Path(environ.get("HOME", "/")) / ".pgpass")
    try:
        if not file.is_file():
            return None
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise ConfigError(f"others can read {file}", hint=f"chmod 600 {file}")
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read") from error
    host = "localhost" if place.socket else place.host
    wanted = [{host, place.host}, {str(place.port)}, {place.database}, {place.user}]
    for line in lines:
        fields = [re.sub(r"\\(.)", r"\1", field) for field in re.findall(r"((?:\\.|[^:\\])*)(?::|$)", line)]
        if (
            not line.startswith("#")
            and len(fields) >= 5
            and all(field == "*" or field in names for field, names in zip(fields, wanted, strict=False))
        ):
            return fields[4]
    return None
