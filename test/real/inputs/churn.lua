-- A table of strings, and coroutines.
local t, n = {}, 0
for i = 1, 200000 do t[i % 5003] = ("x"):rep(i % 200) .. i end
for _, v in pairs(t) do n = n + #v end
print(n)
local c = {}
for i = 1, 100 do
	c[i] = coroutine.wrap(function()
		for j = 1, 100 do coroutine.yield({ j }) end
	end)
end
for i = 1, 100 do for _ = 1, 100 do n = n + c[i]()[1] end end
print(n)
