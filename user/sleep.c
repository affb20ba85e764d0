/* sleep: waits for some seconds. */
#include <limits.h>
#include "user/user.h"

int main(int argc, char **argv)
{
	int seconds;

	if (argc != 2 || read_number(argv[1], &seconds) < 0 ||
	    seconds < 0) {
		fprintf(2, "usage: sleep SECONDS\n");
		return 2;
	}
	if (seconds > INT_MAX / TICKS_PER_SECOND) {
		fprintf(2, "sleep: %s: too long\n", argv[1]);
		return 1;
	}
	return sleep(seconds * TICKS_PER_SECOND) < 0;
}
