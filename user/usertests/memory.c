/* Tests of the heap, the stack and what may be done where. */

/* ---- sbrk ---- */

/* One byte at a time, then across a fork; the break is exact. */
static void sbrkbasic(void)
{
	char *expected = sbrk(0);
	int pid;

	for (int i = 0; i < 5000; i++) {
		char *at = sbrk(1);

		check(at == expected, "step %d: at %p, not %p", i, at,
		      expected);
		*at = 1;
		expected = at + 1;
	}
	pid = must_fork();
	check(sbrk(1) == expected, "the break changed in fork");
	check(sbrk(1) == expected + 1, "the break did not follow");
	if (pid == 0)
		exit(OK);
	expect(pid, OK, "the child");
}

/* PARTS tenths of what can be had in bytes, at most MEGABYTES. */
static int tenths(int parts, int megabytes)
{
	uint32_t pages = available_pages() / 10 * parts;
	uint32_t most = megabytes * 256;

	return (pages < most ? pages : most) * PAGE;
}

/* Bytes of a large heap: 100 MiB, where there are so many. */
static int large_heap(void)
{
	return tenths(6, 100);
}

/* A large heap is usable at both ends, and shrinks again. */
static void sbrkmuch(void)
{
	char *start = new_pages(0);
	char *last;

	grow(large_heap());
	last = (char *)sbrk(0) - 1;
	*start = 1;
	*last = 99;
	check(sbrk(-PAGE) == last + 1, "shrinking by a page failed");
	check(sbrk(0) == last + 1 - PAGE, "the break is wrong");
	check(sbrk(PAGE) == last + 1 - PAGE, "growing again failed");
	check(*last == 0, "the page that came back holds %d", *last);
	check(sbrk(start - (char *)sbrk(0)) == last + 1,
	      "shrinking to the start failed");
	check(sbrk(0) == start, "the break is not at the start");
}

static void read_from_and_beyond(uintptr_t address)
{
	for (; address < USER_END; address += PAGE)
		read_byte(address);
}

/* What was given back is gone, in whole pages. */
static void sbrkgone(void)
{
	char *at = new_pages(2);

	at[0] = at[PAGE] = 1;
	sbrk(-PAGE);
	check(at[0] == 1, "the wrong page went");
	check(dies(read_byte, (uintptr_t)at + PAGE), "the page stayed");
	check(dies(write_byte, (uintptr_t)at + PAGE), "it was written");
	sbrk(-PAGE + 10);
	check(at[0] == 1, "a page went with bytes of it in use");
}

/* A child: reserve SIZE bytes, if they can be had, and hold them. */
static void hold_much(uintptr_t size)
{
	char *at = sbrk((int)size);

	if (at != NOWHERE) {
		for (uintptr_t i = 0; i < size; i += 64 * PAGE)
			at[i] = 1;
	}
	for (;;)
		sleep(1000);
}

static void read_too_much(uintptr_t size)
{
	char *at = sbrk((int)size);

	if (at == NOWHERE)
		exit(OK);
	for (uintptr_t i = 0; i < size; i += PAGE)
		read_byte((uintptr_t)at + i);
}

/*
 * Memory runs out in some process: the others go on.  Three of the children
 * get what they want, and a tenth stays: enough to make the other seven.
 */
static void sbrkfail(void)
{
	int pid[10], status, each = tenths(3, 100);
	char *mine;

	for (int i = 0; i < COUNT(pid); i++)
		pid[i] = spawn(hold_much, each);
	for (int i = 0; i < COUNT(pid); i++)
		await_state(pid[i], PROCESS_SLEEPING);
	mine = new_pages(1);
	*mine = 1;
	for (int i = 0; i < COUNT(pid); i++)
		kill(pid[i]);
	for (int i = 0; i < COUNT(pid); i++) {
		check(wait(&status) > 0, "a child is missing");
		check(status == KILLED, "a child has status %d",
		      status);
	}
	status = status_of(spawn(read_too_much, 1 << 30));
	check(status == OK || status == KILLED, "status %d", status);
}

