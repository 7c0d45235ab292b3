"""The big programs: servers, browsers, office, debuggers.

Missing ones are skipped; `run --full --install` fetches them.
"""
import glob
import os
import re
import signal
import socket
import sys
import time
import urllib.request

from side import Failed, INPUTS, Skipped, find, table
from small import digest, free_port, generated_c, GENERATED_CC

PROGRAMS, program = table()
HERE = os.path.dirname(os.path.abspath(__file__))


def talk(port, lines):
    """Send text, close our side, return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        s.sendall(lines.encode())
        s.shutdown(socket.SHUT_WR)
        parts = []
        while True:
            part = s.recv(65536)
            if not part:
                return b"".join(parts).decode()
            parts.append(part)


def is_listening(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


@program("node", needs=["node"], packages=["nodejs"], seconds=120)
def node(side):
    return side.run("node", side.input("churn.js"))


@program("ruby", needs=["ruby"], packages=["ruby"], seconds=120)
def ruby(side):
    return side.run("ruby", side.input("churn.rb"))


@program("clang", needs=["clang", "g++"], packages=["clang", "g++"],
         seconds=180)
def clang(side):
    side.write("large.c", generated_c(600))
    side.write("large.cc", GENERATED_CC)
    side.run("clang", "-O2", "-S", "-o", "large.s", "large.c")
    side.run("clang++", "-O1", "-std=c++17", "-o", "large", "large.cc")
    return digest(side.path("large.s")) + side.run(side.path("large"))


@program("memcached", needs=["memcached"], packages=["memcached"])
def memcached(side):
    port = free_port()
    server = side.start("memcached", "-u", "nobody", "-l", "127.0.0.1",
                        "-p", str(port), "-m", "64", "-t", "4")
    side.wait_until(lambda: is_listening(port), "memcached")
    text = ""
    for round_ in range(5):
        lines = []
        for i in range(3000):
            value = "v" * (i * 37 % 3000 + 1)
            lines.append("set key%d 0 0 %d noreply\r\n%s\r\n"
                         % (i, len(value), value))
            if i % 3 == 0:
                lines.append("delete key%d noreply\r\n" % (i // 2))
            if i % 4 == 0:
                lines.append("get key%d\r\n" % i)
        lines.append("get key7 key8 key2999\r\nquit\r\n")
        text += talk(port, "".join(lines))
    side.stop(server)
    return text


POSTGRES = "/usr/lib/postgresql/*/bin"


@program("postgresql under pgbench", needs=["pgbench"],
         packages=["postgresql", "postgresql-contrib"], seconds=240)
def postgres(side):
    folders = sorted(glob.glob(POSTGRES))
    if not folders or not os.path.exists(folders[-1] + "/initdb"):
        raise Skipped("no server in " + POSTGRES)
    tool = folders[-1] + "/"
    side.become("postgres")
    port = str(free_port())
    side.env.update(PGHOST=side.folder, PGPORT=port, PGUSER="postgres",
                    PGDATABASE="postgres", PGOPTIONS="")
    side.run(tool + "initdb", "-D", "data", "-A", "trust", "-N", "-U",
             "postgres", "--locale=C", "--encoding=UTF8")
    server = side.start(
        tool + "postgres", "-D", "data", "-p", port, "-k", side.folder, "-c",
        "listen_addresses=", "-c", "fsync=off", "-c",
        "max_parallel_workers_per_gather=2", "-c", "autovacuum_naptime=1")

    def sql(text):
        return side.run(tool + "psql", "-Atq", "-v", "ON_ERROR_STOP=1",
                        stdin=text)

    side.wait_until(lambda: side.run(tool + "psql", "-Atqc", "SELECT 1",
                                     status=None) == "1\n", "postgres")
    side.run(tool + "pgbench", "-i", "-q", "-s", "3")
    text = sql("SET extra_float_digits = 0; CREATE TABLE t AS SELECT i, "
               "md5(i::text) AS m, i %% 97 AS k FROM generate_series(1, "
               "200000) i; CREATE INDEX ON t (m); ANALYZE t; SELECT k, "
               "count(*), sum(length(m)), min(m) FROM t GROUP BY k ORDER BY "
               "k; SELECT count(*) FROM t a JOIN t b ON a.m = b.m WHERE "
               "a.k < 50; SELECT md5(string_agg(m, ',' ORDER BY m)) FROM t; "
               "SELECT count(*) FROM regexp_matches(repeat('ab12 ', 50000), "
               "'[a-z]+[0-9]', 'g');".replace("%%", "%"))
    for mode in ("simple", "prepared"):
        side.run(tool + "pgbench", "-n", "-c", "8", "-j", "2", "-t", "300",
                 "-M", mode)
    text += sql("SELECT count(*) FROM pgbench_history; SELECT "
                "sum(abalance) = (SELECT sum(tbalance) FROM pgbench_tellers)"
                " FROM pgbench_accounts; VACUUM FULL; REINDEX DATABASE "
                "postgres; SELECT count(*) FROM pgbench_accounts;")
    side.run(tool + "pg_dump", "-Fc", "-f", "dump")
    side.stop(server, signal.SIGINT, status=0)
    with open(server.logs + ".err", errors="replace") as f:
        crashes = re.findall(r"terminated by signal.*|PANIC.*", f.read())
    if crashes:
        raise Failed(crashes[0])
    return text


NGINX = """
daemon off;
worker_processes 2;
error_log %(dir)s/error.log;
pid %(dir)s/pid;
%(user)s
events { worker_connections 256; }
http {
    access_log %(dir)s/access.log;
    client_body_temp_path %(dir)s/t1;
    proxy_temp_path %(dir)s/t2;
    fastcgi_temp_path %(dir)s/t3;
    uwsgi_temp_path %(dir)s/t4;
    scgi_temp_path %(dir)s/t5;
    gzip on;
    gzip_types text/plain;
    types { text/plain txt; }
    server {
        listen 127.0.0.1:%(port)d;
        root %(dir)s;
        location /again { proxy_pass http://127.0.0.1:%(port)d/page.txt; }
    }
}
"""


def fetch_all(port, rounds):
    lengths = {}
    for i in range(rounds):
        for page in ("page.txt", "again", "none"):
            request = urllib.request.Request(
                "http://127.0.0.1:%d/%s?%d" % (port, page, i),
                headers={"Accept-Encoding": "gzip" if i % 2 else "identity"})
            try:
                with urllib.request.urlopen(request, timeout=30) as reply:
                    key = (page, i % 2, reply.status, len(reply.read()))
            except urllib.error.HTTPError as error:
                error.read()
                key = (page, i % 2, error.code, 0)
            lengths[key] = lengths.get(key, 0) + 1
    return "\n".join("%s %s" % row for row in sorted(lengths.items()))


@program("nginx", needs=["nginx"], packages=["nginx-light"])
def nginx(side):
    port = free_port()
    side.write("page.txt", "".join("line %d of the page\n" % i
                                   for i in range(4000)))
    user = "user root;" if os.geteuid() == 0 else ""
    side.write("conf", NGINX % {"dir": side.folder, "port": port,
                                "user": user})
    server = side.start("nginx", "-c", side.path("conf"), "-p", side.folder)
    side.wait_until(lambda: is_listening(port), "nginx")
    text = fetch_all(port, 150)
    os.kill(server.pid, signal.SIGHUP)
    time.sleep(0.5)
    text += fetch_all(port, 150)
    side.stop(server, signal.SIGQUIT, status=0)
    return text


@program("ffmpeg", needs=["ffmpeg"], packages=["ffmpeg"], seconds=180)
def ffmpeg(side):
    common = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y"]
    side.run(*common, "-f", "lavfi", "-i",
             "testsrc2=size=640x360:rate=25:duration=3", "-f", "lavfi",
             "-i", "sine=frequency=440:duration=3", "-c:v", "mpeg4", "-q:v",
             "4", "-c:a", "aac", "-bitexact", "-threads", "2", "a.mkv")
    return (side.run(*common, "-i", "a.mkv", "-vf",
                     "scale=320:180,hue=s=0,boxblur=2", "-threads", "4",
                     "-f", "framemd5", "-")
            + side.run(*common, "-i", "a.mkv", "-map", "0:v", "-c:v",
                       "ffv1", "-slices", "4", "-threads", "4", "-f",
                       "framemd5", "-"))


@program("libreoffice", needs=["soffice"],
         packages=["libreoffice-calc-nogui", "libreoffice-writer-nogui"],
         seconds=240)
def libreoffice(side):
    side.write("table.csv", "".join(
        "%d,row %d,%f,=A%d*2\n" % (i, i, i / 7, i + 1) for i in range(3000)))
    side.write("text.html", "<h1>Title</h1>" + "".join(
        "<p>Paragraph %d with <b>bold</b> words.</p>" % i
        for i in range(300)))
    for source, kind in (("table.csv", "ods"), ("table.ods", "csv:Text - txt"
                         " - csv (StarCalc):44,34,76,1,,0,false,true,false"),
                         ("text.html", "odt:writer8"), ("text.odt", "txt:Text"
                         ), ("text.odt", "pdf")):
        side.run("soffice", "--headless", "--norestore",
                 "-env:UserInstallation=file://" + side.path("profile"),
                 "--convert-to", kind, source)
    text = ""
    for name in ("table.csv", "text.txt"):
        with open(side.path(name), errors="replace") as f:
            text += f.read()
    if os.path.getsize(side.path("text.pdf")) < 5000:
        raise Failed("no pdf")
    return text


@program("chromium", needs=["chromium"], packages=["chromium"], seconds=180)
def chromium(side):
    side.input("page.html")
    page = side.run(
        "chromium", "--headless", "--no-sandbox", "--disable-gpu",
        "--disable-dev-shm-usage", "--no-first-run",
        "--user-data-dir=" + side.path("profile"),
        "--virtual-time-budget=20000", "--dump-dom",
        "file://" + side.path("page.html"))
    if '<p id="out">done ' not in page:
        raise Failed("the script of the page has not run")
    return page


@program("gdb", needs=["gdb", "gcc"], packages=["gdb", "gcc"], seconds=120)
def gdb(side):
    side.write("main.c", "#include <stdlib.h>\n#include <string.h>\n"
               "int depth(int n) { char *p = malloc(n * 100 + 1); "
               "memset(p, n, n * 100); int r = n ? depth(n - 1) + p[0] : 0;\n"
               "free(p); return r; }\n"
               "int main(void) { return depth(20) & 1; }\n")
    side.run("gcc", "-g", "-O0", "-o", "main", "main.c")
    text = side.run(
        "gdb", "-batch", "-nx", "-ex", "set debuginfod enabled off", "-ex",
        "set confirm off", "-ex", "break depth if n == 3", "-ex", "run",
        "-ex", "bt", "-ex", "info locals", "-ex", "finish", "-ex",
        "python print(sum(len(str(i)) for i in range(100000)))", "-ex",
        "delete", "-ex", "continue", "./main")
    # Addresses and process numbers differ from run to run.
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", text)
    text = re.sub(r"\(process \d+\)|process \d+", "process N", text)
    return "\n".join(line for line in text.splitlines()
                     if re.match(r"#\d|depth|\d{5,}|\[Inferior", line))


@program("valgrind beside it", needs=["valgrind", "gcc"],
         packages=["valgrind", "gcc"], seconds=120)
def valgrind(side):
    """Valgrind with our library preloaded into its client.

    Told nothing, it puts its own malloc in place of ours; told to leave ours
    alone, the client runs on ours.
    """
    side.write("main.c", "#include <stdio.h>\n#include <stdlib.h>\n"
               "#include <string.h>\nint main(void) { unsigned s = 0; "
               "for (int i = 1; i < 3000; i++) { char *p = malloc(i); "
               "memset(p, i, i); p = realloc(p, i * 3); s += p[i - 1]; "
               "char *q = calloc(i, 2); s += q[i]; free(p); free(q); } "
               'printf("%u\\n", s); }\n')
    side.run("gcc", "-g", "-O0", "-o", "main", "main.c")
    text = ""
    for options in ([], ["--soname-synonyms=somalloc=nouserintercepts"],
                    ["--tool=callgrind", "--callgrind-out-file=/dev/null"]):
        text += side.run("valgrind", "-q", "--error-exitcode=9", *options,
                         "./main")
    return text


@program("java", needs=["java"], packages=["default-jre-headless"],
         seconds=120)
def java(side):
    if find("javac") is None:
        return re.sub(r"\d+", "N", side.run_both("java", "-version"))
    side.input("Churn.java")
    return side.run("java", "-Xmx200m", "Churn.java")


@program("the address space of 800 MiB", needs=["gcc", "node"],
         packages=["gcc"], seconds=120)
def limited(side):
    """Programs that live within it must still do so."""
    side.write("large.c", generated_c(400))
    shell = ["sh", "-c", 'ulimit -v 819200; exec "$@"', "sh"]
    side.run(*shell, "gcc", "-O2", "-S", "-o", "large.s", "large.c")
    text = digest(side.path("large.s"))
    text += side.run(*shell, "perl", os.path.join(INPUTS, "churn.pl"))
    text += side.run(*shell, sys.executable,
                     os.path.join(INPUTS, "churn.py"))
    return text
