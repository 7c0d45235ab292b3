// Objects, buffers, maps and texts; zlib and hashes allocate outside the heap.
//
//	work.js ROUNDS
'use strict';
const crypto = require('crypto');
const zlib = require('zlib');

let total = 0;
let live = [];
for (let turn = 0; turn < Number(process.argv[2]); turn++) {
	let x = turn + 1;
	const byKey = new Map();
	for (let i = 0; i < 20000; i++) {
		x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
		live.push({
			block: Buffer.alloc(x % 12000, x & 255),
			text: String(x).repeat(x % 12),
		});
		byKey.set('k' + (x % 4001), live[live.length - 1]);
		if (live.length > 2000) {
			live = live.slice(x % 1500);
		}
	}
	const text = JSON.stringify([...byKey.values()].map((o) => o.text));
	total += JSON.parse(text).length + zlib.inflateSync(
		zlib.deflateSync(Buffer.from(text), { level: 1 })).length;
	for (let i = 0; i < 2000; i++) {
		const hash = crypto.createHash('sha1');
		hash.update(live[i % live.length].block.subarray(0, 2000));
		total += hash.digest()[0];
	}
}
console.log('total ' + total);