/* System calls take and fill pages that were never touched. */
static void sbrkarg(void)
{
	int fd = must_open(TEXT_FILE), pid;
	char *at = new_pages(3);
	struct stat *info = (struct stat *)(at + PAGE);
	int *status = (int *)(at + 2 * PAGE);

	check(read(fd, at, 16) == 16, "read into a fresh page failed");
	check(!zero(at, 16), "read did not fill it");
	check(fstat(fd, info) == 0, "fstat into a fresh page failed");
	check(info->type == T_FILE, "fstat says type %d", info->type);
	close(fd);
	pid = must_fork();
	if (pid == 0)
		exit(77);
	check(wait(status) == pid, "wait into a fresh page failed");
	check(*status == 77, "wait says %d", *status);
}

/* Shrinking below the heap's start fails and changes nothing. */
static void sbrkbugs(void)
{
	char *old = sbrk(0);
	int size = (int)(uintptr_t)old;

	check(sbrk(-size) == NOWHERE, "shrunk to 0");
	check(sbrk(-(size - 3500)) == NOWHERE, "shrunk to 3500");
	check(sbrk(-(size - IMAGE)) == NOWHERE, "image given away");
	check(sbrk(0) == old, "the break moved");
	grow(10 * PAGE + 2048);
	sbrk(-10);
	exit(OK);
}

/* A break just after a page's start: the page can be used. */
static void sbrklast(void)
{
	char *name;
	int fd;

	new_pages(1);
	grow(10);
	sbrk(-20);
	name = (char *)sbrk(0) - 64;
	strcpy(name, TEXT_FILE);
	fd = must_open(name);
	check(read(fd, name, 1) == 1, "read failed");
	close(fd);
}

/* A size with the top bit set shrinks, so it fails. */
static void sbrk8000(void)
{
	char *old = sbrk(0);
	volatile char *last;

	sbrk((int)0x80000004);
	last = (char *)sbrk(0) - 1;
	check(last == old - 1, "the break moved to %p", last + 1);
	*last = *last + 1;
}

/* Grow and shrink by every odd amount; the contents stay. */
static void sbrktest(void)
{
	char *start = new_pages(0);

	for (int size = 8; size < 40 * PAGE; size += 5 * 332) {
		grow(size);
		fill(start, size & ~3, size);
		check(intact(start, size & ~3, size), "size %d", size);
		check(sbrk(-size) == start + size, "shrink %d", size);
	}
	check(sbrk(0) == start, "the break is %p", sbrk(0));
	check(dies(read_from_and_beyond, (uintptr_t)start),
	      "there is memory after the heap");
}

/* Pages are zero at first, and zero again after shrink and grow. */
static void lazyzero(void)
{
	const int pages = 64;
	char *at = new_pages(pages);

	check(zero(at, pages * PAGE), "fresh pages are not zero");
	fill(at, pages * PAGE, 3);
	sbrk(-pages * PAGE / 2 - 100);
	grow(pages * PAGE / 2 + 100);
	check(intact(at, pages * PAGE / 2 - PAGE, 3),
	      "pages that stayed have changed");
	check(zero(at + pages * PAGE / 2, pages * PAGE / 2),
	      "pages that came back are not zero");
}

/* As lazyzero, with the break inside of a page that is kept. */
static void shrinkzero(void)
{
	char *at = new_pages(2);

	fill(at, 2 * PAGE, 5);
	sbrk(-PAGE - 1000);
	check(intact(at, PAGE - 1000, 5), "bytes that stayed changed");
	grow(PAGE + 1000);
	check(zero(at + PAGE, PAGE), "a page that came back is used");
}

/* malloc() until it fails, free all, and there is memory again. */
static void mem(void)
{
	void **list = 0, **next;

	while ((next = malloc(10001))) {
		*next = list;
		list = next;
	}
	check(list, "malloc never worked");
	for (; list; list = next) {
		next = *list;
		free(list);
	}
	next = malloc(20 * 1024);
	check(next, "malloc fails after all was freed");
	free(next);
}

