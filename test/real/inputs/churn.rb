# Strings, hashes, threads, fibers, children, big numbers.
require 'digest'
require 'digest/sha2' # loaded by itself, two threads may meet half of it
require 'json'
require 'zlib'

def work(seed)
  digest = Digest::SHA256.new
  x = seed
  live = []
  15000.times do |i|
    x = (x * 1103515245 + 12345) & 0x7fffffff
    block = (x & 127).chr * (x % 3000)
    digest << block[0, 60]
    live << { block: block, text: x.to_s * (x % 9) }
    live = live.drop(x % 150) if live.size > 200
    digest << Zlib.crc32(live.map { |o| o[:text] }.to_json).to_s if i % 500 == 0
  end
  digest.hexdigest
end

puts 4.times.map { |i| Thread.new { work(i) } }.map(&:value)
children = 20.times.map do |i|
  reader, writer = IO.pipe
  pid = fork do
    reader.close
    writer.write(work(i)[0, 8])
    writer.close
    exit!(0)
  end
  writer.close
  text = reader.read
  Process.wait(pid)
  raise "child #{$?}" unless $?.success?
  text
end
puts children.join(' ')
puts (3**20000).to_s.size
puts (1..200_000).map { |i| "key#{i * 7919 % 20011}" }.tally.size
fibers = 2000.times.map { |i| Fiber.new { Fiber.yield 'f' * i; i } }
puts fibers.sum { |f| f.resume.size } + fibers.sum(&:resume)
GC.start
text = 'abc ' * 50_000
puts text.gsub(/b(.)/) { "<#{$1}>" }.size
