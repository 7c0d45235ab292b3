"""Children: spawned, forked while threads allocate, and piped to."""
import multiprocessing
import os
import subprocess
import sys
import threading

stop = False


def allocate():
    while not stop:
        x = [bytes(i * 10) for i in range(300)]
        del x


def square(n):
    data = [str(i) * 10 for i in range(n)]
    return n * n + len(data)


def main():
    global stop
    threads = [threading.Thread(target=allocate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(30):
        out = subprocess.run(["/bin/echo", str(i)], stdout=subprocess.PIPE,
                             check=True).stdout
        assert out == b"%d\n" % i
    for i in range(40):
        pid = os.fork()
        if pid == 0:
            x = [bytes(j) for j in range(500)]
            os._exit(len(x) % 256)
        assert os.waitpid(pid, 0)[1] == (500 % 256) << 8
    stop = True
    for thread in threads:
        thread.join()
    context = multiprocessing.get_context("fork")
    with context.Pool(4) as pool:
        print(sum(pool.map(square, range(2000), chunksize=20)))
    pipe = subprocess.run([sys.executable, "-c",
                           "import sys; print(len(sys.stdin.read()))"],
                          input="x" * 3000000, stdout=subprocess.PIPE,
                          text=True, check=True)
    print(pipe.stdout.strip())


main()