static void touch_promised(uintptr_t size)
{
	char *at = sbrk((int)size);

	if (at == NOWHERE)
		exit(2);
	sleep(3);
	for (uintptr_t i = 0; i < size; i += PAGE)
		at[i] = 1;
}

/* What sbrk() has promised can be touched, by all at once. */
static void promise(void)
{
	int size = tenths(2, 1000), status, granted = 0;

	for (int i = 0; i < 8; i++)
		spawn(touch_promised, size);
	for (int i = 0; i < 8; i++) {
		check(wait(&status) > 0, "a child is missing");
		check(status == OK || status == 2, "status %d", status);
		granted += status == OK;
	}
	check(granted >= 3, "only %d of 8 got a fifth", granted);
}

/* fork() promises as well: both may write all, or there is no fork. */
static void forkpromise(void)
{
	int size = tenths(6, 1000), pid;
	char *at = grow(size);

	pid = fork();
	for (int i = 0; i < size; i += PAGE)
		at[i] = 1;
	if (pid == 0)
		exit(OK);
	if (pid > 0)
		expect(pid, OK, "the child");
}

/* memory() counts what a program takes and gives back. */
static void memoryinfo(void)
{
	struct memory_info before, with, after;
	char *at;

	sleep(3);               /* until the watchdog sleeps, too */
	before = memory_now();
	at = new_pages(256);
	fill(at, 256 * PAGE, 1);
	with = memory_now();
	sbrk(-256 * PAGE);
	after = memory_now();
	check(before.free < before.frames, "all of it is free");
	check(with.free + 256 <= before.free, "256 pages cost %d",
	      (int)(before.free - with.free));
	/* Other processors may be moving a few meanwhile. */
	check(after.free + 32 >= with.free + 256, "only %d came back",
	      (int)(after.free - with.free));
	check(before.tables > 0, "no page tables");
}

/* ---- Layout ---- */

static char data_byte = 1;
static char bss_bytes[10000];
static const char constant_text[] = "constant";

static void bsstest(void)
{
	check(zero(bss_bytes, sizeof bss_bytes), "bss is not zero");
}

/* Stack below image, image at its address, heap directly above. */
static void layout(void)
{
	uintptr_t here = (uintptr_t)&here, end = (uintptr_t)sbrk(0);
	uintptr_t bss = (uintptr_t)bss_bytes + sizeof bss_bytes;

	check(here >= STACK_BOTTOM && here < IMAGE, "stack at %p",
	      (void *)here);
	check((uintptr_t)layout >= IMAGE, "code at %p", (void *)layout);
	check(end >= bss && end < bss + 64 * PAGE, "heap at %p",
	      (void *)end);
	check(dies(read_byte, STACK_BOTTOM - 1), "below the stack");
	check(dies(write_byte, STACK_BOTTOM - PAGE), "further below");
}

/* Kernel memory is no program's. */
static void kernmem(void)
{
	const uintptr_t start[] = { KERNEL_HALF, KERNEL_TEXT,
				    0x80000000UL };

	for (int i = 0; i < COUNT(start); i++) {
		for (int step = 0; step < 10; step++) {
			uintptr_t at = start[i] + step * 50000;

			check(dies(read_byte, at), "read %p",
			      (void *)at);
			check(dies(write_byte, at), "wrote %p",
			      (void *)at);
		}
	}
}

/* Nor is anything from the end of user memory on. */
static void MAXVAplus(void)
{
	for (uintptr_t at = USER_END; at; at <<= 1) {
		check(dies(write_byte, at), "wrote %p", (void *)at);
		check(dies(write_byte, at - 1), "wrote %p",
		      (void *)(at - 1));
	}
	check(dies(write_byte, -1UL), "wrote the last byte");
	check(dies(read_byte, -1UL), "read the last byte");
}

static void nullread(void)
{
	check(dies(read_byte, 0), "read from 0");
	check(dies(read_byte, 8), "read from 8");
	check(dies(read_byte, PAGE - 1), "read from 4095");
}

static void nullwrite(void)
{
	check(dies(write_byte, 0), "wrote to 0");
	check(dies(write_byte, PAGE - 1), "wrote to 4095");
}

