/*
 * fsck IMAGE: is the file system in order?  Status 0: yes; 1: no, and it
 * is printed what is wrong; 2: it cannot be read.
 */
#include "image.h"
#include "files/check.h"

int main(int argc, char **argv)
{
	int complaints;

	program = "fsck";
	if (argc != 2)
		give_up("usage: fsck IMAGE");
	image_open(argv[1], 0);
	host_console = stdout;
	complaints = disk_check();
	return complaints == 0 ? 0 : complaints > 0 ? 1 : 2;
}
