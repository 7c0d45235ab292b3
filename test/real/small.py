"""The programs of every day: they are on most machines, seconds each."""
import hashlib
import json
import os
import random
import re
import socket
import sys

from side import Failed, Skipped, find, table

PROGRAMS, program = table()


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def big_text(side, name, lines):
    """Lines in a random but fixed order."""
    rng = random.Random(7)
    with open(side.path(name), "w") as f:
        for i in range(lines):
            f.write("%016x %d %s\n" % (rng.getrandbits(64), i,
                                       "x" * rng.randrange(60)))
    return name


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@program("maps of a process", needs=["cat"])
def maps(side):
    text = side.run("cat", "/proc/self/maps")
    if side.lib is not None:
        if side.lib not in text:
            raise Failed("not mapped")
        side.was_mapped = True
    return "ok"


@program("true and other short ones", needs=["sh"])
def short(side):
    return side.run("sh", "-c", "for i in $(seq 100); do /bin/true; "
                    "/bin/echo $i; done; ls / | head -3; "
                    "date -u -d @0; expr 6 '*' 7; env true")


@program("python3 threads")
def python_threads(side):
    return side.run(sys.executable, side.input("threads.py"))


@program("python3 json and dicts")
def python_churn(side):
    return side.run(sys.executable, side.input("churn.py"))


@program("python3 subprocesses")
def python_processes(side):
    return side.run(sys.executable, side.input("processes.py"))


@program("python3 on malloc alone")
def python_malloc(side):
    """Without the interpreter's own arenas: all objects are ours."""
    env = {"PYTHONMALLOC": "malloc"}
    return (side.run(sys.executable, side.input("churn.py"), env=env)
            + side.run(sys.executable, side.input("threads.py"), env=env))


@program("python3 in 800 MiB")
def python_limited(side):
    return side.run("sh", "-c", 'ulimit -v 819200; exec "$@"', "sh",
                    sys.executable, side.input("limited.py"))


@program("python3 with locked memory")
def python_locked(side):
    text = side.run(sys.executable, side.input("locked.py"))
    if text.startswith("not allowed"):
        raise Skipped("mlockall is not allowed here")
    return text


@program("perl", needs=["perl"], packages=["perl"])
def perl(side):
    return side.run("perl", side.input("churn.pl"))


@program("bash with forks", needs=["bash"])
def bash(side):
    return side.run("bash", side.input("forks.sh"))


@program("awk and sed", needs=["awk", "sed"])
def awk(side):
    big_text(side, "lines", 15000)
    return side.run("sh", "-c", "awk '{ n[substr($1, 1, 3)]++; "
                    "s = s substr($3, 1, 1) } END { for (k in n) "
                    "print k, n[k]; print length(s) }' lines | sort; "
                    "sed -e 's/x\\{5\\}/<&>/g' -e '1!G;h;$!d' lines "
                    "| head -c 100000 | cksum")


def generated_c(functions):
    parts = ["#include <stdio.h>\n"]
    for i in range(functions):
        parts.append(
            "static int f%d(int a, const int *p) { int s = %d; "
            "for (int i = 0; i < a; i++) { switch ((p[i] + s) %% 7) { "
            "case 0: s += p[i] * %d; break; case 1: s ^= a << %d; break; "
            "case 2: s -= (int)(p[i] / 3.5); break; default: s += i; } } "
            "return s; }\n" % (i, i, i % 97, i % 13))
    parts.append("int main(void) { int p[10] = {1, 2, 3}; unsigned s = 0;\n")
    parts += ["s = s * 31 + f%d(10, p);\n" % i for i in range(functions)]
    parts.append('printf("%u\\n", s); return 0; }\n')
    return "".join(parts)


