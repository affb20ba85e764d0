/* Tests of exec: arguments, what stays, what goes, what fails. */

enum { SLOTS = 32 };            /* arguments with the final NULL */

/* ---- What a program started by these tests does ---- */

/* A number made of all arguments; it is no status with a meaning. */
static int hash(int count, char *word[])
{
	uint32_t sum = count;

	for (int i = 0; i < count; i++) {
		for (const char *byte = word[i]; *byte; byte++)
			sum = sum * 31 + *byte;
		sum = sum * 31 + 7;
	}
	return (int)((sum & 0x7fffff00) | 0x80);
}

/* A fresh image knows nothing of the one before. */
static int fresh_image(void)
{
	uintptr_t end = (uintptr_t)sbrk(0);

	check(data_byte == 1, "data is the old program's");
	check(zero(bss_bytes, sizeof bss_bytes), "bss is, too");
	check(end < (uintptr_t)bss_bytes + (64 + 10) * PAGE,
	      "the heap is at %p", (void *)end);
	return OK;
}

/* Read one byte of file descriptor FD. */
static int next_byte(int fd)
{
	unsigned char byte;

	check(read(fd, &byte, 1) == 1, "fd %d is not open", fd);
	return byte + 100;
}

/* Forks COUNT children, one after the other. */
static int fork_in_turn(int count)
{
	while (count-- > 0) {
		int pid = must_fork();

		if (pid == 0)
			exit(OK);
		expect(pid, OK, "a child");
	}
	return OK;
}

enum { LINGERED = 55 };

/* Say so in file HERE; go on when there is file GO. */
static int linger(const char *here, const char *go)
{
	write_text(here, "here");
	await_file(go);
	return fresh_image() == OK ? LINGERED : FAILED;
}

/* `usertests =WORD ARGUMENT...`: the status for main() to return. */
static int assist(int argc, char *argv[])
{
	const char *word = argv[1] + 1;
	char left[12] = "0";
	char *again[] = { argv[0], argv[1], left, 0 };

	if (strcmp(word, "sum") == 0)
		return hash(argc, argv);
	if (strcmp(word, "fresh") == 0)
		return fresh_image();
	if (argc < 3)
		return 2;
	if (strcmp(word, "byte") == 0)
		return next_byte(atoi(argv[2]));
	if (strcmp(word, "forks") == 0)
		return fork_in_turn(atoi(argv[2]));
	if (strcmp(word, "linger") == 0)
		return linger(argv[2], argv[3]);
	if (strcmp(word, "again") != 0)
		return 2;
	if (atoi(argv[2]) == 0)
		return 77;
	strcpy(left, argv[2]);
	left[strlen(left) - 1]--;       /* one digit is enough */
	exec(SELF, again);
	return NO_EXEC;
}

/* The status of a child that executes PATH. */
static int run(const char *path, char *word[])
{
	int pid = must_fork();

	if (pid == 0) {
		exec(path, word);
		exit(NO_EXEC);
	}
	return status_of(pid);
}

/* ---- Success ---- */

static void exectest(void)
{
	char *tiny[] = { TINY, 0 };
	char *words[] = { "usertests", "=sum", "OK", "", "x y", 0 };

	check(run(TINY, tiny) == OK, "cannot run %s", TINY);
	check(run(SELF, words) == hash(5, words), "wrong arguments");
}

/* Arguments of many lengths arrive as they were. */
static void execargs(void)
{
	static char text[SLOTS][128];
	char *word[SLOTS + 1] = { "usertests", "=sum" };
	int got;

	for (int n = 2; n < SLOTS; n++) {
		for (int i = 2; i < n; i++) {
			memset(text[i], 'a' + (i + n) % 26, 127);
			text[i][(i * 37 + n * 11) % 95] = 0;
			word[i] = text[i];
		}
		word[n] = 0;
		got = run(SELF, word);
		check(got == hash(n, word), "%d arguments: status %d",
		      n, got);
	}
}

