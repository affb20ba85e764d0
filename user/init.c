/*
 * init: the first process.  It sees to it that there is a console,
 * keeps a shell running, and buries the children of those that ended
 * before them.
 */
#include "kernel/fcntl.h"
#include "kernel/file.h"
#include "kernel/stat.h"
#include "user/user.h"

/*
 * Makes the device that is called console, if there is a disk to make
 * it on.  On a kernel without one it is there already.
 */
static void make_console(void)
{
	struct stat unused;

	if (stat("/console", &unused) < 0)
		mknod("/console", CONSOLE, 0);
}

/* Sees to it that files 0, 1 and 2 are the console. */
static void open_console(void)
{
	struct stat unused;

	if (fstat(0, &unused) == 0)
		return;
	open("/console", O_RDWR);
	dup(0);
	dup(0);
}

/* Starts a shell; returns its id, or -1. */
static int start_shell(void)
{
	char *argv[] = { "sh", NULL };
	int pid = fork();

	if (pid < 0)
		fprintf(2, "init: cannot fork\n");
	if (pid != 0)
		return pid;
	exec("/sh", argv);
	fprintf(2, "init: /sh: cannot be run\n");
	exit(127);
}

/* Waits for children until SHELL is the one that ended. */
static void wait_for(int shell)
{
	int child, status = 0;

	do
		child = wait(&status);
	while (child >= 0 && child != shell);
	fprintf(2, "init: sh ended with status %d, here is another\n",
		status);
}

int main(void)
{
	make_console();
	open_console();
	for (;;) {
		int start = uptime(), shell = start_shell();

		if (shell >= 0)
			wait_for(shell);
		if (uptime() - start < TICKS_PER_SECOND / 10)
			sleep(TICKS_PER_SECOND);
	}
}