GENERATED_CC = """
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>
template <int N> struct tower : tower<N - 1> {
    std::map<std::string, std::vector<std::tuple<int, double, tower *>>> m;
    int sum() { return N + static_cast<int>(m.size()) + tower<N - 1>::sum(); }
};
template <> struct tower<0> { int sum() { return 0; } };
template <typename... T> auto all(T... t) {
    return std::make_tuple(std::function<T()>([t] { return t; })...);
}
int main() {
    tower<60> t;
    auto x = all(1, 2.0, std::string("a"), 'c', 5L, 6u, 7.f);
    std::regex r("(a|b)*c+[d-f]{2,5}");
    std::unordered_map<std::string, std::shared_ptr<int>> u;
    for (int i = 0; i < 100; i++) {
        u[std::to_string(i)] = std::make_shared<int>(i);
    }
    std::cout << t.sum() << ' ' << std::get<0>(x)() << ' '
              << std::regex_match("ababccde", r) << ' ' << u.size() << '\\n';
}
"""


@program("gcc", needs=["gcc"], packages=["gcc", "libc6-dev"], seconds=120)
def gcc(side):
    side.write("large.c", generated_c(500))
    side.run("gcc", "-O2", "-S", "-o", "large.s", "large.c")
    side.run("gcc", "-o", "large", "large.s")
    return digest(side.path("large.s")) + side.run(side.path("large"))


@program("g++", needs=["g++"], packages=["g++"], seconds=120)
def gxx(side):
    side.write("large.cc", GENERATED_CC)
    side.run("g++", "-O1", "-S", "-o", "large.s", "large.cc")
    side.run("g++", "-o", "large", "large.s")
    return digest(side.path("large.s")) + side.run(side.path("large"))


@program("ld, ar and strip", needs=["gcc", "ld", "ar", "strip"],
         packages=["gcc", "binutils"], seconds=120)
def ld(side):
    """Many objects in an archive, linked by name."""
    count = 300
    for i in range(count):
        side.write("part%d.s" % i, ".globl part%d\n.text\npart%d:\n" % (i, i)
                   + "".join(".globl l%d_%d\nl%d_%d: nop\n" % (i, j, i, j)
                             for j in range(40)) + "ret\n")
    side.write("main.c", "".join("void part%d(void);\n" % i
                                 for i in range(count))
               + "int main(void) { " + "".join("part%d();" % i
                                               for i in range(count)) + "}\n")
    side.run("sh", "-c", "for i in part*.s; do as -o ${i%.s}.o $i; done; "
             "ar rcsD libparts.a part*.o")
    side.run("gcc", "-c", "main.c")
    side.run("gcc", "-Wl,--build-id", "-o", "whole", "main.o", "-L.",
             "-lparts")
    side.run("ld", "-r", "-o", "all.o", *["part%d.o" % i
                                          for i in range(count)])
    side.run("strip", "-o", "stripped", "whole")
    side.run(side.path("whole"))
    return " ".join(digest(side.path(name)) for name in
                    ("libparts.a", "whole", "all.o", "stripped"))


def git_history(commits):
    """Input of git fast-import: files that change, merges that do not."""
    rng = random.Random(3)
    out = []
    for i in range(commits):
        text = "".join("%d\n" % rng.randrange(1000)
                       for _ in range(rng.randrange(400)))
        message = "change %d\n" % i
        out.append("commit refs/heads/main\nmark :%d\n"
                   "committer A B <a@b> %d +0000\ndata %d\n%s"
                   % (i + 1, 1700000000 + i * 60, len(message), message))
        if i:
            out.append("from :%d\n" % i)
        out.append("M 100644 inline dir%d/file%d\ndata %d\n%s\n"
                   % (i % 9, i % 70, len(text), text))
    return "".join(out) + "done\n"


@program("git", needs=["git"], packages=["git"], seconds=120)
def git(side):
    def g(*words, **options):
        return side.run("git", "-c", "gc.auto=0", "-c", "pack.threads=2",
                        *words, **options)
    g("init", "-q", "--initial-branch=main", "repo")
    side.run("git", "-C", "repo", "fast-import", "--quiet", "--done",
             stdin=git_history(800))
    text = g("-C", "repo", "log", "--stat", "--format=%H %s")
    g("-C", "repo", "reset", "-q", "--hard")
    g("-C", "repo", "repack", "-q", "-a", "-d", "-f", "--window=50")
    g("-C", "repo", "gc", "-q", "--aggressive", "--prune=now")
    text += g("-C", "repo", "fsck", "--full", "--strict")
    text += g("-C", "repo", "log", "-p", "--follow", "dir1/file1")
    text += g("-C", "repo", "grep", "-c", "77")
    g("clone", "-q", "--no-local", "repo", "copy")
    text += g("-C", "copy", "rev-parse", "HEAD")
    text += g("-C", "copy", "diff", "--stat", "HEAD~200")
    return text


