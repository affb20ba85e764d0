/* monitor: has the kernel's monitor run a command. */
#include "user/user.h"

enum { ROOM = 4096 };           /* exec takes no more text than this */

int main(int argc, char **argv)
{
	static char command[ROOM];

	if (argc < 2) {
		fprintf(2, "usage: monitor COMMAND [ARGUMENT...]\n"
			   "`monitor help` lists the commands\n");
		return 2;
	}
	if (join(command, ROOM, argv + 1) < 0) {
		fprintf(2, "monitor: too many words\n");
		return 2;
	}
	return monitor(command);
}
