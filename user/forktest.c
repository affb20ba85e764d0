/*
 * forktest: forks until the kernel refuses, which it has to do before
 * there are 1000 processes, and waits for them all.
 */
#include "user/user.h"

enum { LIMIT = 1000 };

/* Children that do nothing but end; how many there could be. */
static int fork_all(void)
{
	int count, pid;

	for (count = 0; count < LIMIT; count++) {
		pid = fork();
		if (pid < 0)
			break;
		if (pid == 0)
			exit(0);
	}
	return count;
}

/* Waits for COUNT children, and no more; 0, or -1 with a message. */
static int wait_all(int count)
{
	for (int i = 0; i < count; i++) {
		int status = -1;

		if (wait(&status) < 0 || status != 0) {
			printf("forktest: only %d came back\n", i);
			return -1;
		}
	}
	if (wait(0) != -1) {
		printf("forktest: one more came back\n");
		return -1;
	}
	return 0;
}

int main(void)
{
	int count = fork_all();

	if (count == LIMIT)
		printf("forktest: fork never fails\n");
	if (wait_all(count) < 0 || count == LIMIT)
		return 1;
	printf("forktest: %d processes, OK\n", count);
	return 0;
}
