"""Real programs as rows: what they need, their inputs, how they are driven.

A plain program is started once with inputs made beforehand and ends by
itself.  A server is started, driven by a client that runs without the
allocator and is not counted, and ended; what is measured is the server, its
threads and its children.  What a program or a server answers must be the same
under every allocator: its checksum becomes the row's `check`.

Nothing here measures; benchlib does.
"""

import glob
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import zlib

import benchlib
from benchlib import BenchError, say

INPUTS = os.path.join(benchlib.HERE, "inputs")
PATH = "/usr/bin:/bin:/usr/local/bin:/usr/games"
PATIENCE = 60


def find(command):
    return shutil.which(command, path=PATH)


class Program:
    """One program: plain unless a subclass drives it."""

    def __init__(self, name, needs, packages, argv, prepare=None, env=None):
        self.name = name
        self.needs = needs
        self.packages = packages
        self.words = argv
        self.make = prepare
        self.env = env or {}

    def missing(self):
        return [need for need in self.needs if find(need) is None]

    def prepare(self, folder):
        """Make the inputs; nothing of this is measured."""
        if self.make is not None:
            self.make(folder)

    def argv(self, folder, count):
        """The command; COUNT in it is the row's count, DIR the folder."""
        words = [word.replace("COUNT", str(count)).replace("DIR", folder)
                 for word in self.words]
        return [find(words[0])] + words[1:]

    def preload(self, path):
        return path

    def run(self, out, path, folder, count, before=()):
        """One measured run: a sample, or None and a note."""
        return benchlib.launch(out, self.preload(path),
                               self.argv(folder, count), cwd=folder,
                               env=self.env, checked=True, before=before)


class Server(Program):
    """A program that serves until it is told to end."""

    def account(self, argv):
        """The command as the user who may run it."""
        return argv

    def run(self, out, path, folder, count, before=()):
        job = benchlib.Launched(out, self.preload(path),
                                self.argv(folder, count), cwd=folder,
                                env=self.env,
                                before=[*before, *self.account([])])
        try:
            said = self.drive(folder, count)
        except (OSError, BenchError, subprocess.SubprocessError) as error:
            job.kill()
            return None, str(error)
        sample, note = job.finish()
        if sample is not None:
            sample.said = said
        return sample, note

    def drive(self, folder, count):
        raise NotImplementedError


def wait_until(question, what):
    limit = time.monotonic() + PATIENCE
    while not question():
        if time.monotonic() > limit:
            raise BenchError(f"{what} does not answer")
        time.sleep(0.01)


# ---------------------------------------------------------------------------
# Redis: our own client, so that the same bytes come in the same order.

