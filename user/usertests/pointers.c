/* Tests of system calls with arguments that make no sense. */

/* Addresses that no program of ours owns. */
static const uintptr_t wild[] = {
	0, 1, 7, PAGE - 1, PAGE, STACK_BOTTOM - 1, STACK_BOTTOM - PAGE,
	USER_END - PAGE, USER_END - 8, USER_END - 1, USER_END,
	USER_END + 1, KERNEL_HALF, KERNEL_HALF + PAGE, KERNEL_TEXT,
	KERNEL_TEXT + 12345, UINTPTR_MAX - PAGE + 1, UINTPTR_MAX - 10,
	UINTPTR_MAX - 1, UINTPTR_MAX,
#ifdef __riscv
	0x80000000, 0x3fffffe000, 0x3ffffff000, 0x8000000000,
	0x7fffffffffffffff, 0x8000000000000000, 0xeaeb0b5b00002f5e,
	0xffffffc100000000, 0xffffffffc0002000,
#else
	0xf0000000, 0xf0002000, 0xc0000000, 0x7fffffff, 0xffc00000,
#endif
};

/* Do TRIAL for each of them, and for the end of the heap. */
static void each_wild(void (*trial)(void *))
{
	for (int i = 0; i < COUNT(wild); i++)
		trial((void *)opaque(wild[i]));
	trial(new_pages(1) + PAGE);
}

/* ---- Data going in ---- */

static void try_write(void *bad)
{
	check(write(1, bad, 8192) == -1, "write from %p", bad);
	check(write(1, bad, 1) == -1, "write of a byte at %p", bad);
}

static void copyin(void)
{
	each_wild(try_write);
}

/* ---- Data coming out ---- */

/* A failed read leaves the file where it was. */
static void try_read(void *bad)
{
	int fd = must_open(SELF);
	char head[4];

	check(read(fd, bad, 8192) == -1, "read to %p", bad);
	check(read(fd, bad, 1) == -1, "read of a byte to %p", bad);
	check(read(fd, head, 4) == 4, "read failed after %p", bad);
	check(head[1] == 'E' && head[2] == 'L', "the file has moved");
	close(fd);
}

static void copyout(void)
{
	each_wild(try_read);
}

static void try_fstat(void *bad)
{
	int fd = must_open(TEXT_FILE);

	check(fstat(fd, bad) == -1, "fstat to %p", bad);
	check(fstat(1, bad) == -1, "fstat of the console to %p", bad);
	close(fd);
}

static void wild_fstat(void)
{
	each_wild(try_fstat);
}

static void try_pipe(void *bad)
{
	check(pipe(bad) == -1, "pipe to %p", bad);
}

static void wild_pipe(void)
{
	each_wild(try_pipe);
}

/* A failed wait leaves the child for the next one. */
static void try_wait(void *bad)
{
	int pid;

	if (!bad)
		return;         /* means something: see waitnull */
	pid = spawn(exit_with, 40);
	await_state(pid, PROCESS_ZOMBIE);
	check(wait(bad) == -1, "wait to %p", bad);
	expect(pid, 40, "the child after a failed wait");
}

static void wild_wait(void)
{
	each_wild(try_wait);
}

/* ---- Names ---- */

static void try_name(void *bad)
{
	char *word[] = { "x", 0 };

	check(open(bad, O_RDONLY) == -1, "open(%p)", bad);
	check(open(bad, O_CREATE | O_WRONLY) == -1, "create %p", bad);
	check(exec(bad, word) == -1, "exec(%p)", bad);
	check(mknod(bad, 1, 1) == -1, "mknod(%p)", bad);
	check(unlink(bad) == -1, "unlink(%p)", bad);
	check(link(bad, "x") == -1, "link(%p, x)", bad);
	check(link(TEXT_FILE, bad) == -1, "link to %p", bad);
	check(mkdir(bad) == -1, "mkdir(%p)", bad);
	check(chdir(bad) == -1, "chdir(%p)", bad);
}

static void copyinstr1(void)
{
	each_wild(try_name);
}

/* Names that are too long, and arguments that are. */
static void copyinstr2(void)
{
	static char name[LONGEST_PATH + 2], big[PAGE + 1];
	char *word[] = { big, big, big, 0 };

	memset(name, 'b', LONGEST_PATH + 1);
	memset(big, 'x', PAGE);
	try_name(name);
	check(exec(SELF, word) == -1, "12 KiB of arguments");
}

