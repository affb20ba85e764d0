/* poweroff: switches the machine off; QEMU ends with the status. */
#include "user/user.h"

int main(int argc, char **argv)
{
	int status = 0;

	if (argc > 2 ||
	    (argc == 2 && read_number(argv[1], &status) < 0)) {
		fprintf(2, "usage: poweroff [STATUS]\n");
		return 2;
	}
	poweroff(status);
	fprintf(2, "poweroff: %d: not a status that can be passed on\n",
		status);
	return 1;
}