/* 52: 32 slots, one of them for NULL; the next one is refused. */
static void bug52_argument_limit(void)
{
	char *word[SLOTS + 8] = { "usertests", "=sum" };

	for (int i = 2; i < SLOTS + 7; i++)
		word[i] = "x";
	check(exec(SELF, word) == -1, "52: 39 arguments accepted");
	word[SLOTS + 1] = 0;
	check(exec(SELF, word) == -1, "52: 33 arguments accepted");
	word[SLOTS] = 0;
	check(exec(SELF, word) == -1, "52: 32 arguments accepted");
	word[SLOTS - 1] = 0;
	check(run(SELF, word) == hash(SLOTS - 1, word),
	      "52: 31 arguments refused");
}

/* Strings and pointers share 4096 bytes. */
static void bigargtest(void)
{
	static char big[PAGE + 100];
	char *one[] = { "usertests", "=sum", big, 0 };
	char *many[SLOTS];

	memset(big, 'b', sizeof big - 1);
	check(exec(SELF, one) == -1, "more than a page of string");
	big[3900] = 0;
	check(run(SELF, one) == hash(3, one), "3900 bytes refused");
	big[200] = 0;
	for (int i = 0; i < SLOTS - 1; i++)
		many[i] = big;
	many[SLOTS - 1] = 0;
	check(exec(SELF, many) == -1, "31 times 201 bytes accepted");
}

/* No arguments at all: it starts, or is refused; no harm is done. */
static void execnoargs(void)
{
	char *none[] = { 0 };
	int status = run(TINY, none);

	check(status == OK || status == NO_EXEC, "status %d", status);
}

/* The new program starts from its file, whatever the old one did. */
static void execfresh(void)
{
	char *word[] = { "usertests", "=fresh", 0 };
	int pid = must_fork();

	if (pid == 0) {
		data_byte = 77;
		memset(bss_bytes, 77, sizeof bss_bytes);
		fill(new_pages(200), 200 * PAGE, 1);
		exec(SELF, word);
		exit(NO_EXEC);
	}
	expect(pid, OK, "the fresh program");
}

/* Open files stay open, each at its place. */
static void execfiles(void)
{
	char digit[2] = "0", bytes[11];
	char *word[] = { "usertests", "=byte", digit, 0 };
	int fd = must_open(TEXT_FILE);

	check(read(fd, bytes, 11) == 11, "%s is short", TEXT_FILE);
	close(fd);
	fd = must_open(TEXT_FILE);
	check(fd < 10, "fd %d", fd);
	digit[0] = '0' + fd;
	for (int i = 0; i < 11; i++) {
		int want = (unsigned char)bytes[i] + 100;

		check(run(SELF, word) == want, "byte %d is wrong", i);
	}
	close(fd);
}

/* exec keeps the pid, the parent and the children. */
static void execidentity(void)
{
	char *word[] = { "usertests", "=again", "9", 0 };
	int pid = must_fork();

	if (pid == 0) {
		exec(SELF, word);
		exit(NO_EXEC);
	}
	expect(pid, 77, "ten programs in a row");
}

/* Killed in the middle of exec. */
static void execkill(void)
{
	char *word[] = { "usertests", "=again", "9", 0 };

	for (int i = 0; i < rounds(100); i++) {
		int pid = must_fork(), status;

		if (pid == 0) {
			exec(SELF, word);
			exit(NO_EXEC);
		}
		for (volatile int j = 0; j < i * 3000; j++)
			;
		kill(pid);
		status = status_of(pid);
		check(status == KILLED || status == 77, "status %d",
		      status);
	}
}

/* Arguments in pages that nobody has touched; 12: also in exec. */
static void bug12_exec_lazy(void)
{
	char *at = new_pages(5), **word = (char **)(at + 3 * PAGE) - 2;
	char *name = at + PAGE - strlen(SELF);
	int got;

	memmove(name, SELF, strlen(SELF));      /* its NUL: page 1 */
	word[0] = name;
	word[1] = "=sum";                       /* its NULL: page 3 */
	got = run(name, word);
	check(got == hash(2, word), "12: wrong arguments");
	word[0] = at + 4 * PAGE;                /* an empty string */
	got = run(SELF, word);
	check(got == hash(2, word), "12: no empty string");
}