@program("sqlite3", needs=["sqlite3"], packages=["sqlite3"])
def sqlite(side):
    with open(side.path(side.input("queries.sql"))) as f:
        return side.run("sqlite3", "db", stdin=f.read())


@program("sort in parallel", needs=["sort"])
def sort(side):
    big_text(side, "lines", 250000)
    side.run("sort", "--parallel=4", "-S", "30M", "-o", "sorted", "lines")
    side.run("sort", "-u", "-k2n", "-o", "by-number", "lines")
    return digest(side.path("sorted")) + digest(side.path("by-number"))


@program("xz, gzip and tar", needs=["xz", "gzip", "tar"],
         packages=["xz-utils"])
def packers(side):
    big_text(side, "lines", 60000)
    side.run("xz", "-k", "-T2", "--block-size=1MiB", "-3", "lines")
    side.run("tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0",
             "--numeric-owner", "-czf", "lines.tar.gz", "lines",
             env={"GZIP": ""})
    side.run("mkdir", "out")
    side.run("tar", "-xzf", "lines.tar.gz", "-C", "out")
    side.run("xz", "-dk", "-T2", "-c", "lines.xz")
    return " ".join([digest(side.path("lines.xz")),
                     digest(side.path("out/lines"))])


def redis_commands():
    """Commands whose result is a digest of the whole data set."""
    rng = random.Random(11)
    out = []
    for i in range(4000):
        out.append("SET key:%d %s" % (i, "v" * rng.randrange(1, 300)))
        out.append("HSET hash:%d f%d %d" % (i % 50, i, rng.random() * 1e9))
        out.append("LPUSH list:%d %d" % (i % 20, i))
        out.append("ZADD zset:%d %d m%d" % (i % 20, rng.randrange(999), i))
        out.append("SADD set:%d %d" % (i % 20, rng.randrange(5000)))
        if i % 3 == 0:
            out.append("DEL key:%d" % rng.randrange(i + 1))
        if i % 5 == 0:
            out.append("APPEND key:%d %s" % (i, "w" * rng.randrange(900)))
    return "\n".join(out) + "\n"


@program("redis", needs=["redis-server", "redis-cli", "redis-benchmark"],
         packages=["redis-server", "redis-tools"], seconds=120)
def redis(side):
    at = ("-s", side.path("socket"))
    server = side.start(
        "redis-server", "--port", "0", "--unixsocket", at[1],
        "--save", "", "--appendonly", "no",
        "--dir", side.folder, "--enable-debug-command", "yes",
        "--activedefrag", "no")

    def cli(*words, **options):
        return side.run("redis-cli", *at, *words, **options)

    side.wait_until(lambda: "PONG" in side.run(
        "redis-cli", *at, "ping", status=None), "redis-server")
    side.look_at(server.pid)
    cli(stdin=redis_commands())
    text = cli("debug", "digest") + cli("dbsize")
    side.run("redis-benchmark", *at, "-q", "-n", "20000", "-c", "20",
             "-r", "5000", "-d", "200", "-t",
             "set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100")
    cli("flushall")
    cli(stdin=redis_commands())
    text += cli("debug", "digest")
    cli("bgsave")
    side.wait_until(lambda: "rdb_bgsave_in_progress:0" in cli(
        "info", "persistence"), "bgsave")
    if "rdb_last_bgsave_status:ok" not in cli("info", "persistence"):
        raise Failed("bgsave failed")
    cli("debug", "reload")
    text += cli("debug", "digest")
    side.stop(server, status=0)
    return text


