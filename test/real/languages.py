"""Interpreters, compilers and servers that few machines have.

Missing ones are skipped; `run --full --install` fetches them.
"""
import os
import random
import re
import socket
import sys

from side import Failed, table
from small import big_text, digest, free_port

PROGRAMS, program = table()

# Name, what runs inputs/SCRIPT, package.
INTERPRETERS = [
    ("ocaml", ["ocaml", "churn.ml"], "ocaml-nox"),
    ("R", ["Rscript", "--vanilla", "churn.R"], "r-base-core"),
    ("octave", ["octave-cli", "--norc", "-q", "churn.m"], "octave"),
    ("guile", ["guile", "--no-auto-compile", "-s", "churn.scm"], "guile-3.0"),
    ("lua", ["lua5.4", "churn.lua"], "lua5.4"),
    ("tcl", ["tclsh", "churn.tcl"], "tcl"),
    # Without extensions: it loads them with RTLD_DEEPBIND, after which they
    # free with libc what was allocated here.
    ("php", ["php", "-n", "churn.php"], "php-cli"),
]

# Name, compiler with options, source, package.
COMPILERS = [
    ("fortran", ["gfortran", "-O1", "-o", "churn"], "churn.f90", "gfortran"),
    ("rust", ["rustc", "-O", "-o", "churn"], "churn.rs", "rustc"),
    ("haskell", ["ghc", "-O1", "-v0", "-o", "churn"], "churn.hs", "ghc"),
    ("go", ["go", "build", "-o", "churn"], "churn.go", "golang-go"),
]


def add_interpreter(name, command, package):
    @program(name, needs=command[:1], packages=[package], seconds=120)
    def run(side):
        side.input(command[-1])
        return side.run(*command)


def add_compiler(name, command, source, package):
    @program(name, needs=command[:1], packages=[package], seconds=180)
    def run(side):
        side.input(source)
        # Tool chains kept in the home directory are found there only.
        side.run(*command, source, env={"HOME": os.path.expanduser("~"),
                                        "GOCACHE": side.path("cache")})
        return side.run(side.path("churn"))


for row in INTERPRETERS:
    add_interpreter(*row)
for row in COMPILERS:
    add_compiler(*row)


@program("vim", needs=["vim"], packages=["vim"])
def vim(side):
    big_text(side, "lines", 20000)
    side.run("vim", "-Nu", "NONE", "-n", "-es", "-c", "e lines", "-c",
             "%s/x/zz/ge", "-c", "sort", "-c", "w! out", "-c", "qa!",
             status=None)
    return digest(side.path("out"))


@program("graphviz", needs=["dot"], packages=["graphviz"])
def graphviz(side):
    rng = random.Random(3)
    side.write("a.dot", "digraph g {%s}" % ";".join(
        "n%d->n%d" % (rng.randrange(100), rng.randrange(100))
        for _ in range(200)))
    return side.run("dot", "-Tsvg", "a.dot")


@program("jq", needs=["jq"], packages=["jq"])
def jq(side):
    side.write("a.json", "[%s]" % ",".join(
        '{"a":%d,"b":"%s"}' % (i, "x" * (i % 50)) for i in range(30000)))
    return side.run("jq", "-c", "map(select(.a%7==0)|.b|length)|add", "a.json")


@program("7z", needs=["7z"], packages=["p7zip-full"], seconds=120)
def seven_zip(side):
    big_text(side, "lines", 40000)
    side.run("7z", "a", "-mmt=2", "-mx=3", "a.7z", "lines")
    os.rename(side.path("lines"), side.path("before"))
    side.run("7z", "x", "a.7z")
    return str(digest(side.path("lines")) == digest(side.path("before")))


def get_through(port, url):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        s.sendall(("GET %s HTTP/1.0\r\n\r\n" % url).encode())
        parts = []
        while True:
            part = s.recv(65536)
            if not part:
                break
            parts.append(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    return "%s %d\n" % (head.split(b" ")[1].decode(), len(body))


def is_listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@program("squid", needs=["squid"], packages=["squid"], seconds=120)
def squid(side):
    """Deletes objects by the size of a part of them."""
    side.write("page.txt", "line\n" * 20000)
    port, behind = free_port(), free_port()
    os.chmod(side.folder, 0o777)
    source = side.start(sys.executable, "-m", "http.server", str(behind),
                        "--bind", "127.0.0.1")
    side.wait_until(lambda: is_listening(behind), "the server behind")
    side.write("conf", "http_port 127.0.0.1:%d\nhttp_access allow all\n"
               "pid_filename none\ncache_log %s\naccess_log none\n"
               "coredump_dir %s\nvisible_hostname x\n"
               "shutdown_lifetime 1 seconds\n"
               % (port, side.path("log"), side.folder))
    server = side.start("squid", "-N", "-f", "conf")

    def is_up():
        if server.poll() is not None:
            raise Failed("ended: " + side.errors_of(server)[-300:])
        return is_listening(port)

    side.wait_until(is_up, "squid")
    text = "".join(get_through(port, "http://127.0.0.1:%d/page.txt" % behind)
                   for _ in range(40))
    side.stop(server)
    side.stop(source)
    return text


@program("lighttpd", needs=["lighttpd"], packages=["lighttpd"])
def lighttpd(side):
    side.write("page.txt", "line\n" * 20000)
    port = free_port()
    side.write("conf", 'server.document-root = "%s"\nserver.port = %d\n'
               'server.bind = "127.0.0.1"\n' % (side.folder, port))
    server = side.start("lighttpd", "-D", "-f", "conf")
    side.wait_until(lambda: is_listening(port), "lighttpd")
    text = "".join(get_through(port, "/page.txt") for _ in range(200))
    side.stop(server)
    return re.sub(r"\r", "", text)
