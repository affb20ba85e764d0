/*
 * large: a heap of three large pages of a PC, or six of a RISC-V, and
 * what becomes of its page table when it is touched, shared and cut.
 */
#include "user/user.h"

enum { PAGE = 4096, SPAN = 4 * 1024 * 1024, SIZE = 3 * SPAN };

static void show(const char *what)
{
	printf("large: %s\n", what);
	monitor("runs");
	vmprint(0);
}

int main(void)
{
	char *heap;
	int pid;

	sbrk(-(uintptr_t)sbrk(0) % SPAN);
	heap = sbrk(SIZE);
	if (heap == (char *)-1) {
		fprintf(2, "large: no memory\n");
		return 1;
	}
	for (int i = 0; i < 3; i++)
		heap[i * PAGE] = 1;
	show("three pages touched");
	for (int i = 0; i < SIZE; i += PAGE)
		heap[i] = 1;
	show("all pages touched");
	pid = fork();
	if (pid == 0) {
		heap[SPAN + 10 * PAGE] = 2;
		show("the child has stored into one");
		return 0;
	}
	wait(0);
	sbrk(10 * PAGE - SPAN);
	show("the end was given back");
	return pid < 0;
}
