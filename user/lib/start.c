#include "user/user.h"

int main(int argc, char **argv);
void _start(int argc, char **argv);

/*
 * Where exec enters a program.  What it finds in the registers or on
 * the stack is what a call of this function would have put there.
 */
void _start(int argc, char **argv)
{
	exit(main(argc, argv));
}
