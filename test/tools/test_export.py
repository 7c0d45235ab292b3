"""The option stats_export, as a program has it from outside."""
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

import support

# Takes memory for half a second, and goes on without taking more.
GROW = """
import os, sys, threading, time
def work():
    for i in range(%d):
        if i >= 50 and (UNTIL):
            break
        kept.append([bytes(1000 + i %% 50) for j in range(100)])
        if len(kept) > 200:
            del kept[0]
        time.sleep(0.01)
kept = []
threads = [threading.Thread(target=work) for i in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
""" % (support.PATIENCE * 100)


def grow(until="True"):
    """The program, which goes on until that holds."""
    return GROW.replace("UNTIL", until)


class Export(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = os.path.join(self.folder, "export")

    def run_program(self, program, conf, command=(sys.executable, "-c"),
                    **more):
        done = subprocess.run(
            [*command, program], stdin=subprocess.DEVNULL,
            env=support.environment(conf, PYTHONMALLOC="malloc"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=3 * support.PATIENCE, check=True, **more)
        return done.stdout.decode(), done.stderr.decode()

    def lines(self, path=None):
        with open(path or self.file, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def until_snapshots(self):
        """For grow(): there are several."""
        return "open(%r).read().count('\\n') > 5" % self.file

    def test_file(self):
        """Snapshots while threads work, in order, the last one at exit."""
        said = self.run_program(
            grow(self.until_snapshots()),
            "stats_export:%s,stats_export_ms:50" % self.file)
        self.assertEqual(said, ("", ""))
        lines = self.lines()
        self.assertGreater(len(lines), 3)
        times = [line["export"]["time_ms"] for line in lines]
        self.assertEqual(times, sorted(times))
        self.assertEqual(len({line["export"]["pid"] for line in lines}), 1)
        for line in lines:
            stats = line["jemalloc"]["stats"]
            self.assertGreater(stats["allocated"], 0)
            self.assertLessEqual(stats["allocated"], stats["active"])
        peak = max(line["jemalloc"]["stats"]["allocated"] for line in lines)
        self.assertGreater(peak, 10 << 20)
        self.assertGreater(max(line["export"]["rss"] for line in lines),
                           10 << 20)

    def test_forks(self):
        """Children leave the file alone, or have one each."""
        program = """
import os
for i in range(5):
    if os.fork() == 0:
        kept = [bytes(5000) for j in range(1000)]
        raise SystemExit
    os.wait()
"""
        self.run_program(program, "stats_export:%s" % self.file)
        self.assertEqual(
            len({line["export"]["pid"] for line in self.lines()}), 1)
        os.unlink(self.file)
        self.run_program(program, "stats_export:%s.%%p" % self.file)
        names = os.listdir(self.folder)
        self.assertEqual(len(names), 6)
        for name in names:
            for line in self.lines(os.path.join(self.folder, name)):
                self.assertEqual("export.%d" % line["export"]["pid"], name)

    def test_one_file_for_many(self):
        """Processes that share a file do not tear each other's lines."""
        self.run_program("; ".join(["echo x > /dev/null; grep -c x /dev/null"]
                                   * 10) + "; true",
                         "stats_export:%s" % self.file, ("sh", "-c"))
        self.assertGreater(
            len({line["export"]["pid"] for line in self.lines()}), 5)

    def test_idle(self):
        """A background thread exports when nobody allocates."""
        self.run_program(
            "import time\nfor i in range(%d):\n    time.sleep(1)\n"
            "    if %s:\n        break"
            % (support.PATIENCE, self.until_snapshots()),
            "stats_export:%s,stats_export_ms:100,background_thread:true"
            % self.file)
        self.assertGreater(len(self.lines()), 2)

    def test_interval(self):
        self.run_program(
            grow(), "stats_export:%s,stats_export_ms:-1,"
            "stats_interval:4000000" % self.file)
        self.assertIn(len(self.lines()), range(4, 30))

    def test_socket(self):
        """A viewer gets each snapshot; that it goes away is no matter."""
        enough = os.path.join(self.folder, "enough")
        with socket.socket(socket.AF_UNIX) as server:
            server.settimeout(support.PATIENCE)
            server.bind(self.file)
            server.listen(5)
            with subprocess.Popen(
                    [sys.executable, "-c",
                     grow("os.path.exists(%r)" % enough)],
                    stderr=subprocess.PIPE,
                    env=support.environment(
                        "stats_export:unix:%s,stats_export_ms:20" % self.file,
                        PYTHONMALLOC="malloc")) as program:
                for _ in range(3):
                    connection = server.accept()[0]
                    with connection, connection.makefile("rb") as stream:
                        text = stream.read()
                    pid = json.loads(text)["export"]["pid"]
                    self.assertEqual(pid, program.pid)
                server.close()
                with open(enough, "w", encoding="ascii"):
                    pass
                self.assertEqual(program.stderr.read(), b"")
                self.assertEqual(program.wait(support.PATIENCE), 0)

    def test_hostile(self):
        """What is at the path neither stops nor kills the program."""
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        link = os.path.join(self.folder, "link")
        os.symlink("/etc/passwd", link)
        for path, words in ((fifo, "not a regular file"),
                            (link, "symbolic links are not followed"),
                            (self.folder, "not a regular file"),
                            ("/dev/full", "not a regular file"),
                            ("/proc/no/such", "no such folder"),
                            ("x" * 3000, "path is too long")):
            out, err = self.run_program(
                grow() + "print('done')",
                "stats_export:%s,stats_export_ms:10" % path)
            self.assertEqual(out, "done\n")
            self.assertEqual(err.count("stats_export: cannot write"), 1, err)
            self.assertIn(words, err)

    def test_file_size_limit(self):
        """Where the process may not write more, it goes on without."""
        limit = (100000, 100000)
        out, err = self.run_program(
            grow("os.path.exists(%r)" % (self.file + ".old"))
            + "print('done')",
            "stats_export:%s,stats_export_ms:10" % self.file,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                  limit))
        self.assertEqual((out, err), ("done\n", ""))
        self.assertLessEqual(os.path.getsize(self.file), limit[0])
        self.assertEqual(sorted(os.listdir(self.folder)),
                         ["export", "export.old"])

    def test_closed_descriptors(self):
        """A program that closes all it did not open loses nothing."""
        self.run_program("import os; os.closerange(0, 100)\n"
                         + grow(self.until_snapshots()),
                         "stats_export:%s,stats_export_ms:50" % self.file)
        self.assertGreater(len(self.lines()), 3)

    def test_metrics_file(self):
        self.run_program(grow(), "stats_export:%s,stats_export_opts:Oa"
                         % self.file)
        with open(self.file, encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.endswith("# EOF\n"))
        self.assertEqual(text.count("# EOF"), 1)
        self.assertEqual(os.listdir(self.folder), ["export"])
