/* empty: a library without a function: what preloading as such costs. */

extern int bench_empty;
int bench_empty;
