"""The benchmark tools: that they measure, judge and draw what they say."""
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

import support

BENCH = os.path.join(support.ROOT, "test", "bench")
sys.path.insert(0, BENCH)
sys.dont_write_bytecode = True

import benchlib  # noqa: E402  (found in test/bench)
import picture  # noqa: E402
import programs  # noqa: E402
from results import Results  # noqa: E402


def tool(name):
    """A tool without an extension as a module."""
    loader = importlib.machinery.SourceFileLoader(
        "bench_" + name, os.path.join(BENCH, name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def sample(user, rss_kib, check=1, faults=None):
    """A run that took so many seconds and so much memory."""
    said = {"ops": 10, "check": check}
    if faults is not None:
        said["faults"] = faults
    return benchlib.Sample((0, user * 1e6, 0, user * 1e6, rss_kib, 5, 0, 0),
                           said)


class Judging(unittest.TestCase):
    def setUp(self):
        self.row = benchlib.Row("g", "row", "tm", "replace @10 7", "about")
        self.results = Results([self.row], {"jemalloc": "j", "peer": "p",
                                            "ours": "o"}, "jemalloc")

    def fill(self, **seconds):
        for name, values in seconds.items():
            for value in values:
                self.results.add(self.row, name, sample(value, 100), "")

    def test_ratio_is_of_the_fastest(self):
        self.fill(jemalloc=[2.0, 1.0], ours=[0.9, 0.5], peer=[1.0])
        self.assertAlmostEqual(
            self.results.ratio(self.row, "ours", "cpu"), 0.5)
        self.assertEqual(self.results.leader(self.row, "cpu"), "ours")
        self.assertEqual(self.results.leaders(), [])

    def test_peer_that_leads_is_found(self):
        self.fill(jemalloc=[1.0], ours=[0.9], peer=[0.8])
        (row, mine, best, ratio), = self.results.leaders()
        self.assertEqual((row.name, best), ("row", "peer"))
        self.assertAlmostEqual(mine / ratio, 0.9 / 0.8)

    def test_threads_take_the_median(self):
        self.row.flags = "tmp"
        self.fill(jemalloc=[1.0], ours=[0.1, 0.6, 0.7])
        self.assertAlmostEqual(
            self.results.ratio(self.row, "ours", "cpu"), 0.6)

    def test_geometric_mean(self):
        other = benchlib.Row("g", "other", "tm", "replace 1", "")
        self.results.rows.append(other)
        for name in self.results.allocators:
            self.results.samples["other", name] = []
        self.fill(jemalloc=[1.0], ours=[0.5])
        self.results.add(other, "jemalloc", sample(1.0, 100, 2), "")
        self.results.add(other, "ours", sample(2.0, 100, 2), "")
        self.assertAlmostEqual(self.results.mean("ours", "cpu"), 1.0)

    def test_faults_of_ours_fail(self):
        self.results.add(self.row, "peer", None, "died")
        self.assertFalse(self.results.ours_failed())
        self.results.add(self.row, "jemalloc", sample(1, 1, check=5), "")
        self.results.add(self.row, "ours", sample(1, 1, check=6), "")
        self.assertTrue(self.results.ours_failed())

    def test_lost_blocks_fail(self):
        self.results.add(self.row, "ours", sample(1, 1, faults=3), "")
        self.assertTrue(self.results.ours_failed())


class Rows(unittest.TestCase):
    def test_rows_and_programs_agree(self):
        rows = benchlib.read_rows()
        self.assertEqual(len({row.name for row in rows}), len(rows))
        named = {row.command[1] for row in rows if row.is_program()}
        self.assertEqual(named, set(programs.PROGRAMS))
        for row in rows:
            self.assertLessEqual(set(row.flags), set("tmp13w"))
            if not row.is_program() and row.command[0] != "containers":
                self.assertTrue(os.path.exists(
                    os.path.join(BENCH, row.command[0] + ".c")))

    def test_scale_changes_counts_only(self):
        row = benchlib.Row("g", "row", "t", "replace @1000 7", "")
        self.assertEqual(row.words(0.1), ["100", "7"])

    def test_selection(self):
        rows = benchlib.read_rows()
        chosen = [row.name for row in
                  benchlib.select_rows(rows, ["hot", "batches.*"])]
        self.assertEqual(chosen[0], "hot")
        self.assertIn("batches-2", chosen)
        with self.assertRaises(benchlib.BenchError):
            benchlib.select_rows(rows, ["no-such-row"])


class Counting(unittest.TestCase):
    def test_above_the_baseline(self):
        count = tool("count")
        known = {"hot": 42.0, "large": 1000.0}
        self.assertEqual(count.compare(
            "", known, {"hot": 42.1, "large": 1099}, True), [])
        self.assertEqual(len(count.compare(
            "", known, {"hot": 43.0, "large": 1101}, True)), 2)
        self.assertEqual(count.compare("", known, {"hot": 45.0}, False), [])
        self.assertEqual(len(count.compare("", known, {"new": 1}, True)), 1)

    def test_baseline_has_every_row(self):
        count = tool("count")
        baseline = count.load(count.BASELINE)
        self.assertEqual(set(baseline["rows"]),
                         {row[0] for row in count.ROWS})
        self.assertEqual(set(baseline["entries"]),
                         {entry[0] for entry in count.ENTRIES})

    def test_system_calls(self):
        self.assertEqual(tool("run").parse_strace(
            ["% time     seconds  usecs/call     calls    errors syscall",
             " 60.00    0.000060           3        20           mmap",
             " 40.00    0.000040           4        10         2 futex",
             "100.00    0.000100           3        30         2 total"]),
            {"mmap": 20, "futex": 10})

    def test_atomic_instructions(self):
        atomics = tool("scaling").Atomics("")
        atomics.known = {"/lib/a.so": {0x10, 0x30}}
        self.assertEqual(atomics.count(
            ["ob=/bin/program\n", "0x10 0 7\n", "ob=/lib/a.so\n",
             "0x10 0 5\n", "0x20 0 9\n", "calls=3 0x99 1\n",
             "0x30 0 1000\n", "0x30 0 2\n"]), 7)


class Pictures(unittest.TestCase):
    def check(self, path, words):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        xml.dom.minidom.parseString(text)
        for word in words:
            self.assertIn(word, text)

    def test_over_time(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.svg")
            picture.over_time("a < b & c", {"ours": [(0, 1), (1, 3)],
                                            "peer": [(0, 2), (1, 2)]},
                              [(0, 0), (1, 1)], path)
            self.check(path, ["ours, 2 on average", "a &lt; b &amp; c"])

    def test_ticks_are_round_and_inside(self):
        for low, high in ((0, 1), (0.37, 0.52), (0, 340), (12, 13)):
            marks = picture.ticks(low, high, 10)
            self.assertTrue(3 <= len(marks) <= 11, marks)
            self.assertTrue(all(low <= m <= high + 1e-6 for m in marks))


class Running(unittest.TestCase):
    def test_a_short_run(self):
        with tempfile.TemporaryDirectory() as folder:
            files = {key: os.path.join(folder, "out." + key)
                     for key in ("json", "svg", "markdown")}
            done = subprocess.run(
                [sys.executable, os.path.join(BENCH, "run"), "simple",
                 "server", "--scale", "0.02", "--repeat", "2", "--base",
                 "glibc", "--allocators", "glibc,ours", "--lib",
                 support.library, "--build-dir", folder]
                + [word for key, file in files.items()
                   for word in ("--" + key, file)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                timeout=6 * support.PATIENCE, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("Geometric means", done.stdout)
            with open(files["json"], encoding="ascii") as file:
                data = json.load(file)
            self.assertEqual(data["faults"], [])
            self.assertEqual(
                len(data["rows"]["server"]["results"]["ours"]["cpu_s"]), 2)
            Pictures.check(self, files["svg"], ["ours"])


if __name__ == "__main__":
    unittest.main()