/* ---- Failure ---- */

/*
 * exec(PATH, WORD) fails, and the caller is what it was: memory, stack,
 * open files.
 */
static void refused(const char *path, char *word[])
{
	char *at = new_pages(2), *end = sbrk(0);
	uint32_t local[64];
	char byte[2];
	int fd = must_open(TEXT_FILE);

	fill(at, 2 * PAGE, 21);
	fill(local, sizeof local, 22);
	read(fd, byte, 1);
	check(exec(path, word) == -1, "exec(%p) succeeded",
	      path);
	check(sbrk(0) == end, "the break moved");
	check(intact(at, 2 * PAGE, 21), "the heap changed");
	check(intact(local, sizeof local, 22), "the stack changed");
	check(read(fd, byte, 1) == 1, "the file was closed");
	close(fd);
	sbrk(-2 * PAGE);
}

static void exec_names(void)
{
	static char longest[2 * PAGE];
	char *word[] = { "x", 0 };
	const char *name[] = { "", "/", "//", ".", "..", "nosuchfile",
			       "/nosuchfile", TINY "/x", " ",
			       "\x01\xff", "/usertests\n", longest };

	memset(longest, 'n', sizeof longest - 1);
	for (int i = 0; i < COUNT(name); i++)
		refused(name[i], word);
}

/* A text is no program. */
static void exec_readme(void)
{
	char *word[] = { "x", 0 };

	for (int i = 0; i < rounds(100); i++)
		refused(TEXT_FILE, word);
}

static void badarg(void)
{
	char *word[] = { (char *)0xffffffff, 0 };

	for (int i = 0; i < rounds(50000); i++)
		check(exec(TINY, word) == -1, "exec succeeded");
}

/* 34: a bad argument after good ones, in every place. */
static void bug34_exec_leak(void)
{
	static char good[100];
	char *word[SLOTS];

	memset(good, 'g', sizeof good - 1);
	for (int round = 0; round < rounds(100); round++) {
		for (int i = 0; i < SLOTS - 1; i++)
			word[i] = good;
		word[round % (SLOTS - 1)] = (char *)KERNEL_HALF;
		word[SLOTS - 1] = 0;
		check(exec(SELF, word) == -1, "34: exec succeeded");
	}
}

static void pgbug(void)
{
	uintptr_t bad = (uintptr_t)0xeaeb0b5b00002f5eULL;
	char *word[] = { 0 };

	check(exec((char *)opaque(bad), word) == -1, "exec succeeded");
	check(pipe((int *)opaque(bad)) == -1, "pipe succeeded");
}

/* ---- Without memory ---- */

/* A child: take all memory, give SPARE pages back, and exec. */
static void exec_with(uintptr_t spare)
{
	char *word[] = { TINY, 0 };

	take_all(1);
	sbrk(-(int)spare * PAGE);
	exec(TINY, word);
	exit(NO_EXEC);
}

/* exec succeeds or fails, but does not die of it. */
static void execout(void)
{
	for (int i = 0; i < (full ? 15 : 2); i++) {
		int spare = full ? i : i * 20;
		int status = status_of(spawn(exec_with, spare));

		check(status == OK || status == NO_EXEC,
		      "%d pages left: status %d", spare, status);
	}
}

/* A child: the same with a large program and large arguments. */
static void exec_large_with(uintptr_t spare)
{
	static char big[3900];
	char *word[] = { "usertests", "=fresh", big, 0 };

	memset(big, 'b', sizeof big - 1);
	take_all(1);
	sbrk(-(int)spare * PAGE);
	exec(SELF, word);
	check(big[0] == 'b' && big[sizeof big - 2] == 'b',
	      "32: memory has changed");
	exit(NO_EXEC);
}

