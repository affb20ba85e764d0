/* vmprint: prints a process's page table, by default its own. */
#include "user/user.h"

int main(int argc, char **argv)
{
	int pid = getpid();

	if (argc > 2 ||
	    (argc == 2 && read_number(argv[1], &pid) < 0)) {
		fprintf(2, "usage: vmprint [ID]\n");
		return 2;
	}
	if (vmprint(pid) < 0) {
		fprintf(2, "vmprint: %d: no such process\n", pid);
		return 1;
	}
	return 0;
}
