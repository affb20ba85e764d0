/*
 * reach: what can the kernel do to a program's memory by mistake?  It is
 * asked to read, write and execute pages of this program with ordinary
 * instructions, and not with those that copy.
 */
#include "user/user.h"

#ifdef __riscv
#define RETURN 0x67, 0x80, 0x00, 0x00
#else
#define RETURN 0xc3
#endif

static const unsigned char constant[] = { RETURN };
static unsigned char variable[] = { RETURN };

static void ask(const char *what, const void *address)
{
	char line[40];

	printf("%s: ", what);
	snprintf(line, sizeof line, "reach %p", address);
	monitor(line);
}

int main(void)
{
	/* A page has to be there: nobody makes one for a mistake. */
	*(volatile unsigned char *)variable = variable[0];
	ask("constant", constant);
	ask("variable", variable);
	ask("nothing", (void *)8);
	return 0;
}
