/* time: runs a program and tells how long it took. */
#include "user/user.h"

int main(int argc, char **argv)
{
	int start = uptime(), pid, ticks, status = 1;

	if (argc < 2) {
		fprintf(2, "usage: time PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	pid = fork();
	if (pid < 0) {
		fprintf(2, "time: cannot fork\n");
		return 1;
	}
	if (pid == 0) {
		execute(argv[1], argv + 1);
		fprintf(2, "time: %s: cannot be run\n", argv[1]);
		return 127;
	}
	wait(&status);
	ticks = uptime() - start;
	fprintf(2, "%d.%02d seconds\n", ticks / TICKS_PER_SECOND,
		ticks % TICKS_PER_SECOND);
	return status;
}
