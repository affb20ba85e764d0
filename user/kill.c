/* kill: kills processes by their ids. */
#include "user/user.h"

int main(int argc, char **argv)
{
	int status = 0, pid;

	if (argc < 2) {
		fprintf(2, "usage: kill ID...\n");
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		if (read_number(argv[i], &pid) < 0) {
			fprintf(2, "kill: %s: not a number\n", argv[i]);
			return 2;
		}
		if (kill(pid) < 0) {
			fprintf(2, "kill: %s: no such process\n",
				argv[i]);
			status = 1;
		}
	}
	return status;
}
