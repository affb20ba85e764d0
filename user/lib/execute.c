#include "kernel/param.h"
#include "user/user.h"

/*
 * Becomes the program NAME, which is in / unless a / in it says where.
 * Returns -1 if that fails.
 */
int execute(const char *name, char **argv)
{
	char path[MAXPATH];

	if (strchr(name, '/'))
		return exec(name, argv);
	if (snprintf(path, sizeof path, "/%s", name) >= MAXPATH)
		return -1;
	return exec(path, argv);
}