static void nulljump(void)
{
	check(dies(jump, 0), "jumped to 0");
	check(dies(jump, PAGE - 2), "jumped to 4094");
}

static void kerneljump(void)
{
	check(dies(jump, KERNEL_TEXT), "jumped to the kernel");
	check(dies(jump, KERNEL_HALF), "jumped to its half");
	check(dies(jump, USER_END), "jumped to the border");
	check(dies(jump, -4UL), "jumped to the end");
}

/* Code is not writable. */
static void textwrite(void)
{
	check(dies(write_byte, (uintptr_t)textwrite), "wrote text");
	check(dies(write_byte, IMAGE), "wrote the first byte");
	check(dies(write_byte, (uintptr_t)constant_text),
	      "wrote a constant");
}

#ifdef __riscv
/* Where the page table can say so, data is not code. */
static void noexec(void)
{
	/* c.jr ra, twice: returns if it runs. */
	static uint32_t code[4] = { 0x80828082, 0x80828082 };
	uint32_t on_stack[4] = { 0x80828082, 0x80828082 };
	uint32_t *heap = (uint32_t *)new_pages(1);

	heap[0] = heap[1] = 0x80828082;
	asm volatile("fence.i" : : "r"(on_stack) : "memory");
	check(dies(jump, (uintptr_t)heap), "the heap is executable");
	check(dies(jump, (uintptr_t)code), "data is executable");
	check(dies(jump, (uintptr_t)on_stack), "the stack is");
}
#endif

/* ---- Stack ---- */

static uintptr_t stack_pointer(void)
{
	uintptr_t sp;

#ifdef __riscv
	asm volatile("mv %0, sp" : "=r"(sp));
#else
	asm volatile("movl %%esp, %0" : "=r"(sp));
#endif
	return sp;
}

static void touch_below_stack(uintptr_t distance)
{
	read_byte(stack_pointer() - distance);
}

/* A page below the stack pointer nothing may be touched. */
static void stacktest(void)
{
	check(dies(touch_below_stack, PAGE), "touched a page below sp");
	check(dies(touch_below_stack, 3 * PAGE), "touched 3 below");
}

/* DEPTH frames of more than a KiB; their number. */
static NOINLINE int burrow(int depth)
{
	volatile char frame[1024];

	opaque((uintptr_t)frame);       /* or it could be shared */
	frame[0] = 1;
	if (depth > 1)
		return burrow(depth - 1) + frame[0];
	return frame[0];
}

static void burrow_too_deep(uintptr_t unused)
{
	(void)unused;
	burrow(80);
}

/*
 * The stack grows by itself: to its 64 KiB and not beyond, in a kernel
 * that cannot make it longer.
 */
static void stackgrows(void)
{
	check(burrow(50) == 50, "50 KiB of stack");
	if (!mappings)
		check(dies(burrow_too_deep, 0), "80 KiB of stack");
}

/* Endless recursion ends in a kill. */
static void recurse(uintptr_t unused)
{
	(void)unused;
	burrow(0x7fffffff);
}

static void stackoverflow(void)
{
	check(dies(recurse, 0), "endless recursion ended well");
}

/* A frame of many pages, of which the kernel touches the first. */
static void stackkernel(void)
{
	char frame[40 * 1024];
	int fd = must_open(SELF);

	check(read(fd, frame, sizeof frame) == sizeof frame,
	      "read into the stack failed");
	check(frame[1] == 'E' && frame[2] == 'L', "it read nonsense");
	close(fd);
}

/* ---- Copy on write ---- */

enum { COW_PAGES = 32, COW_BYTES = COW_PAGES * PAGE };