class Redis(Server):
    """A redis server on a socket file.

    Debian's is linked with libjemalloc2, so the C library has to be preloaded
    too for its column.
    """

    def preload(self, path):
        return benchlib.system_library("libc.so.6") if path == "-" else path

    def argv(self, folder, count):
        self.path = os.path.join(folder, "socket")
        if os.path.exists(self.path):
            os.unlink(self.path)
        return [find("redis-server"), "--port", "0", "--unixsocket",
                self.path, "--save", "", "--appendonly", "no", "--dir",
                folder, "--logfile", os.path.join(folder, "log"),
                "--activedefrag", "no"]

    def connect(self):
        wait_until(lambda: os.path.exists(self.path), "redis")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        wait_until(lambda: self.socket.connect_ex(self.path) == 0, "redis")
        self.check = 0

    def send(self, commands):
        """Send commands in batches; what is answered goes into the check."""
        for first in range(0, len(commands), 200):
            batch = commands[first:first + 200]
            batch.append(b"*2\r\n$4\r\nECHO\r\n$5\r\n+end+\r\n")
            self.socket.sendall(b"".join(batch))
            tail = b""
            while not tail.endswith(b"+end+\r\n"):
                part = self.socket.recv(1 << 18)
                if not part:
                    raise BenchError("redis hung up")
                self.check = zlib.crc32(part, self.check)
                tail = (tail + part)[-16:]

    def rss(self):
        """Resident bytes of the server."""
        with open(f"/proc/{self.process_id()}/statm",
                  encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def process_id(self):
        """Who is at the other end of the socket."""
        peer = self.socket.getsockopt(socket.SOL_SOCKET,
                                      socket.SO_PEERCRED, 12)
        return int.from_bytes(peer[:4], "little")

    def end(self):
        self.socket.sendall(b"*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n")
        self.socket.recv(100)
        self.socket.close()


def command(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class RedisLoad(Redis):
    """Strings, lists, hashes, sorted sets; set, read, overwritten, removed."""

    def drive(self, folder, count):
        self.connect()
        rng = random.Random(3)
        done = []
        for i in range(count):
            key, size = rng.randrange(20000), int(rng.expovariate(1 / 200))
            done.append(command("SET", f"s{key}", b"v" * size))
            done.append(command("GET", f"s{rng.randrange(20000)}"))
            done.append(command("HSET", f"h{key % 500}", f"f{i % 300}",
                                b"x" * (size % 150)))
            done.append(command("LPUSH", f"l{key % 300}", i, i * 7, i % 13))
            done.append(command("ZADD", f"z{key % 50}", size, f"m{key}"))
            if i % 3 == 0:
                done.append(command("LRANGE", f"l{key % 300}", 0, 20))
                done.append(command("LTRIM", f"l{key % 300}", 0, 200))
            if i % 4 == 0:
                done.append(command("DEL", f"s{rng.randrange(20000)}"))
            if len(done) > 5000:
                self.send(done)
                done = []
        self.send(done)
        said = {"ops": count, "check": self.check}
        self.end()
        return said


class RedisRefill(Redis):
    """Fill, delete a random 70 %, wait, fill with other sizes.

    Says the RSS after deleting and the bytes of keys and values then live;
    the peak is that of the second filling.
    """

    idle = 3

    def fill(self, rng, keys, name, low, high):
        """SET keys; returns the bytes of each."""
        sizes = {}
        done = []
        for i in range(keys):
            size = rng.randint(low, high)
            key = f"{name}{i}"
            sizes[key] = len(key) + size
            done.append(command("SET", key, b"v" * size))
        self.send(done)
        return sizes

    def drive(self, folder, count):
        self.connect()
        rng = random.Random(4)
        sizes = self.fill(rng, count, "one:", 100, 2000)
        gone = [key for key in sizes if rng.random() < 0.7]
        self.send([command("DEL", key) for key in gone])
        for key in gone:
            del sizes[key]
        time.sleep(self.idle)
        said = {"ops": 2 * count, "rss": self.rss(),
                "live": sum(sizes.values())}
        self.fill(rng, int(count * 0.7), "two:", 300, 2200)
        said["check"] = self.check
        said["refilled"] = self.rss()
        self.end()
        return said


# ---------------------------------------------------------------------------
# PostgreSQL

QUERIES = """
SET extra_float_digits = 0;
CREATE TEMP TABLE t AS SELECT i, md5(i::text) AS m, i % 97 AS k
    FROM generate_series(1, 40000) i;
SELECT k, count(*), sum(length(m)), min(m) FROM t GROUP BY k ORDER BY k;
SELECT count(*) FROM t a JOIN t b ON a.m = b.m WHERE a.k < 50;
SELECT md5(string_agg(m, ',' ORDER BY m)) FROM t;
SELECT count(*) FROM regexp_matches(repeat('ab12 ', 20000),
    '[a-z]+[0-9]', 'g');
SELECT count(*), sum(length(j::text)) FROM (SELECT jsonb_agg(t) AS j
    FROM t GROUP BY k) x;
"""


class Postgres(Server):
    """A server, pgbench's look-ups by four clients, and some queries.

    It runs as a user who may not be able to read the library where it lies,
    so that is copied to where the data are.
    """

    def preload(self, path):
        if path == "-" or path.startswith("/usr/"):
            return path
        target = os.path.join(self.folder, path.strip("/").replace("/", "-"))
        shutil.copyfile(path, target)
        os.chmod(target, 0o755)
        return target

    def tool(self, name):
        folders = sorted(glob.glob("/usr/lib/postgresql/*/bin/" + name))
        return folders[-1] if folders else None

    def missing(self):
        return [name for name in ("initdb", "postgres", "pgbench", "psql")
                if self.tool(name) is None]

    def account(self, argv):
        """A command as the user postgres: the server refuses root."""
        if os.geteuid() != 0:
            return argv
        return [find("setpriv"), "--reuid=postgres", "--regid=postgres",
                "--clear-groups", *argv]

    def client(self, folder, name, *words, stdin=""):
        done = subprocess.run(
            self.account([self.tool(name), *words]), cwd=folder, input=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=PATIENCE, env=dict(benchlib.environment(), PGHOST=folder,
                                       PGDATABASE="postgres",
                                       PGUSER="postgres"))
        if done.returncode != 0:
            raise BenchError(f"{name}: {done.stderr.strip()[-200:]}")
        return done.stdout

    def prepare(self, folder):
        self.folder = folder
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        self.client(folder, "initdb", "-D", "data", "-A", "trust", "-N",
                    "-U", "postgres", "--locale=C", "--encoding=UTF8")
        job = subprocess.Popen(self.account(self.server(folder)), cwd=folder,
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        try:
            self.wait(folder)
            self.client(folder, "pgbench", "-i", "-q", "-s", "2")
            self.client(folder, "psql", "-c", "VACUUM ANALYZE")
        finally:
            job.send_signal(signal.SIGINT)
            job.wait()

    def server(self, folder):
        words = [self.tool("postgres"), "-D", os.path.join(folder, "data"),
                 "-k", folder]
        for setting in ("listen_addresses=", "fsync=off", "autovacuum=off",
                        "shared_buffers=16MB", "jit=off", "huge_pages=off",
                        "max_parallel_workers_per_gather=0"):
            words += ["-c", setting]
        return words

    def wait(self, folder):
        wait_until(lambda: self.answers(folder), "postgres")

    def answers(self, folder):
        try:
            return "1" in self.client(folder, "psql", "-Atc", "SELECT 1")
        except BenchError:
            return False

    def argv(self, folder, count):
        return self.server(folder)

    def drive(self, folder, count):
        self.wait(folder)
        self.client(folder, "pgbench", "-n", "-S", "-c", "4", "-t",
                    str(count), "-M", "simple", "--random-seed=5")
        text = self.client(folder, "psql", "-Atq", "-v", "ON_ERROR_STOP=1",
                           stdin=QUERIES)
        with open(os.path.join(folder, "data/postmaster.pid"),
                  encoding="ascii") as file:
            os.kill(int(file.readline()), signal.SIGINT)
        return {"ops": 4 * count, "check": zlib.crc32(text.encode())}


# ---------------------------------------------------------------------------
# Inputs of the plain ones

def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="ascii") as file:
        file.write(text)


def c_source(folder):
    parts = ["#include <stdio.h>\n"]
    for i in range(200):
        parts.append(
            f"static int f{i}(int a, const int *p) {{ int s = {i}; "
            "for (int i = 0; i < a; i++) { switch ((p[i] + s) % 7) { "
            f"case 0: s += p[i] * {i % 97}; break; case 1: s ^= a << "
            f"{i % 13}; break; case 2: s -= (int)(p[i] / 3.5); break; "
            "default: s += i; } } return s; }\n")
    parts.append("int main(void) { int p[10] = {1, 2, 3}; unsigned s = 0;\n")
    parts += [f"s = s * 31 + f{i}(10, p);\n" for i in range(200)]
    write(folder, "large.c", "".join(parts)
          + 'printf("%u\\n", s); return 0; }\n')


def cc_source(folder):
    write(folder, "large.cc", """
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>
template <int N> struct tower : tower<N - 1> {
    std::map<std::string, std::vector<std::tuple<int, double, tower *>>> m;
    int sum() { return N + static_cast<int>(m.size()) + tower<N - 1>::sum(); }
};
template <> struct tower<0> { int sum() { return 0; } };
int main() {
    tower<25> t;
    std::function<int()> f = [&] { return t.sum(); };
    return f();
}
""")


def sql_script(folder):
    rng = random.Random(5)
    lines = ["CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, v TEXT);",
             "CREATE INDEX tk ON t (k);", "BEGIN;"]
    for i in range(60000):
        lines.append(f"INSERT INTO t VALUES ({i}, {rng.randrange(5000)}, "
                     f"'{'text ' * rng.randrange(30)}{i}');")
    lines.append("COMMIT;")
    for i in range(5000):
        k = rng.randrange(5000)
        lines.append(f"SELECT count(*), max(length(v)) FROM t WHERE k = {k};")
        if i % 10 == 0:
            lines.append(f"UPDATE t SET v = v || 'x' WHERE k = {k};")
    lines += ["SELECT k % 50, count(*), sum(length(v)) FROM t GROUP BY 1;",
              "SELECT length(group_concat(v, ';')) FROM (SELECT v FROM t "
              "ORDER BY v, id);", "DELETE FROM t WHERE k < 3500;", "VACUUM;",
              "SELECT sum(id) FROM t;", ""]
    write(folder, "script.sql", "\n".join(lines))


def xml_document(folder):
    rng = random.Random(6)
    parts = ["<list>"]
    for i in range(60000):
        parts.append(
            f'<item id="i{i}" class="c{rng.randrange(40)}"><name>name '
            f'{rng.randrange(9999)}</name><p>{"words of it " * (i % 9)}</p>'
            "</item>\n")
    write(folder, "list.xml", "".join(parts) + "</list>\n")


def graph(folder):
    rng = random.Random(8)
    lines = ["digraph g { node [shape=box];"]
    for i in range(1, 1200):
        lines.append(f"n{i} -> n{rng.randrange(i)} [label=\"{i}\"];")
    write(folder, "graph.dot", "\n".join(lines) + "}\n")


def repository(folder):
    """A repository whose files grow and change, by git fast-import."""
    rng = random.Random(9)
    files = {i: [f"line {k} of {i}" for k in range(80)] for i in range(40)}
    stream = []
    for n in range(2500):
        stream.append("commit refs/heads/main\ncommitter A <a@b> "
                      f"{1600000000 + n * 1000} +0000\ndata 8\nchange.\n\n")
        for i in rng.sample(range(40), 3):
            lines = files[i]
            for _ in range(4):
                lines[rng.randrange(len(lines))] = f"{rng.random():.6f} {n}"
            lines.insert(rng.randrange(len(lines)), f"new in {n}")
            text = "\n".join(lines) + "\n"
            stream.append(f"M 100644 inline d{i % 5}/file{i}\n"
                          f"data {len(text)}\n{text}\n")
    git = [find("git"), "-C", folder]
    subprocess.run(git + ["init", "-q", "-b", "main"], check=True)
    subprocess.run(git + ["fast-import", "--quiet"], check=True, text=True,
                   input="".join(stream))


def script(interpreter, extension, package, **more):
    """A program that is an interpreter with a script of ours."""
    return Program(more.pop("name", interpreter), [interpreter], [package],
                   [interpreter, os.path.join(INPUTS, "work." + extension),
                    "COUNT"], **more)


PROGRAMS = {program.name: program for program in (
    RedisLoad("redis", ["redis-server"], ["redis-server"], []),
    RedisRefill("redis-refill", ["redis-server"], ["redis-server"], []),
    Postgres("postgres", [], ["postgresql", "postgresql-contrib"], []),
    script("python3", "py", "python3"),
    script("python3", "py", "python3", name="python3-malloc",
           env={"PYTHONMALLOC": "malloc"}),
    script("node", "js", "nodejs"),
    script("ruby", "rb", "ruby"),
    script("perl", "pl", "perl"),
    script("lua5.4", "lua", "lua5.4"),
    # -n: modules are loaded with RTLD_DEEPBIND and would miss the allocator.
    Program("php", ["php"], ["php-cli"],
            ["php", "-n", os.path.join(INPUTS, "work.php"), "COUNT"]),
    Program("gcc", ["gcc"], ["gcc"],
            ["gcc", "-O2", "-S", "-o", "/dev/null", "large.c"], c_source),
    Program("g++", ["g++"], ["g++"],
            ["g++", "-S", "-std=c++17", "-o", "/dev/null", "large.cc"],
            cc_source),
    Program("sqlite3", ["sqlite3"], ["sqlite3"],
            ["sqlite3", ":memory:", ".read script.sql"], sql_script),
    Program("ghostscript", ["gs"], ["ghostscript"],
            ["gs", "-q", "-dSAFER", "-dNOPAUSE", "-dBATCH", "-dPAGES=COUNT",
             "-sDEVICE=png16m", "-r100", "-sOutputFile=-",
             os.path.join(INPUTS, "page.ps")]),
    Program("xmllint", ["xmllint"], ["libxml2-utils"],
            ["xmllint", "--format", "--xpath",
             "//item[@class='c7']/name | //item[position() mod 50 = 1]",
             "list.xml"], xml_document),
    Program("dot", ["dot"], ["graphviz"], ["dot", "-Tsvg", "graph.dot"],
            graph),
    Program("git", ["git"], ["git"],
            ["git", "log", "-p", "--stat", "--no-color"], repository),
    Program("bash", ["bash"], ["bash"],
            ["bash", os.path.join(INPUTS, "forks.sh"), "COUNT"]),
)}


def install(programs):
    """apt-get install what they lack, one by one."""
    packages = sorted({package for program in programs if program.missing()
                       for package in program.packages}
                      | {package for _, file, package in benchlib.PEERS
                         if benchlib.system_library(file) is None})
    if not packages:
        return
    say("installing: " + " ".join(packages))
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    subprocess.run(sudo + ["apt-get", "update", "-qq"], env=env,
                   stdout=subprocess.DEVNULL)
    for package in packages:
        done = subprocess.run(
            sudo + ["apt-get", "install", "-y", "-qq",
                    "--no-install-recommends", package], env=env,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            say(f"note: cannot install {package}: "
                f"{done.stderr.strip()[-200:]}")


def make_inputs(program, work):
    """The folder of a program with its inputs; None if that fails."""
    folder = os.path.join(work, program.name)
    os.makedirs(folder)
    try:
        program.prepare(folder)
    except (OSError, BenchError, subprocess.SubprocessError) as error:
        say(f"note: {program.name} is left out: {error}")
        return None
    return folder
