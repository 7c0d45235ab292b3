# Strings, hashes, arrays, symbols, regular expressions, marshalling.
#
#	work.rb ROUNDS
total = 0
kept = []
ARGV[0].to_i.times do |turn|
  x = turn + 1
  words = []
  rows = []
  20000.times do |i|
    x = (x * 1103515245 + 12345) & 0x7fffffff
    words << "word#{x % 2000}"
    rows << { id: i, key: x % 503, text: 'abcdefgh'[x % 8] * (x % 600),
              list: Array.new(x % 20, x) }
  end
  counts = words.tally
  groups = rows.group_by { |row| row[:key] }
  text = rows.map { |row| row[:text][0, 40] }.join(',')
  total += counts.size + groups.size + text.gsub(/[aeh]+/, '<\0>').size
  total += Marshal.load(Marshal.dump(rows.first(3000))).size
  rows.sort_by! { |row| [row[:key], row[:id]] }
  kept << rows.select { |row| row[:id] % 3 == 0 }
  kept.shift if kept.size > 3
end
puts "total #{total}"