/* A string that runs to the end of the heap, without an end. */
static void copyinstr3(void)
{
	char *end = new_pages(1) + PAGE;

	end[-1] = 'x';
	try_name(end - 1);
	memset(end - 20, 'x', 20);
	try_name(end - 20);
}

/* 11: a name may lie in, or run into, an untouched page. */
static void bug11_name_lazy(void)
{
	char *at = new_pages(3), *name = at + PAGE - strlen(TEXT_FILE);

	check(open(at + 2 * PAGE, O_RDONLY) == -1, "11: empty name");
	memmove(name, TEXT_FILE, strlen(TEXT_FILE));
	close(must_open(name));
}

/* ---- exec ---- */

static void try_exec(void *bad)
{
	char *first[] = { bad, 0 }, *second[] = { "x", bad, 0 };

	check(exec(SELF, bad) == -1, "exec with words at %p", bad);
	if (!bad)
		return;         /* ends the list */
	check(exec(SELF, first) == -1, "exec with a word at %p", bad);
	check(exec(SELF, second) == -1, "the second at %p", bad);
}

static void wild_exec(void)
{
	each_wild(try_exec);
}

/* ---- Weft's own calls ---- */

static void try_info(void *bad)
{
	check(processes(bad, 64) == -1, "processes(%p)", bad);
	check(memory(bad) == -1, "memory(%p)", bad);
}

static void try_monitor(void *bad)
{
	check(monitor(bad) == -1, "monitor(%p)", bad);
}

static void wild_info(void)
{
	struct process_info one;

	each_wild(try_info);
	each_wild(try_monitor);
	check(processes(&one, -1) == -1, "room for -1 processes");
	check(vmprint(-1) == -1, "vmprint(-1)");
	check(vmprint(0x7fffffff) == -1, "vmprint(2147483647)");
}

/* ---- Almost good ---- */

/* A read of which only the first byte has room moves nothing. */
static void read_across(char *last)
{
	int fd = must_open(SELF);
	char head[4];

	*last = 'R';
	check(read(fd, last, 2) == -1, "read");
	check(read(fd, head, 4) == 4, "read failed");
	check(head[1] == 'E' && head[2] == 'L', "the file has moved");
	close(fd);
}

/* The last byte before a page that is not there. */
static void heapedge(void)
{
	char *last = new_pages(1) + PAGE - 1;
	char **word = (char **)(last + 1) - 1;

	read_across(last);
	*last = 'R';
	check(write(1, last, 2) != 2, "write");
	try_fstat(last);
	try_pipe(last);
	try_wait(last);
	try_info(last);
	try_name(last);
	*word = "x";
	check(exec(SELF, word) == -1, "exec with an endless list");
}

/* Nor may the kernel write where the program may not. */
static void readonlytext(void)
{
	char *text = (char *)opaque((uintptr_t)readonlytext);
	char before[64];

	memmove(before, text, sizeof before);
	try_read(text);
	try_fstat(text);
	try_pipe(text);
	try_wait(text);
	try_info(text);
	check(memcmp(before, text, sizeof before) == 0,
	      "the text has changed");
}

/* Below the stack pointer there is nothing for the kernel either. */
static void belowstack(void)
{
	int fd = must_open(SELF);
	char *below = (char *)stack_pointer() - 4 * PAGE;

	check(read(fd, below, 10) == -1, "read below the stack");
	check(write(1, below, 10) == -1, "write from below the stack");
	close(fd);
}

/* Memory that was given back is not the program's any more. */
static void rwsbrk(void)
{
	char *at = grow(8192);
	int fd = must_open(SELF);

	sbrk(-8192);
	at = (char *)(((uintptr_t)at + PAGE - 1) & -(uintptr_t)PAGE);
	check(write(1, at, 1024) == -1, "write from freed memory");
	check(read(fd, at, 10) == -1, "read into freed memory");
	close(fd);
}

/* Every page from 0 to beyond the heap as the name of a file. */
static void validatetest(void)
{
	char *end = (char *)sbrk(0) + 1100 * 1024;

	for (char *at = 0; at < end; at += PAGE)
		check(link("nosuchfile", at) == -1, "link to %p", at);
}

