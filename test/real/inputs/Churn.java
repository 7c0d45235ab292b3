/* Maps, compression and threads. */
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

public class Churn {
	static long work(int seed) {
		CRC32 crc = new CRC32();
		int x = seed;
		Map<String, byte[]> map = new HashMap<>();
		for (int i = 0; i < 20000; i++) {
			x = x * 1103515245 + 12345;
			byte[] block = new byte[(x >>> 8) % 3000];
			map.put("k" + (x >>> 8) % 500, block);
			if (i % 200 == 0) {
				Deflater deflater = new Deflater();
				deflater.setInput(block);
				deflater.finish();
				byte[] out = new byte[4000];
				crc.update(out, 0, deflater.deflate(out));
				deflater.end();
			}
		}
		return crc.getValue() + map.size();
	}

	public static void main(String[] args) throws Exception {
		long[] results = new long[4];
		List<Thread> threads = new ArrayList<>();
		for (int i = 0; i < 4; i++) {
			int at = i;
			threads.add(new Thread(() -> results[at] = work(at)));
		}
		for (Thread thread : threads) {
			thread.start();
		}
		for (Thread thread : threads) {
			thread.join();
		}
		for (long result : results) {
			System.out.println(result);
		}
	}
}
