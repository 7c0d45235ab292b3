"""jemalloc-top: what it shows, in a terminal and without, and what it says
when there is nothing to show."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import support

# Says when it is ready, then allocates a little, again and again.
PROGRAM = """
import sys, time
kept = [bytes(3000) for i in range(4000)] + [bytes(200) for i in range(9000)]
print("ready", flush=True)
while True:
    kept.append([bytes(1000) for i in range(200)])
    del kept[-5:]
    time.sleep(0.02)
"""


class Top(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = os.path.join(self.folder, "export")

    def start(self, conf, program=PROGRAM):
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE,
            env=support.environment(conf, PYTHONMALLOC="malloc"))

        def stop():
            process.kill()
            process.wait()
            process.stdout.close()
        self.addCleanup(stop)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process.pid

    def wait_for(self, path, snapshots=1):
        if not support.soon(lambda: support.snapshots(path) >= snapshots):
            self.fail("too little in " + path)

    def top(self, *arguments, **env):
        return subprocess.run(
            [sys.executable, support.tool("jemalloc-top"), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=3 * support.PATIENCE,
            encoding="utf-8", check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8", "COLUMNS": "100", **env})

    def shows(self, *arguments, **env):
        done = self.top(*arguments, **env)
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        return done.stdout

    def refuses(self, words, *arguments):
        done = self.top(*arguments)
        self.assertEqual((done.stdout, done.returncode), ("", 1))
        self.assertIn(words, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done.stderr

    def test_process(self):
        """By its number, from the options in its environment."""
        pid = self.start("stats_export:%s.%%p,stats_export_ms:100"
                         % self.file)
        self.wait_for("%s.%d" % (self.file, pid), 5)
        text = self.shows("-1", str(pid))
        self.assertIn("[%d]" % pid, text)
        self.assertRegex(text, r"RSS [0-9.]+ MiB")
        self.assertRegex(text, r"allocated [0-9.]+ MiB")
        self.assertRegex(text, r"requests [0-9.]+( k)?/s")
        self.assertRegex(text, r"(?m)^ +3072 .*█")

    def test_batch(self):
        pid = self.start("stats_export:%s,stats_export_ms:50" % self.file)
        self.wait_for(self.file)
        text = self.shows("-n", "3", "-d", "0.2", str(pid))
        self.assertEqual(text.count("jemalloc-top  "), 3)

    def test_views(self):
        pid = self.start("stats_export:%s,stats_export_ms:50" % self.file)
        self.wait_for(self.file, 5)
        self.assertRegex(self.shows("-1", "-v", "arenas", str(pid)),
                         r"(?m)^ +0 auto_0 .*MiB")
        self.assertRegex(self.shows("-1", "-v", "locks", str(pid)),
                         r"(?m)^arena bins \(all\) ")
        text = self.shows("-1", "-v", "memory", str(pid))
        self.assertRegex(text, r"blocks .*█+ .*the program holds them")
        sizes = [float(line.split(" %")[0].split()[-1])
                 for line in text.split("\n") if " % " in line]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertAlmostEqual(sum(sizes), 100, delta=15)

    def test_sort(self):
        self.start("stats_export:%s,stats_export_ms:50" % self.file)
        self.wait_for(self.file)
        text = self.shows("-1", "-s", "size", "-r", self.file)
        text = text[text.index("▲"):]
        sizes = [int(line.split()[0]) for line in text.split("\n")[1:]
                 if line.strip()]
        self.assertGreater(len(sizes), 10)
        self.assertEqual(sizes, sorted(sizes))
        self.refuses("no column nothing in the view classes; there are: size",
                     "-1", "-s", "nothing", self.file)

    def test_ascii(self):
        self.start("stats_export:%s,stats_export_ms:50" % self.file)
        self.wait_for(self.file, 3)
        self.assertTrue(self.shows("-1", "-a", self.file).isascii())
        self.assertTrue(self.shows("-1", self.file, LC_ALL="C",
                                   PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
                        .isascii())

    def test_json(self):
        """Other JSON of the library will do: one snapshot, no rates."""
        with open(self.file, "wb") as file:
            file.write(support.run(
                [sys.executable, "-c", "pass"],
                "stats_print:true,stats_print_opts:J"))
        text = self.shows("-1", self.file)
        self.assertIn("rates need a second snapshot", text)
        self.assertRegex(self.shows("-1", "-v", "arenas", self.file),
                         "(?m)^ +0 auto_0")

    def test_socket(self):
        path = os.path.join(self.folder, "socket")
        with subprocess.Popen(
                [sys.executable, support.tool("jemalloc-top"), "-n", "2",
                 "unix:" + path], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, encoding="utf-8",
                env=dict(os.environ, LC_ALL="C.UTF-8")) as viewer:
            self.assertTrue(support.soon(lambda: os.path.exists(path)))
            self.start("stats_export:unix:%s,stats_export_ms:100" % path)
            text = viewer.stdout.read()
            self.assertEqual(viewer.wait(support.PATIENCE), 0)
        self.assertEqual(text.count("jemalloc-top  "), 2)
        self.assertFalse(os.path.exists(path))

    def test_nothing_to_see(self):
        self.refuses("there is no file /no/such", "/no/such")
        self.refuses("there is no process 999999999", "999999999")
        self.refuses("Is a directory", self.folder)
        self.refuses("is no file", "/dev/null")
        pid = self.start("narenas:1")
        said = self.refuses("process %d (" % pid, str(pid))
        self.assertIn("does not export statistics.\n", said)
        self.assertIn("MALLOC_CONF=stats_export:/tmp/jemalloc.%p,", said)
        with subprocess.Popen(["sleep", "1000"]) as process:
            self.addCleanup(process.kill)
            self.refuses("does not export statistics, and no libjemalloc is "
                         "loaded in it", str(process.pid))
            process.kill()
        for text in ("{", "[]", '{"jemalloc":1}', '{"jemalloc":{"stats":{}}}',
                     "\xff\n" * 10, "12\n13\n", "", "[" * 100000):
            with open(self.file, "w", encoding="latin-1") as file:
                file.write(text)
            self.refuses(self.file, "-1", self.file)

    def test_hostile(self):
        """Names cannot speak to the terminal; odd trees do no harm."""
        name = "\033[2J\u202e\u0000x"
        tree = {"jemalloc": {
            "stats": {"allocated": 5, "mutexes": {name: {"num_ops": 1}},
                      "active": "many"},
            "rss": {"entries": {name: 3, "live": "x"}}, "arenas": [],
            "stats.arenas": {"merged": {"bins": [1, None], "mutexes": 7},
                             name: 1, "5": []}},
            "export": {"program": name, "pid": 1, "time_ms": -5,
                       "arenas": [{"name": name}, 3]}}
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(json.dumps(tree))
        for view in ("classes", "arenas", "memory", "locks"):
            text = self.shows("-1", "-v", view, self.file)
            self.assertNotIn("\033", text)
            self.assertNotIn("\u202e", text)
            self.assertIn("?[2J??x", text)

    def test_torn_lines(self):
        """What is written while we read is taken when it is whole."""
        line = support.run([sys.executable, "-c", "pass"],
                           "stats_print:true,stats_print_opts:J")
        with open(self.file, "wb") as file:
            file.write(line + b"\n" + line[:500] + b"\n" + line + b"\n" +
                       line[:1000])
        self.assertIn("allocated", self.shows("-1", self.file))

    def test_rotation(self):
        """The file may be put aside under our eyes."""
        pid = self.start("stats_export:%s,stats_export_ms:20,"
                         "stats_export_max:100000" % self.file)
        self.wait_for(self.file + ".old")
        text = self.shows("-n", "5", "-d", "0.3", str(pid))
        self.assertEqual(text.count("jemalloc-top  "), 5)


@unittest.skipUnless(shutil.which("tmux"), "needs tmux")
class Terminal(Top):
    """In a real terminal.  (The tests above are not repeated.)"""

    def tmux(self, *arguments):
        done = subprocess.run(
            ["tmux", "-L", self.name, "-f", "/dev/null", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True,
            encoding="utf-8", env=dict(os.environ, LC_ALL="C.UTF-8",
                                       SHELL="/bin/sh"))
        return done.stdout

    def open(self):
        pid = self.start("stats_export:%s,stats_export_ms:50" % self.file)
        self.wait_for(self.file)
        self.name = "jemalloc-top-%d" % os.getpid()
        self.tmux("new-session", "-d", "-x", "100", "-y", "24",
                  "trap : INT; %s %s -d 0.2 %d; status=$?; stty -a; "
                  "echo status $status; sleep 1000"
                  % (sys.executable, support.tool("jemalloc-top"), pid))
        self.addCleanup(self.tmux, "kill-server")
        return pid

    def until(self, words):
        text = ""

        def is_there():
            nonlocal text
            text = self.tmux("capture-pane", "-p")
            return words in text
        if not support.soon(is_there):
            self.fail("no %s in\n%s" % (words, text))
        return text

    def test_terminal_keys(self):
        pid = self.open()
        self.until("[c]lasses")
        text = self.until("held▼")
        self.assertIn("[%d]" % pid, text)
        self.assertRegex(text, r"(?m)^ +3072 .*█")
        for key, words in (("a", "auto_0"), ("m", "the program holds them"),
                           ("l", "LOCKS that"), ("c", "SIZE CLASSES"),
                           ("s", "wasted▼"), ("S", "held▼"), ("r", "held▲"),
                           ("p", "p:go on"), ("p", "p:pause"),
                           ("+", "+-:0.4s"), ("-", "+-:0.2s"),
                           ("h", "and pages scroll"),
                           ("h", "SIZE CLASSES"), ("Down", "SIZE CLASSES"),
                           ("PageDown", "SIZE CLASSES")):
            self.tmux("send-keys", key)
            self.until(words)
        # Several at a time, as on a machine that is slow to look.
        self.tmux("send-keys", "PageDown", "a", "Up", "m")
        self.until("the program holds them")
        self.tmux("send-keys", "c", "Down", "q")
        text = self.until("status 0")
        self.assertNotIn("SIZE CLASSES", text)
        self.assertIn(" icanon", text)
        self.assertIn(" echo ", text)

    def test_terminal_sizes(self):
        """The screen follows the terminal, down to nothing."""
        self.open()
        self.until("SIZE CLASSES")
        for width, height in ((60, 10), (200, 50), (30, 6), (80, 24)):
            self.tmux("resize-window", "-x", str(width), "-y", str(height))
            last = "q:quit" if width >= 80 else "jemalloc-top"
            text = ""

            def fits():
                nonlocal text
                text = self.tmux("capture-pane", "-p")
                lines = text.split("\n")
                return (last in text and "jemalloc-top" in lines[0] and
                        len(lines) <= height + 1)
            self.assertTrue(support.soon(fits), text)
        self.until("SIZE CLASSES")

    def test_terminal_end(self):
        """The process ends, and the last state stays; then it is stopped."""
        pid = self.open()
        self.until("SIZE CLASSES")
        os.kill(pid, signal.SIGKILL)
        self.until("SIZE CLASSES")
        self.tmux("send-keys", "C-c")
        self.until("status ")


for _name in dir(Top):
    if _name.startswith("test_"):
        setattr(Terminal, _name, None)
