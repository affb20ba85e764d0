/* free: how the memory is used. */
#include <info.h>
#include "user/user.h"

/* A frame has 4 KiB. */
static void print(const char *what, uint32_t frames)
{
	printf("%-12s %8u %10u\n", what, (unsigned)frames,
	       (unsigned)frames * 4);
}

int main(int argc, char **argv)
{
	struct memory_info info;

	(void)argv;
	if (argc > 1) {
		fprintf(2, "usage: free\n");
		return 2;
	}
	if (memory(&info) < 0) {
		fprintf(2, "free: the kernel does not say\n");
		return 1;
	}
	printf("               frames        KiB\n");
	print("all", info.frames);
	print("free", info.free);
	print("promised", info.promised);
	print("page tables", info.tables);
	return 0;
}
