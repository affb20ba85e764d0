/* vmprint: the page table of a process, by default its own.  -r: raw, an
 * entry a line and the kernel's half with it, for programs. */
#include "user/tools.h"
#include "user/user.h"

const struct tool tool = { "vmprint", "[-r] [ID]", 2 };

/* The raw form is a command of the monitor. */
static int vmdump(int pid)
{
	char command[32];

	snprintf(command, sizeof command, "vmdump %d", pid);
	return monitor(command);
}

int main(int argc, char **argv)
{
	struct options options = { .argv = argv, .index = 1 };
	int pid = getpid(), raw = 0;
	char *id;

	while (next_option(&options, "r"))
		raw = 1;
	id = argv[options.index];
	if (id && (options.index + 1 < argc || read_number(id, &pid) < 0))
		usage();
	if (raw)
		return vmdump(pid);
	if (vmprint(pid) < 0) {
		complain(id, "no such process");
		return 1;
	}
	return 0;
}
