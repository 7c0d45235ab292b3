"""Locks all memory and goes on allocating."""
import ctypes
import hashlib
import threading


def work(results, seed):
    digest = hashlib.sha256()
    for i in range(300):
        block = bytes((seed + i) % 256 for _ in range(200)) * (i % 900)
        digest.update(block)
        zero = bytearray(i * 3000)
        assert not any(zero[::4096])
        zero[:] = b"x" * len(zero)
    results[seed] = digest.hexdigest()


def main():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(3) != 0:
        print("not allowed")
        return
    results = {}
    threading.stack_size(256 * 1024)
    threads = [threading.Thread(target=work, args=(results, i))
               for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in sorted(results):
        print(seed, results[seed])
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith("VmLck:"):
                print("below 1 GB:", int(line.split()[1]) < 1000000)


main()
