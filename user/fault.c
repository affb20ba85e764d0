/* fault: does something forbidden; what will the kernel do? */
#include <stdbool.h>
#include "kernel/memlayout.h"
#include "user/user.h"

static void read_at(uintptr_t address)
{
	*(volatile char *)address;
}

static void null(void)
{
	read_at(0);
}

static void kernel(void)
{
	read_at(KERNBASE);
}

static void text(void)
{
	*(volatile char *)(uintptr_t)text = 0;
}

static void stack(void)
{
	volatile char frame[1024];

	frame[0] = 1;
	if (frame[0])
		stack();
	frame[1] = frame[0];
}

static void illegal(void)
{
	__builtin_trap();
}

/* Machine code that only returns: 0xc3 on i386, 0x8082 on riscv. */
static void data(void)
{
	static uint8_t code[4] __attribute__((aligned(4))) = {
		0xc3,
	};

#ifdef __riscv
	code[0] = 0x82;
	code[1] = 0x80;
#endif
	((void (*)(void))(uintptr_t)code)();
}

static const struct fault {
	const char *name;
	const char *help;
	void (*commit)(void);
} faults[] = {
	{ "null", "reads at address 0", null },
	{ "kernel", "reads the kernel's memory", kernel },
	{ "text", "writes to its own code", text },
	{ "stack", "calls itself without end", stack },
	{ "illegal", "executes what is no instruction", illegal },
	{ "data", "executes data (i386 cannot forbid it)", data },
};

enum { FAULTS = sizeof faults / sizeof *faults };

static int usage(void)
{
	fprintf(2, "usage: fault KIND\n");
	for (int i = 0; i < FAULTS; i++)
		fprintf(2, "  %-8s %s\n", faults[i].name,
			faults[i].help);
	return 2;
}

int main(int argc, char **argv)
{
	for (int i = 0; argc == 2 && i < FAULTS; i++) {
		if (strcmp(argv[1], faults[i].name) != 0)
			continue;
		faults[i].commit();
		fprintf(2, "fault: %s: nothing happened\n", argv[1]);
		return 1;
	}
	return usage();
}
