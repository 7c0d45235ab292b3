"""What `run` and `count` share: allocators, building, rows, launching.

Python's standard library only.  Nothing here knows how results are shown.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# Sources that become libraries.
LIBRARIES = ("null_alloc", "empty", "lockcount", "poll", "still_clock")

# Name, file, Debian package.  The first is what everything is relative to.
PEERS = (
    ("jemalloc", "libjemalloc.so.2", "libjemalloc2"),
    ("mimalloc", "libmimalloc.so.2.0", "libmimalloc2.0"),
    ("tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
)
BASE = "jemalloc"

# The system calls that --syscalls counts.
TRACED = ("mmap", "munmap", "mremap", "madvise", "mprotect", "brk", "futex",
          "sched_yield")

LIBRARY_PATHS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
                 "/usr/lib64", "/usr/lib", "/usr/local/lib")


class BenchError(Exception):
    """Something the user can put right; shown without a traceback."""


def say(text):
    """Progress and notes go to stderr, results to stdout."""
    print(text, file=sys.stderr, flush=True)


def system_library(name):
    """The path of an installed library, or None."""
    triplet = "/usr/lib/" + os.uname().machine + "-linux-gnu"
    for folder in (triplet,) + LIBRARY_PATHS:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    return None


def find_ours(given):
    """The library under test: the option, $BENCH_LIB, or the build's."""
    path = given or os.environ.get("BENCH_LIB") \
        or os.path.join(ROOT, "lib", "libjemalloc.so.2")
    if os.path.exists(path):
        return os.path.abspath(path)
    say(f"note: no library at {path}: the column 'ours' is left out")
    return None


def find_allocators(ours, extra, wanted):
    """An ordered dictionary of name -> path ("-" for the C library's)."""
    found = {"glibc": "-"}
    for name, file, package in PEERS:
        path = system_library(file)
        if path is not None:
            found[name] = path
        elif not wanted or name in wanted:
            say(f"note: {name} is left out: {file} not found "
                f"(package {package})")
    for item in extra:
        name, separator, path = item.partition("=")
        if not separator or not os.path.exists(path):
            raise BenchError(f"--add {item}: want NAME=PATH of a library")
        found[name] = os.path.abspath(path)
    path = find_ours(ours) if not wanted or "ours" in wanted else None
    if path is not None:
        found["ours"] = path
    if wanted:
        missing = [name for name in wanted if name not in found]
        if missing:
            raise BenchError(f"no such allocator: {', '.join(missing)} "
                             f"(there are {', '.join(found)})")
        found = {name: found[name] for name in wanted}
    return found


def newer(target, sources):
    """Whether the target exists and is newer than all of its sources."""
    if not os.path.exists(target):
        return False
    stamp = os.path.getmtime(target)
    return all(os.path.getmtime(source) <= stamp for source in sources)


def compile_one(compiler, flags, source, target):
    """Compile one source; True when that worked."""
    command = [compiler, "-O2", "-g", "-o", target + ".new", source, *flags,
               "-pthread"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        os.rename(target + ".new", target)
        return True
    say(f"note: {' '.join(command)} failed:\n{done.stderr}")
    return False


def build_item(name, source, out):
    """Build one program or library into `out`."""
    cc = os.environ.get("CC", "cc").split()
    if source.endswith(".cc"):
        cxx = os.environ.get("CXX", "c++").split()
        if shutil.which(cxx[0]) is None:
            say(f"note: {name} is left out: no C++ compiler")
            return False
        return compile_one(cxx[0], cxx[1:], source, os.path.join(out, name))
    if name in LIBRARIES:
        flags = ["-shared", "-fPIC", "-fno-builtin"]
        return compile_one(cc[0], cc[1:] + flags, source,
                           os.path.join(out, name + ".so"))
    target = os.path.join(out, name)
    flags = cc[1:] + ["-std=gnu11"]
    if name == "launch" and compile_one(cc[0], flags + ["-static"], source,
                                        target):
        return True
    return compile_one(cc[0], flags, source, target)


def build(build_dir):
    """Compile what is out of date into build_dir/bench; returns the path."""
    out = os.path.join(os.path.abspath(build_dir), "bench")
    os.makedirs(out, exist_ok=True)
    headers = [os.path.join(HERE, f) for f in os.listdir(HERE)
               if f.endswith(".h")]
    for file in sorted(os.listdir(HERE)):
        name, extension = os.path.splitext(file)
        if extension not in (".c", ".cc"):
            continue
        source = os.path.join(HERE, file)
        target = os.path.join(out, name + (".so" if name in LIBRARIES else ""))
        if not newer(target, [source] + headers):
            build_item(name, source, out)
    build_null(out)
    if not os.path.exists(os.path.join(out, "launch")):
        raise BenchError("the benchmark programs do not build")
    return out


def build_null(out):
    """micro_null: `micro` linked with the null allocator.

    Linked and not preloaded, because valgrind's launcher would run on the
    library too, and needs an allocator that works.
    """
    source = os.path.join(HERE, "micro.c")
    library = os.path.join(out, "null_alloc.so")
    target = os.path.join(out, "micro_null")
    if not newer(target, [source, library]):
        cc = os.environ.get("CC", "cc").split()
        compile_one(cc[0], cc[1:] + ["-std=gnu11", library,
                                     "-Wl,-rpath," + out], source, target)


class Row:
    """One line of the file `rows`.

    A command that starts with the word `program` names a real program of
    programs.py and its count; `program` and `folder` are set by whoever runs
    it.
    """

    def __init__(self, group, name, flags, command, about):
        self.group = group
        self.name = name
        self.flags = flags
        self.command = command.split()
        self.about = about
        self.program = None
        self.folder = None

    def words(self, scale):
        """The command's arguments with the counts scaled."""
        return [str(max(1, round(int(word[1:]) * scale)))
                if word.startswith("@") else word
                for word in self.command[1:]]

    def is_program(self):
        return self.command[0] == "program"

    def argv(self, out, scale):
        """The whole command."""
        if self.is_program():
            return self.program.argv(self.folder, self.words(scale)[1])
        return [os.path.join(out, self.command[0])] + self.words(scale)

    def run(self, out, path, scale, before=()):
        """One measured run: a sample, or None and a note.

        `before` is put before everything: strace, for example.
        """
        if self.is_program():
            return self.program.run(out, path, self.folder,
                                    int(self.words(scale)[1]), before)
        return launch(out, path, self.argv(out, scale), before=before)


def read_rows(path=os.path.join(HERE, "rows")):
    """All rows, in the order of the file."""
    rows = []
    group = ""
    with open(path, encoding="ascii") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("["):
                group = line.strip("[]")
                continue
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) != 4:
                raise BenchError(f"{path}:{number}: want 4 columns")
            rows.append(Row(group, *cells))
    return rows


