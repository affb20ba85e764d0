/* echo: writes its arguments, with blanks between them. */
#include <stdbool.h>
#include "user/user.h"

enum { ROOM = 4096 };           /* exec takes no more text than this */

int main(int argc, char **argv)
{
	static char line[ROOM];
	bool end = argc < 2 || strcmp(argv[1], "-n") != 0;
	int length;

	length = join(line, ROOM - 1, argv + (end ? 1 : 2));
	if (length < 0) {
		fprintf(2, "echo: too many words\n");
		return 1;
	}
	if (end)
		line[length++] = '\n';
	return write_all(1, line, length) < 0;
}