/* Parent and child each see their own writes, and no others. */
static void cow(void)
{
	char *at = new_pages(COW_PAGES), *half = at + COW_BYTES / 2;
	int pid;

	fill(at, COW_BYTES / 2, 1);
	fill(half, COW_BYTES / 2, 2);
	pid = must_fork();
	if (pid == 0) {
		sleep(2);
		check(intact(at, COW_BYTES / 2, 1) &&
		      intact(half, COW_BYTES / 2, 2),
		      "the child sees the parent's writes");
		fill(at, COW_BYTES, 3);
		check(intact(at, COW_BYTES, 3), "the child lost one");
		exit(OK);
	}
	fill(at, COW_BYTES / 2, 4);
	expect(pid, OK, "the child");
	check(intact(at, COW_BYTES / 2, 4), "the parent lost a write");
	check(intact(half, COW_BYTES / 2, 2),
	      "the parent sees the child's writes");
}

/*
 * Process LEFT of a line of descendants: it owns one page, sees those
 * of its ancestors as they were, and has a child.
 */
static void generation(char *at, int left)
{
	int pid;

	for (int i = left; i < COW_PAGES; i++)
		check(intact(at + i * PAGE, PAGE, i),
		      "generation %d: page %d", left, i);
	if (left == 0)
		return;
	fill(at + (left - 1) * PAGE, PAGE, left - 1);
	pid = must_fork();
	if (pid == 0) {
		generation(at, left - 1);
		exit(OK);
	}
	fill(at + left / 2 * PAGE, PAGE, 1000);
	expect(pid, OK, "a descendant");
	check(intact(at + left / 2 * PAGE, PAGE, 1000), "page lost");
}

static void cowgenerations(void)
{
	generation(new_pages(COW_PAGES), COW_PAGES);
}

/*
 * A child: AT has to keep the pattern 7, for SIZE bytes, while the
 * parent has the kernel write to it.
 */
static int watch_page(const char *at)
{
	int pid = must_fork();

	if (pid == 0) {
		sleep(5);
		check(intact(at, PAGE, 7), "the child saw the write");
		exit(OK);
	}
	return pid;
}

/* The kernel writes to a shared page: only the caller sees it. */
static void cowread(void)
{
	char *at = new_pages(1);
	int fd = must_open(SELF), pid;

	fill(at, PAGE, 7);
	pid = watch_page(at);
	check(read(fd, at, 100) == 100, "read failed");
	check(at[1] == 'E', "the caller does not see it");
	expect(pid, OK, "the child");
	close(fd);
}

static void cowfstat(void)
{
	char *at = new_pages(1);
	int fd = must_open(SELF), pid;

	fill(at, PAGE, 7);
	pid = watch_page(at);
	check(fstat(fd, (struct stat *)at) == 0, "fstat failed");
	check(((struct stat *)at)->type == T_FILE, "not a file");
	expect(pid, OK, "the child");
	close(fd);
}

static void cowwait(void)
{
	int *at = (int *)new_pages(1), watcher, status, pid;

	fill(at, PAGE, 7);
	watcher = watch_page((char *)at);
	pid = must_fork();
	if (pid == 0)
		exit(77);
	check(wait(at) == pid, "wait failed");
	check(*at == 77, "the caller does not see the status");
	check(wait(&status) == watcher, "the watcher is missing");
	check(status == OK, "the watcher has status %d", status);
}

/* A child writes through the kernel: the parent sees nothing. */
static void cowchild(void)
{
	char *at = new_pages(2);
	int fd = must_open(SELF), pid;

	fill(at, 2 * PAGE, 7);
	pid = must_fork();
	if (pid == 0) {
		check(read(fd, at + 4000, 200) == 200, "read failed");
		exit(OK);
	}
	expect(pid, OK, "the child");
	check(intact(at, 2 * PAGE, 7), "the child wrote to the parent");
	close(fd);
}

/* A large process is copied exactly, while it goes on writing. */
static void forkexact(void)
{
	const int size = (full ? 16 : 4) * 1024 * 1024;
	char *at = new_pages(size / PAGE);
	int pid;

	fill(at, size, 11);
	pid = must_fork();
	if (pid == 0) {
		check(intact(at, size, 11), "the copy differs");
		exit(OK);
	}
	for (int i = 0; i < size; i += PAGE)
		at[i] ^= 1;
	expect(pid, OK, "the child");
	for (int i = 0; i < size; i += PAGE)
		at[i] ^= 1;
	check(intact(at, size, 11), "the parent's own differs");
}

