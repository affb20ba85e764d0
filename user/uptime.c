/* uptime: how long the machine has been running. */
#include "user/user.h"

int main(void)
{
	int ticks = uptime();

	printf("up %d.%02d seconds\n", ticks / TICKS_PER_SECOND,
	       ticks % TICKS_PER_SECOND);
	return 0;
}
