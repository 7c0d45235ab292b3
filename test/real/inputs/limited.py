"""Memory runs out, is caught, and the program goes on."""
import threading


def fill(size):
    blocks = []
    try:
        while True:
            blocks.append(bytearray(size))
    except MemoryError:
        count = len(blocks)
        del blocks
        return count * size


def main():
    for size in (1 << 20, 20 << 20, 100000, 3 << 20):
        got = fill(size)
        print("at least 300 MB in blocks of", size, got > 300e6)
    threads = [threading.Thread(target=fill, args=(1 << 20,))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(range(1000)), len(str([i for i in range(100000)])))


main()