def select_rows(rows, wanted):
    """Rows whose name, group or regular expression is in the list."""
    if not wanted:
        return rows
    chosen = []
    for item in wanted:
        hits = [row for row in rows if item in (row.name, row.group)]
        if not hits:
            hits = [row for row in rows if re.fullmatch(item, row.name)]
        if not hits:
            raise BenchError(f"no row or group {item} (try --list)")
        chosen += hits
    return [row for row in rows if row in chosen]


def environment(preload="-"):
    """A small environment, the same for every allocator."""
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/"}
    for name in ("MALLOC_CONF", "LD_LIBRARY_PATH"):
        if name in os.environ:
            env[name] = os.environ[name]
    if preload != "-":
        env["LD_PRELOAD"] = preload
    return env


def check_served(out, name, path):
    """Fail unless the library at `path` serves malloc when preloaded."""
    done = subprocess.run([os.path.join(out, "whose")],
                          env=environment(path), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    expected = path if path != "-" else "libc.so"
    served = done.stdout
    if done.returncode != 0 or (expected not in served and not (
            os.path.exists(served) and path != "-"
            and os.path.samefile(served, path))):
        raise BenchError(f"{name}: malloc is served by "
                         f"{served or 'nobody'}, not by {path} "
                         f"{done.stderr.strip()}")


class Sample:
    """What one run of a program used and said."""

    def __init__(self, fields, said):
        (self.status, user, system, wall, self.rss_kib, self.faults,
         self.switches, self.preempted) = fields
        self.user = user / 1e6
        self.system = system / 1e6
        self.cpu = self.user + self.system
        self.wall = wall / 1e6
        self.said = said


class Launched:
    """A program running under `launch`, to be ended or waited for."""

    def __init__(self, out, preload, argv, cwd=None, env=None, before=()):
        read_end, write_end = os.pipe()
        self.pipe = os.fdopen(read_end)
        command = [*before, os.path.join(out, "launch"), str(write_end),
                   preload, *argv]
        # A file takes whatever is said; a pipe would have to be read.
        self.stdout = tempfile.TemporaryFile()
        self.stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, env=dict(environment(), **(env or {})), cwd=cwd,
            stdin=subprocess.DEVNULL, stdout=self.stdout, stderr=self.stderr,
            pass_fds=[write_end], start_new_session=True)
        os.close(write_end)

    def close(self):
        for file in (self.pipe, self.stdout, self.stderr):
            file.close()

    def kill(self):
        """End it and all it has started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.close()

    def finish(self, timeout=300):
        """Wait for its end: a Sample, or None with a note."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return None, f"no end after {timeout} s"
        fields = [int(word) for word in self.pipe.read().split()]
        self.stdout.seek(0)
        self.output = self.stdout.read()
        self.stderr.seek(0)
        words = self.stderr.read().decode(errors="replace").splitlines()
        self.close()
        if self.process.returncode != 0 or len(fields) != 8:
            return None, f"launch failed with {self.process.returncode}"
        said = dict(re.findall(r"^(\w+) (\d+)$",
                               self.output.decode(errors="replace"), re.M))
        sample = Sample(fields, {key: int(said[key]) for key in said})
        if sample.status != 0:
            return None, f"wait status {sample.status} {' '.join(words[:2])}"
        return sample, ""


def launch(out, preload, argv, timeout=300, cwd=None, env=None,
           checked=False, before=()):
    """Run a program under `launch`; a Sample, or None with a note.

    With `checked` the check is that of all it writes to standard output.
    """
    job = Launched(out, preload, argv, cwd, env, before)
    sample, note = job.finish(timeout)
    if sample is not None and checked:
        sample.said = {"check": zlib.crc32(job.output)}
    return sample, note


def library_compiler(path):
    """The compiler's own name for itself in a library, or ''."""
    if path == "-" or not os.path.exists(path):
        return ""
    with open(path, "rb") as file:
        data = file.read()
    found = re.search(rb"(GCC: \([^)]*\) [0-9.]+|[\w ]*clang version [^\0]+)",
                      data)
    return found.group(1).decode(errors="replace") if found else ""
