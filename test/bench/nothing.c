/* nothing: the smallest program, to see what a preloaded library costs. */

int
main(void)
{
	return 0;
}
