/* df: how the disk is used, and what was asked of it since boot. */
#include <info.h>
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "df", "", 1 };

/* A block has 4 KiB. */
static void print(const char *what, unsigned blocks)
{
	printf("%-8s %10u %12llu\n", what, blocks, blocks * 4ull);
}

int main(int argc, char **argv)
{
	struct filesystem_info info;

	(void)argv;
	if (argc > 1)
		usage();
	if (filesystem(&info) < 0)
		fail("disk", "there is none");
	printf("             blocks          KiB\n");
	print("all", info.blocks);
	print("used", info.blocks - info.free);
	print("free", info.free);
	print("cached", info.cached);
	print("dirty", info.dirty);
	printf("%u inodes in use; %u reads, %u writes, %u flushes\n",
	       info.inodes, info.reads, info.writes, info.flushes);
	return 0;
}