/* A length that reaches below the start. */
static void argptest(void)
{
	int fd = must_open(TEXT_FILE);
	char *last = (char *)sbrk(0) - 1;

	check(read(fd, last, -1) == -1, "read of -1 bytes");
	close(fd);
}

/* 6, 22: a negative length is refused, by files and the console. */
static void bug06_negative_length(void)
{
	const int length[] = { -1, -4096, (int)0x80000000 };
	int fd = must_open(TEXT_FILE);
	char bytes[16];

	for (int i = 0; i < COUNT(length); i++) {
		int n = length[i];

		check(read(fd, bytes, n) == -1, "6: read %d", n);
		check(write(fd, bytes, n) == -1, "6: write %d", n);
		check(read(0, bytes, n) == -1, "6: console, read %d",
		      n);
		check(write(1, bytes, n) == -1, "6: console, write %d",
		      n);
	}
	check(read(fd, bytes, 16) == 16, "6: the file has moved");
	close(fd);
}

/* 22: lengths beyond all memory do not wrap around. */
static void bug22_huge_length(void)
{
	int fd = must_open(TEXT_FILE), got;
	char *at = new_pages(2);
	struct stat info;

	check(fstat(fd, &info) == 0, "22: fstat");
	got = read(fd, at, 0x7fffffff);
	check(got == -1 || got == (int)info.size || got == 2 * PAGE,
	      "22: read of 2 GiB returns %d", got);
	check(write(1, (char *)opaque(UINTPTR_MAX - 10), 100) == -1,
	      "22: write wraps around");
	check(read(fd, (char *)opaque(UINTPTR_MAX - 10), 100) <= 0,
	      "22: read wraps around");
	close(fd);
}

/* 38: no bytes are no bytes, at the very edge too. */
static void bug38_no_bytes(void)
{
	int fd = must_open(TEXT_FILE);
	char *at = new_pages(1), byte = 5;

	at[PAGE - 1] = 7;
	check(read(fd, at, 0) == 0, "38: read at a page's start");
	check(read(fd, at + PAGE - 1, 0) == 0, "38: read at its end");
	check(write(1, at, 0) == 0, "38: write");
	memmove(at + 1, at, 0);
	memmove(&byte, at, 0);
	memset(at + PAGE, 0, 0);
	check(byte == 5 && at[PAGE - 1] == 7 && at[1] == 0,
	      "38: something moved");
	close(fd);
}

/* 1: read() into the program's own text. */
static void bug01_read_into_text(void)
{
	char *text = (char *)opaque((uintptr_t)burrow);
	int fd = must_open(TEXT_FILE), first = text[0];

	check(read(fd, text, 100) == -1, "1: read into text");
	check(text[0] == first, "1: the text has changed");
	check(burrow(3) == 3, "1: the text does not work");
	close(fd);
}

/* 42: text is not writable, for the program itself. */
static void bug42_text_writable(void)
{
	check(dies(write_byte, (uintptr_t)burrow), "42: text written");
}

/* 37: addresses at the end of user memory and beyond. */
static void bug37_end_of_memory(void)
{
	try_write((void *)opaque(USER_END - 1));
	try_read((void *)opaque(USER_END - 1));
	try_write((void *)opaque(USER_END));
	try_read((void *)opaque(USER_END));
	check(dies(write_byte, USER_END), "37: written");
}

/* ---- Heap sizes ---- */

/* 4: shrinking by more than there is fails. */
static void bug04_shrink_too_far(void)
{
	const int size[] = { -100000000, -0x7fffffff,
			     (int)0x80000000 };
	char *end = sbrk(0);

	for (int i = 0; i < COUNT(size); i++) {
		check(sbrk(size[i]) == NOWHERE, "4: sbrk(%d) succeeds",
		      size[i]);
		check(sbrk(0) == end, "4: the break moved");
	}
}

/* 15: break and size are not mixed up with ints. */
static void bug15_sbrk_int(void)
{
	char *start = sbrk(0), *at;
	int steps = 0;

	while (steps < 6) {
		at = sbrk(0x40000000);
		if (at == NOWHERE)
			break;
		check(at == start + steps * 0x40000000UL, "15: at %p",
		      at);
		at[0x3fffffff] = 1;
		steps++;
	}
	check((char *)sbrk(0) == start + steps * 0x40000000UL,
	      "15: the break is %p", sbrk(0));
	for (; steps; steps--)
		grow(-0x40000000);
	check(sbrk(0) == start, "15: it did not shrink");
}