/* Untouched pages stay untouched, and zero, through fork(). */
static void forklazy(void)
{
	char *at = new_pages(16);
	int pid = must_fork();

	at[pid ? 0 : PAGE] = 1;
	check(zero(at + 2 * PAGE, 14 * PAGE), "not zero");
	check(at[pid ? PAGE : 0] == 0, "one sees the other's write");
	if (pid == 0)
		exit(OK);
	expect(pid, OK, "the child");
}

/* A child shrinks and exits; the parent's pages are all there. */
static void forkshrink(void)
{
	char *at = new_pages(COW_PAGES);
	int pid;

	fill(at, COW_BYTES, 9);
	for (int i = 0; i < rounds(50); i++) {
		pid = must_fork();
		if (pid == 0) {
			sbrk(-(i % COW_PAGES) * PAGE);
			grow(PAGE)[0] = 1;
			exit(OK);
		}
		expect(pid, OK, "the child");
		check(intact(at, COW_BYTES, 9), "round %d", i);
	}
}

/* Data, bss and stack are copied as the heap is. */
static void forkdata(void)
{
	volatile char local = 1;
	int pid;

	data_byte = 2;
	bss_bytes[5000] = 3;
	pid = must_fork();
	if (pid == 0) {
		check(data_byte == 2 && bss_bytes[5000] == 3 &&
		      local == 1, "the child's copy is wrong");
		data_byte = bss_bytes[5000] = local = 9;
		exit(OK);
	}
	expect(pid, OK, "the child");
	check(data_byte == 2 && bss_bytes[5000] == 3 && local == 1,
	      "the child wrote to its parent");
}

static const struct test memory_tests[] = {
	{ "layout", layout, QUICK | KILLS },
	{ "bsstest", bsstest, QUICK },
	{ "sbrkbasic", sbrkbasic, QUICK },
	{ "sbrkmuch", sbrkmuch, QUICK },
	{ "sbrkgone", sbrkgone, QUICK | KILLS },
	{ "sbrkfail", sbrkfail, QUICK | KILLS },
	{ "sbrkarg", sbrkarg, QUICK },
	{ "sbrkbugs", sbrkbugs, QUICK },
	{ "sbrklast", sbrklast, QUICK },
	{ "sbrk8000", sbrk8000, QUICK },
	{ "sbrktest", sbrktest, QUICK | KILLS },
	{ "lazyzero", lazyzero, QUICK },
	{ "shrinkzero", shrinkzero, QUICK },
	{ "mem", mem, QUICK },
	{ "promise", promise, QUICK },
	{ "forkpromise", forkpromise, QUICK },
	{ "memoryinfo", memoryinfo, QUICK },
	{ "kernmem", kernmem, QUICK | KILLS },
	{ "MAXVAplus", MAXVAplus, QUICK | KILLS },
	{ "nullread", nullread, QUICK | KILLS },
	{ "nullwrite", nullwrite, QUICK | KILLS },
	{ "nulljump", nulljump, QUICK | KILLS },
	{ "kerneljump", kerneljump, QUICK | KILLS },
	{ "textwrite", textwrite, QUICK | KILLS },
#ifdef __riscv
	{ "noexec", noexec, QUICK | KILLS },
#endif
	{ "stacktest", stacktest, QUICK | KILLS },
	{ "stackgrows", stackgrows, QUICK | KILLS },
	{ "stackoverflow", stackoverflow, QUICK | KILLS },
	{ "stackkernel", stackkernel, QUICK },
	{ "cow", cow, QUICK },
	{ "cowgenerations", cowgenerations, QUICK },
	{ "cowread", cowread, QUICK },
	{ "cowfstat", cowfstat, QUICK },
	{ "cowwait", cowwait, QUICK },
	{ "cowchild", cowchild, QUICK },
	{ "forkexact", forkexact, QUICK },
	{ "forklazy", forklazy, QUICK },
	{ "forkshrink", forkshrink, QUICK },
	{ "forkdata", forkdata, QUICK },
};
