-- Tables, strings, closures, coroutines, sorting.
--
--	work.lua ROUNDS
local total = 0
local kept = {}
for turn = 1, tonumber(arg[1]) do
	local x = turn
	local words, rows, calls = {}, {}, {}
	for i = 1, 20000 do
		x = (x * 1103515245 + 12345) & 0x7fffffff
		local word = "word" .. x % 3000
		words[word] = (words[word] or 0) + 1
		rows[i] = { id = i, key = x % 499, text = ("ab"):rep(x % 200),
			list = { x, x % 7, x % 11 } }
		calls[i] = function() return rows[i].key + x end
	end
	table.sort(rows, function(a, b)
		return a.key < b.key or (a.key == b.key and a.id < b.id)
	end)
	local parts = {}
	for i = 1, #rows, 3 do
		parts[#parts + 1] = rows[i].text:sub(1, 30):upper()
	end
	local text, found = table.concat(parts, ","):gsub("BA", "<>")
	local walk = coroutine.wrap(function()
		for word, count in pairs(words) do coroutine.yield(count) end
	end)
	for count in walk do total = total + count end
	total = total + #text + found + calls[7]()
	kept[turn % 3] = rows
end
print("total " .. total)
