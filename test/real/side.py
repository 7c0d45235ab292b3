"""One side of a comparison: commands in a folder, with or without the library.

Owns the processes it starts; close() ends those that are left.  What a
command prints goes to numbered files in the folder, so that a failure can be
looked at afterwards.
"""
import os
import pwd
import re
import shutil
import signal
import subprocess
import time

INPUTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inputs")
OTHER_ALLOCATORS = re.compile(
    r"/lib(jemalloc|tcmalloc|mimalloc|snmalloc|rpmalloc)[^/]*\.so")
OURS = "<jemalloc>:"

# What a program may take of its seconds where the machine has other work.
PATIENCE = 5


class Failed(Exception):
    """The program did not do what it should."""


class Skipped(Exception):
    """The program cannot run here."""


class Program:
    """A row of the tables in small.py and full.py."""

    def __init__(self, name, run, needs, packages, seconds):
        self.name = name
        self.run = run
        self.needs = needs
        self.packages = packages
        self.seconds = seconds * PATIENCE

    def missing(self):
        return [need for need in self.needs if find(need) is None]


def find(command):
    """Like the shell, and in the folders that are not on everyone's path."""
    extra = "/usr/sbin:/sbin:/usr/local/sbin"
    return shutil.which(command, path=os.environ["PATH"] + ":" + extra)


def table():
    """A list of programs and the decorator that fills it."""
    programs = []

    def program(name, needs=(), packages=(), seconds=60):
        def add(function):
            programs.append(Program(name, function, needs, packages, seconds))
            return function
        return add
    return programs, program


class Side:
    def __init__(self, lib, folder, seconds):
        self.lib = lib
        self.folder = folder
        self.started = time.monotonic()
        self.deadline = self.started + seconds
        self.seconds = seconds
        self.was_mapped = False
        self.steps = 0
        self.processes = []
        self.user = None
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        self.env = {key: value for key, value in os.environ.items()
                    if not key.startswith(("LD_", "LC_", "LANG", "GIT_"))}
        self.env.update(LC_ALL="C.UTF-8", TZ="UTC", HOME=folder,
                        TMPDIR=folder, PYTHONHASHSEED="0",
                        PYTHONDONTWRITEBYTECODE="1")
        if lib is not None:
            self.env["LD_PRELOAD"] = lib

    def elapsed(self):
        return time.monotonic() - self.started

    def become(self, user):
        """Run what follows as another user, if we may."""
        if os.geteuid() != 0:
            return
        self.user = user
        entry = pwd.getpwnam(user)
        os.chown(self.folder, entry.pw_uid, entry.pw_gid)

    def path(self, name):
        return os.path.join(self.folder, name)

    def input(self, name):
        """A file of inputs/, copied, so that paths in messages agree."""
        shutil.copy(os.path.join(INPUTS, name), self.path(name))
        return name

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return name

    def start(self, *command, stdin=None, env=None):
        """Start a command in the background."""
        self.steps += 1
        logs = self.path("step-%02d" % self.steps)
        with open(logs + ".cmd", "w") as f:
            f.write(repr(command))
        out = open(logs + ".out", "wb")
        err = open(logs + ".err", "wb")
        source = subprocess.DEVNULL
        if stdin is not None:
            with open(logs + ".in", "wb") as f:
                f.write(stdin.encode())
            source = open(logs + ".in", "rb")
        full_path = find(command[0]) or command[0]
        process = subprocess.Popen(
            (full_path,) + command[1:], cwd=self.folder,
            env=dict(self.env, **(env or {})), stdin=source, stdout=out,
            stderr=err, start_new_session=True,
            **({"user": self.user, "group": pwd.getpwnam(self.user).pw_gid,
                "extra_groups": []} if self.user else {}))
        process.logs = logs
        for f in (out, err):
            f.close()
        if source is not subprocess.DEVNULL:
            source.close()
        self.processes.append(process)
        return process

    def look_at(self, pid):
        """Note whether our library is mapped; refuse a second allocator."""
        try:
            with open("/proc/%d/maps" % pid) as f:
                maps = f.read()
        except OSError:
            return
        if self.lib is None or self.lib not in maps:
            return
        self.was_mapped = True
        for path in set(re.findall(r"/\S*$", maps, re.MULTILINE)):
            if OTHER_ALLOCATORS.search(path) and path != self.lib:
                raise Failed("also mapped: " + path)

    def wait(self, process):
        pause = 0.001
        while process.poll() is None:
            if not self.was_mapped:
                self.look_at(process.pid)
            if time.monotonic() > self.deadline:
                self.kill(process)
                raise Failed("%s the library: not done after %d s: %s" % (
                    "with" if self.lib else "without", self.seconds,
                    self.describe(process)))
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        return process.returncode

    def output_of(self, process):
        with open(process.logs + ".out", errors="replace") as f:
            return f.read()

    def errors_of(self, process):
        with open(process.logs + ".err", errors="replace") as f:
            return f.read()

    def describe(self, process):
        with open(process.logs + ".cmd") as f:
            return f.read()[:200]

    def run(self, *command, stdin=None, env=None, status=0):
        """Run a command to its end; returns what it printed."""
        process = self.start(*command, stdin=stdin, env=env)
        code = self.wait(process)
        if status is not None and code != status:
            how = "signal %d" % -code if code < 0 else "status %d" % code
            raise Failed("%s the library: %s: %s: %s" % (
                "with" if self.lib else "without", how,
                self.describe(process), self.errors_of(process)[-600:]))
        return self.output_of(process)

    def run_both(self, *command, **options):
        """As run(), with what went to stderr appended."""
        out = self.run(*command, **options)
        return out + self.errors_of(self.processes[-1])

    def wait_until(self, ready, what):
        while not ready():
            if time.monotonic() > self.deadline:
                raise Failed("never ready: " + what)
            time.sleep(0.05)

    def stop(self, process, how=signal.SIGTERM, status=None):
        """End a server in its own way, and look at how it ended."""
        self.look_at(process.pid)
        os.kill(process.pid, how)
        code = self.wait(process)
        if code < 0 and -code != how:
            raise Failed("%s the library: signal %d at the end: %s: %s" % (
                "with" if self.lib else "without", -code,
                self.describe(process), self.errors_of(process)[-600:]))
        if status is not None and code != status:
            raise Failed("status %d at the end: %s"
                         % (code, self.describe(process)))

    @staticmethod
    def kill(process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        process.wait()

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                self.kill(process)

    def verify(self):
        """After the last command: the library served, and had no complaint."""
        if self.lib is None:
            return
        if not self.was_mapped:
            raise Failed("the library was never mapped")
        for process in self.processes:
            for text in (self.errors_of(process), self.output_of(process)):
                at = text.find(OURS)
                if at >= 0:
                    raise Failed("%s: %s" % (
                        self.describe(process), text[at:at + 300]))