/* 36: to the heap's start, and to where no page starts. */
static void bug36_sbrk_unaligned(void)
{
	char *start = sbrk(0), *at;

	for (int size = 1; size < 4 * PAGE; size += 511) {
		at = grow(size);
		at[0] = at[size - 1] = 1;
		sbrk(-size);
		check(sbrk(0) == start, "36: the break moved");
	}
	check(sbrk(-(int)(uintptr_t)start) == NOWHERE, "36: to 0");
	check(sbrk(0) == start, "36: the break moved");
}

/* 51: all pages come back when the heap shrinks. */
static void bug51_shrink_leak(void)
{
	uint32_t before;

	sleep(3);               /* as memoryinfo does */
	grow(300 * PAGE)[0] = 1;
	sbrk(-300 * PAGE);
	before = memory_now().free;
	for (int i = 0; i < rounds(50); i++) {
		fill(new_pages(300), 300 * PAGE, i);
		sbrk(-300 * PAGE);
	}
	check(memory_now().free + 20 >= before, "51: %d frames lost",
	      (int)(before - memory_now().free));
}

/* ---- Numbers ---- */

static void badnumber(void)
{
	const long number[] = { 0, -1, 200, 999, 100000, 0x7fffffff,
				-0x7fffffff - 1 };

	for (int i = 0; i < COUNT(number); i++)
		check(raw_call(number[i], 1, 2, 3) == -1,
		      "system call %d", (int)number[i]);
	check(raw_call(11, 0, 0, 0) == getpid(), "number 11");
}

#ifdef __riscv
/* A number is an int: what is above it in the register is nothing. */
static void widenumber(void)
{
	const long high = 1L << 32;
	int fd = must_open(TEXT_FILE);
	char byte;

	check(raw_call(10, fd | high << 20, 0, 0) <= 20, "dup");
	check(raw_call(5, fd | high, (long)&byte, 1) <= 1, "read");
	check(raw_call(6, high, 0, 0) == -1, "kill");
	check(raw_call(21, fd | high, 0, 0) <= 0, "close");
	check(raw_call(21, 1 | -high, 0, 0) <= 0, "close");
	check(raw_call(13, -high, 0, 0) <= 0, "sleep");
	check(raw_call(16, 90 | high, (long)&byte, 1) == -1, "write");
	close(fd);
}
#endif

static const struct test pointer_tests[] = {
	{ "copyin", copyin, QUICK },
	{ "copyout", copyout, QUICK },
	{ "copyinstr1", copyinstr1, QUICK },
	{ "copyinstr2", copyinstr2, QUICK },
	{ "copyinstr3", copyinstr3, QUICK },
	{ "rwsbrk", rwsbrk, QUICK },
	{ "validatetest", validatetest, QUICK },
	{ "argptest", argptest, QUICK },
	{ "wild_fstat", wild_fstat, QUICK },
	{ "wild_pipe", wild_pipe, QUICK },
	{ "wild_wait", wild_wait, QUICK },
	{ "wild_exec", wild_exec, QUICK },
	{ "wild_info", wild_info, QUICK },
	{ "heapedge", heapedge, QUICK },
	{ "readonlytext", readonlytext, QUICK },
	{ "belowstack", belowstack, QUICK },
	{ "badnumber", badnumber, QUICK },
#ifdef __riscv
	{ "widenumber", widenumber, QUICK },
#endif
	{ "bug01_read_into_text", bug01_read_into_text, QUICK },
	{ "bug04_shrink_too_far", bug04_shrink_too_far, QUICK },
	{ "bug06_negative_length", bug06_negative_length, QUICK },
	{ "bug11_name_lazy", bug11_name_lazy, QUICK },
	{ "bug15_sbrk_int", bug15_sbrk_int, QUICK },
	{ "bug22_huge_length", bug22_huge_length, QUICK },
	{ "bug36_sbrk_unaligned", bug36_sbrk_unaligned, QUICK },
	{ "bug37_end_of_memory", bug37_end_of_memory, QUICK | KILLS },
	{ "bug38_no_bytes", bug38_no_bytes, QUICK },
	{ "bug42_text_writable", bug42_text_writable, QUICK | KILLS },
	{ "bug51_shrink_leak", bug51_shrink_leak, QUICK },
};