@program("a late dlopen", needs=["gcc"], packages=["gcc", "libc6-dev"])
def late(side):
    """A process that was started without the library loads it."""
    lib = side.env.pop("LD_PRELOAD", None)
    if lib is None:
        return "ok\n"
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                          "integration", "prog", "late_dlopen.c")
    side.run("gcc", "-O1", "-fno-builtin", "-pthread",
             "-DHARNESS_PREFIX=\"\"", "-I" + os.path.dirname(source),
             "-o", "late", source, "-ldl")
    side.run(side.path("late"), lib)
    text = side.run(sys.executable, side.input("late.py"), lib)
    side.was_mapped = True
    return text


def documents(text, command):
    """The JSON documents of a text that is nothing but that."""
    decoder = json.JSONDecoder(parse_constant=lambda name: 1 / 0)
    found, at = [], 0
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError as reason:
            raise Failed("%s: no JSON: %s: %r"
                         % (command, reason, text[at:at + 80]))
        found.append(value["jemalloc"])
    return found


def check_statistics(document, command):
    """The ledger adds up, and the keys of a fragmentation view are there."""
    stats, rss = document["stats"], document["rss"]
    if not 0 <= stats["allocated"] <= stats["active"] <= stats["resident"]:
        raise Failed("%s: %r" % (command, stats))
    entries = rss["entries"]
    if rss["sum"] != sum(entries.values()) or min(entries.values()) < 0:
        raise Failed("%s: no sum: %r" % (command, rss))
    if rss["available"] and abs(rss["sum"] - rss["total"]) > rss["total"] / 20:
        raise Failed("%s: more than 5 percent apart: %r" % (command, rss))
    merged = document["fragmentation"]["merged"]
    if merged["slabs"] != sum(b["slabs"] for b in merged["bins"]):
        raise Failed("%s: slabs: %r" % (command, merged["slabs"]))


STATISTICS_OF = [
    ("sort", "-n", "numbers"), ("ls", "-l", "/usr/bin"),
    ("awk", "{s += $1} END {print s}", "numbers"), ("grep", "77", "numbers"),
    ("tar", "cf", "numbers.tar", "numbers"), ("sed", "-n", "1p", "numbers"),
    ("find", "/usr/share/doc", "-name", "x"), ("cat", "numbers"),
    ("gzip", "-k", "-f", "numbers"), ("xz", "-k", "-f", "numbers"),
    ("bash", "-c", "x=$(echo a); echo $x"), ("perl", "-e", "print 1"),
    ("git", "--version"), ("make", "--version"), ("node", "-e", "1"),
    ("gcc", "-c", "empty.c"), ("sqlite3", ":memory:", "select 1"),
    (sys.executable, "-c", "print({i: str(i) for i in range(9999)}[7])"),
]


@program("statistics of many programs", needs=["sort", "ls", "awk", "grep"])
def statistics(side):
    """What programs print at their end is JSON, each and all of it."""
    side.write("numbers", "".join("%d\n" % i for i in range(50000)))
    side.write("empty.c", "")
    count = 0
    for command in STATISTICS_OF:
        if find(command[0]) is None:
            continue
        process = side.start(*command, env={
            "MALLOC_CONF": "stats_print:true,stats_print_opts:J"})
        if side.wait(process) != 0:
            raise Failed("%s failed" % command[0])
        if side.lib is None:
            continue
        found = documents(side.errors_of(process), command[0])
        if not found:
            raise Failed("%s printed no statistics" % command[0])
        for document in found:
            # A build may have none.
            if document["config"]["stats"]:
                check_statistics(document, command[0])
        count += 1
    if side.lib is not None and count < 8:
        raise Skipped("too few programs")
    return "ok\n"


@program("programs that fail", needs=["sh", "ls", "grep"])
def failing(side):
    """Exit statuses and messages come through unchanged."""
    text = ""
    for command, status in (("ls /no/such/file", 2), ("grep x /dev/null", 1),
                            ("exit 42", 42), ("kill -9 $$", -9),
                            ("kill -TERM $$", -15)):
        text += side.run_both("sh", "-c", command, status=status)
    return re.sub(r"\d+", "N", text)
