"""Threads that build, hand over and drop objects of all sizes."""
import hashlib
import queue
import threading


def work(seed, box, results):
    digest = hashlib.sha256()
    live = []
    x = seed
    for i in range(6000):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        size = x % 700 if i % 50 else x % 300000
        block = bytes([x & 255]) * size
        digest.update(block[:100])
        live.append({i: block, "words": [str(x)] * (x % 9)})
        if len(live) > 200:
            live = live[x % 150:]
        if i % 20 == 0:
            box.put(block)
            box.get()
    results[seed] = digest.hexdigest()


def main():
    for generation in range(3):
        box = queue.Queue()
        box.put(b"first")
        results = {}
        threads = [threading.Thread(target=work, args=(i, box, results))
                   for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for seed in sorted(results):
            print(generation, seed, results[seed])


main()
