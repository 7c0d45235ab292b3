"""What the tests of the tools share: programs with the library preloaded."""
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

library = os.path.join(ROOT, "lib", "libjemalloc.so.2")


def environment(conf, **more):
    """The environment of a program with the library and options."""
    env = dict(os.environ, LD_PRELOAD=library, MALLOC_CONF=conf, LC_ALL="C",
               **more)
    return env


def run(command, conf, **more):
    """Run a command to its end; what it wrote to standard error."""
    done = subprocess.run(command, env=environment(conf, **more),
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, timeout=3 * PATIENCE,
                          check=True)
    return done.stderr


# Seconds for what must come; on a machine with better things to do, late.
PATIENCE = 100


def soon(holds):
    """Does it hold within PATIENCE?"""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def snapshots(path):
    """How many whole lines a file has; 0 while there is none."""
    try:
        with open(path, "rb") as file:
            return file.read().count(b"\n")
    except FileNotFoundError:
        return 0


def has_stats():
    """Was the library built with statistics?"""
    text = run([sys.executable, "-c", "pass"],
               "stats_print:true,stats_print_opts:J")
    return b'"stats":true' in text


def python_with(module):
    """A Python that has a module, or None."""
    for python in (sys.executable, "/usr/bin/python3", "python3"):
        if shutil.which(python) and subprocess.run(
                [python, "-c", "import " + module], stderr=subprocess.DEVNULL,
                check=False).returncode == 0:
            return python
    return None


def tool(name):
    """A program of the folder bin: made beside the library, or as it is."""
    made = os.path.join(os.path.dirname(os.path.dirname(library)), "bin", name)
    return made if os.path.exists(made) else os.path.join(ROOT, "bin", name)
