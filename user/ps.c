/* ps: lists the processes. */
#include <info.h>
#include "user/user.h"

enum { PROCESSES = 512 };

static const char *state_name(int state)
{
	switch (state) {
	case PROCESS_RUNNABLE:
		return "runnable";
	case PROCESS_RUNNING:
		return "running";
	case PROCESS_SLEEPING:
		return "sleeping";
	case PROCESS_ZOMBIE:
		return "zombie";
	}
	return "?";
}

/* Frames of 4 KiB: promised, with the page tables, and in use as pages. */
static void print(const struct process_info *p)
{
	char cpu[12] = "-";

	if (p->state == PROCESS_RUNNING)
		snprintf(cpu, sizeof cpu, "%d", p->cpu);
	printf("%5d  %6d  %-8s  %3s  %8u  %8u  %s\n", p->pid, p->parent,
	       state_name(p->state), cpu, (unsigned)p->promised,
	       (unsigned)p->resident, p->name);
}

int main(int argc, char **argv)
{
	static struct process_info info[PROCESSES];
	int count;

	(void)argv;
	if (argc > 1) {
		fprintf(2, "usage: ps\n");
		return 2;
	}
	count = processes(info, PROCESSES);
	if (count < 0) {
		fprintf(2, "ps: the kernel does not say\n");
		return 1;
	}
	printf("%5s  %6s  %-8s  %3s  %8s  %8s  %s\n", "ID", "PARENT",
	       "STATE", "CPU", "PROMISED", "RESIDENT", "NAME");
	for (int i = 0; i < count; i++)
		print(&info[i]);
	return 0;
}
