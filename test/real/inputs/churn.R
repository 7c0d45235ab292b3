# Matrices, a list that grows, and a data frame.
x <- matrix(sin(1:90000), 300)
print(round(svd(x)$d[1:3], 4))
l <- list()
for (i in 1:5000) l[[i]] <- paste0("k", i, strrep("x", i %% 7))
print(sum(nchar(unlist(l))))
d <- data.frame(a = rep(1:100, 500), b = 1:50000)
print(head(aggregate(b ~ a, d, sum), 3))
