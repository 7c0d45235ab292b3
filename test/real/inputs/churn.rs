// Maps of strings and vectors in four threads.
use std::collections::{BTreeMap, HashMap};
use std::thread;

fn work(t: u64) -> (usize, usize) {
    let mut m = HashMap::new();
    let mut b = BTreeMap::new();
    for i in 0..50000u64 {
        let k = format!("k{}", i * 7919 % 20011 + t);
        m.insert(k.clone(), vec![i as u8; (i % 300) as usize]);
        b.insert(k, i);
    }
    (m.values().map(|v| v.len()).sum(), b.len())
}

fn main() {
    let handles: Vec<_> = (0..4).map(|t| thread::spawn(move || work(t))).collect();
    for h in handles {
        println!("{:?}", h.join().unwrap());
    }
}
