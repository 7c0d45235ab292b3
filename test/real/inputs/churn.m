% Matrices, cells of strings, and a structure.
a = mod((1:300)' * (1:300), 17);
disp(sum(sum(a * a)));
c = {};
for i = 1:2000
  c{i} = repmat("x", 1, mod(i, 500));
end
disp(numel(strjoin(c, ",")));
s = struct();
for i = 1:300
  s.(sprintf("f%d", i)) = zeros(10);
end
disp(numel(fieldnames(s)));