static void bug32_exec_out_of_memory(void)
{
	for (int spare = 0; spare < 60; spare += full ? 9 : 30) {
		int status = status_of(spawn(exec_large_with, spare));

		check(status == OK || status == NO_EXEC,
		      "32: %d pages left: status %d", spare, status);
	}
}

/* A child: take all memory, then give a page back at each tick. */
static void release_slowly(uintptr_t pages)
{
	take_all(1);
	sleep(5);               /* for whoever waits for that */
	for (uintptr_t i = 0; i < pages; i++) {
		sbrk(-PAGE);
		sleep(1);
	}
	for (;;)
		sleep(1000);
}

/*
 * 16, 23, 24, 33: whatever a table or a copy lacks half way, fork and
 * exec fail, leave nothing behind, and nobody dies.
 */
static void bug33_fork_out_of_memory(void)
{
	char *word[] = { TINY, 0 };
	int pages = full ? 60 : 30, start, pid, status, failed = 0;
	int taker = spawn(release_slowly, pages);

	await_state(taker, PROCESS_SLEEPING);
	start = uptime();
	while (uptime() - start < pages + 5) {
		pid = fork();
		if (pid == 0) {
			exec(TINY, word);
			exit(NO_EXEC);
		}
		failed += pid < 0;
		if (pid < 0)
			continue;
		check(wait(&status) == pid, "33: wait missed it");
		check(status == OK || status == NO_EXEC,
		      "33: status %d", status);
	}
	check(failed > 0, "33: memory never ran out");
	check(kill(taker) == 0, "33: the taker died by itself");
	expect(taker, KILLED, "33: the taker");
}

/* A child: with more than half of the memory, nobody can fork. */
static void fork_too_large(uintptr_t unused)
{
	int size = tenths(7, 1000), pid;
	char *at = new_pages(size / PAGE);

	(void)unused;
	for (int i = 0; i < size; i += PAGE)
		at[i] = i / PAGE;
	for (int i = 0; i < 20; i++) {
		pid = fork();
		if (pid == 0)
			exit(OK);
		if (pid > 0)
			expect(pid, OK, "23: a child");
	}
	for (int i = 0; i < size; i += PAGE)
		check(at[i] == (char)(i / PAGE), "23: page %d",
		      i / PAGE);
}

/* 23, 24: a copy that fails leaks nothing and damages nothing. */
static void bug23_24_failed_copy(void)
{
	expect(spawn(fork_too_large, 0), OK, "23: the large process");
}

/* 16: a reservation that cannot be kept fails without a trace. */
static void bug16_half_mapped(void)
{
	char *end = sbrk(0);

	for (int i = 0; i < rounds(1000); i++) {
		check(sbrk(0x7ffff000) == NOWHERE, "16: 2 GiB granted");
		check(sbrk(0) == end, "16: the break moved");
	}
	grow(PAGE)[0] = 1;
}

static const struct test exec_tests[] = {
	{ "exectest", exectest, QUICK },
	{ "execargs", execargs, QUICK },
	{ "bigargtest", bigargtest, QUICK },
	{ "execnoargs", execnoargs, QUICK },
	{ "execfresh", execfresh, QUICK },
	{ "execfiles", execfiles, QUICK },
	{ "execidentity", execidentity, QUICK },
	{ "execkill", execkill, QUICK },
	{ "exec_names", exec_names, QUICK },
	{ "exec_readme", exec_readme, QUICK },
	{ "badarg", badarg, QUICK },
	{ "pgbug", pgbug, QUICK },
	{ "execout", execout, QUICK },
	{ "bug12_exec_lazy", bug12_exec_lazy, QUICK },
	{ "bug16_half_mapped", bug16_half_mapped, QUICK },
	{ "bug23_24_failed_copy", bug23_24_failed_copy, QUICK },
	{ "bug32_exec_out_of_memory", bug32_exec_out_of_memory, QUICK },
	{ "bug33_fork_out_of_memory", bug33_fork_out_of_memory, QUICK },
	{ "bug34_exec_leak", bug34_exec_leak, QUICK },
	{ "bug52_argument_limit", bug52_argument_limit, QUICK },
};
