/* Tests of processes that use the same files at the same time. */

/* ---- Each its own file ---- */

static void fill_own_file(uintptr_t me)
{
	static char bytes[500];
	int fd = must_create(numbered("f", me));

	memset(bytes, '0' + me, sizeof bytes);
	for (int i = 0; i < 12; i++)
		write_whole(fd, bytes, sizeof bytes);
	close(fd);
}

static void fourfiles(void)
{
	static char bytes[12 * 500];

	run_many(fill_own_file, 4);
	for (int me = 0; me < 4; me++) {
		int fd = must_open(numbered("f", me));

		read_whole(fd, bytes, sizeof bytes);
		for (int i = 0; i < (int)sizeof bytes; i++)
			check(bytes[i] == '0' + me, "byte %d of f%d",
			      i, me);
		check(read(fd, bytes, 1) == 0, "there is more");
		close(fd);
	}
}

enum { CREATED = 20 };

/* Create p0 to p19, of letter p; remove every second one at once. */
static void create_and_delete(uintptr_t me)
{
	char stem[2] = { 'p' + me, 0 };

	for (int i = 0; i < CREATED; i++) {
		close(must_create(numbered(stem, i)));
		if (i % 2 == 0 && i > 0)
			must_unlink(numbered(stem, i / 2));
	}
}

static void createdelete(void)
{
	run_many(create_and_delete, 4);
	for (int me = 0; me < 4; me++) {
		char stem[2] = { 'p' + me, 0 };

		for (int i = 0; i < CREATED; i++) {
			int gone = i > 0 && i < CREATED / 2;

			check(exists(numbered(stem, i)) == !gone,
			      "%s%d", stem, i);
		}
	}
}

static void write_manywrites(uintptr_t me)
{
	const char *name = numbered("many", me);

	for (int i = 0; i < rounds(60); i++) {
		make_file(name, 3, i * 4 + me);
		if (i % 8 == 7)
			expect_file(name, 3, i * 4 + me);
		must_unlink(name);
	}
}

/* More writing at once than one commit of a log can hold. */
static void manywrites(void)
{
	run_many(write_manywrites, 4);
}

/* ---- The same names ---- */

enum { CONCURRENT = 40 };       /* names C0 to C39 */

/* Make name I anew, by a link or by creation. */
static void make_concurrently(int i, int links)
{
	const char *name = numbered("C", i);

	unlink(name);
	if (links)
		link("C0", name);
	else
		close(must_create(name));
}

/* Look for name I while somebody removes it. */
static void remove_concurrently(int i, int removes)
{
	const char *name = numbered("C", i);

	for (int j = 0; j < 5; j++) {
		close(open(name, O_RDONLY));
		if (removes)
			unlink(name);
	}
	unlink(name);
}

/* Let a child and its parent do ACT for each name in FIRST.. */
static void with_child(void (*act)(int, int), int first)
{
	for (int i = first; i < CONCURRENT; i++) {
		int pid = must_fork();

		act(i, (pid == 0) == (i % 3 == 0));
		if (pid == 0)
			exit(OK);
		expect(pid, OK, "the child");
	}
}

static void concreate(void)
{
	int found;

	close(must_create("C0"));
	with_child(make_concurrently, 1);
	found = each_entry(".", count_entry);
	check(found == CONCURRENT, "%d files", found);
	with_child(remove_concurrently, 0);
	check(each_entry(".", count_entry) == 0, "some are left");
}

static void link_and_unlink(uintptr_t me)
{
	seed_random(me + 1);
	for (int i = 0; i < rounds(400); i++) {
		int what = roll(3);

		if (what == 0)
			close(open("x", O_RDWR | O_CREATE));
		else if (what == 1)
			link("cat", "x");
		else
			unlink("x");
	}
}

static void linkunlink(void)
{
	write_text("cat", "meow");
	run_many(link_and_unlink, 3);
	unlink("x");
	expect_text("cat", "meow");
	check(stat_of("cat").nlink == 1, "%d names",
	      stat_of("cat").nlink);
}

/* ---- One directory, each with a model of its own names ---- */

enum { OWN = 12 };              /* names of a process */

/* What the files of this process hold; 0: there is none. */
static int model[OWN];

static const char *own_name(uintptr_t me, int i)
{
	return numbered(numbered("w", me * 100), 100 + i);
}

static void create_own(uintptr_t me, int i)
{
	char text[16];

	model[i] = roll(1000000) + 1;
	snprintf(text, sizeof text, "%d", model[i]);
	write_text(own_name(me, i), text);
}

static void rename_own(uintptr_t me, int from, int to)
{
	int result = rename(own_name(me, from), own_name(me, to));

	check(result == (model[from] ? 0 : -1), "rename gives %d",
	      result);
	if (result < 0 || from == to)
		return;
	model[to] = model[from];
	model[from] = 0;
}

static void unlink_own(uintptr_t me, int i)
{
	int result = unlink(own_name(me, i));

	check(result == (model[i] ? 0 : -1), "unlink gives %d", result);
	model[i] = 0;
}

static void check_own(uintptr_t me, int i)
{
	char text[16];

	check(exists(own_name(me, i)) == (model[i] != 0), "%s",
	      own_name(me, i));
	if (!model[i])
		return;
	snprintf(text, sizeof text, "%d", model[i]);
	expect_text(own_name(me, i), text);
}

static void work_with_model(uintptr_t me)
{
	seed_random(me + 10);
	for (int n = 0; n < rounds(600); n++) {
		int i = roll(OWN), j = roll(OWN), what = roll(4);

		if (what == 0)
			create_own(me, i);
		else if (what == 1)
			rename_own(me, i, j);
		else if (what == 2)
			unlink_own(me, i);
		else
			check_own(me, i);
	}
	for (int i = 0; i < OWN; i++) {
		check_own(me, i);
		if (model[i])
			unlink_own(me, i);
	}
}

static void onedirectory(void)
{
	run_many(work_with_model, 4);
	check(each_entry(".", count_entry) == 0, "some are left");
}

/* ---- Renaming while others look ---- */

/* The file "x" is there, and whole, as long as there is "busy". */
static void look_at_x(uintptr_t unused)
{
	int times = 0;

	(void)unused;
	while (exists("busy")) {
		int fd = open("x", O_RDONLY);

		check(fd >= 0, "x is missing");
		read_whole(fd, one_block, 600);
		for (int i = 1; i < 150; i++)
			check(one_block[i] == one_block[0],
			      "half of a file");
		check(read(fd, one_block, 1) == 0, "too long");
		close(fd);
		times++;
	}
	check(times > 0, "the others were too fast");
}

static void write_words(const char *name, uint32_t word)
{
	uint32_t words[150];
	int fd = must_create(name);

	for (int i = 0; i < 150; i++)
		words[i] = word;
	write_whole(fd, words, sizeof words);
	close(fd);
}

/* Whoever looks for a name that is replaced finds one or the other. */
static void renameatomic(void)
{
	write_words("x", 0);
	write_text("busy", "");
	spawn_many(look_at_x, 2);
	sleep(2);
	for (int i = 1; i < rounds(600); i++) {
		write_words("new", i);
		must_rename("new", "x");
	}
	sleep(2);
	must_unlink("busy");
	expect_all(2);
}

/* Lookups go on while directories move in and out. */
static void look_into_d(uintptr_t unused)
{
	(void)unused;
	while (exists("busy")) {
		check(exists("d/inside"), "d/inside is missing");
		check(!exists("d/outside"), "d/outside is there");
	}
}

static void renamedirectories(void)
{
	must_mkdir("b");
	write_text("b/outside", "");
	must_mkdir("d");
	write_text("d/inside", "");
	write_text("busy", "");
	spawn_many(look_into_d, 2);
	for (int i = 0; i < rounds(300); i++) {
		must_mkdir("d/sub");
		must_rename("d/sub", "b/sub");
		must_rename("b", "d/b");
		must_rename("d/b", "b");
		must_unlink("b/sub");
	}
	must_unlink("busy");
	expect_all(2);
}

/* Two directories, each moved into the other: one must lose. */
static void move_into(uintptr_t me)
{
	for (int i = 0; i < rounds(300); i++) {
		if (me)
			rename("a", "b/a");
		else
			rename("b", "a/b");
		rename("b/a", "a");
		rename("a/b", "b");
	}
}

static void renameloop(void)
{
	int found;

	must_mkdir("a");
	must_mkdir("b");
	run_many(move_into, 2);
	rename("b/a", "a");
	rename("a/b", "b");
	found = each_entry(".", count_entry);
	check(found == 2, "%d directories of 2", found);
	must_unlink("a");
	must_unlink("b");
}

/* ---- Directories that come and go ---- */

/* Status: how many times more made than removed, and BALANCED. */
enum { BALANCED = 10000 };

static void make_and_remove(uintptr_t me)
{
	int balance = 0;

	seed_random(me + 3);
	for (int i = 0; i < rounds(500); i++) {
		int what = roll(4);

		if (what == 0)
			balance += mkdir("d") == 0;
		else if (what == 1)
			balance -= unlink("d") == 0;
		else if (what == 2)
			close(open("d/x", O_CREATE | O_RDWR));
		else
			unlink("d/x");
	}
	exit(BALANCED + balance);
}

static void mkdirrace(void)
{
	int balance = 0, status;

	spawn_many(make_and_remove, 4);
	for (int i = 0; i < 4; i++) {
		check(wait(&status) > 0, "a child is missing");
		if (status == FAILED)
			exit(FAILED);
		balance += status - BALANCED;
	}
	check(balance == exists("d"), "%d directories, d: %d", balance,
	      exists("d"));
	unlink("d/x");
	check(unlink("d") == (balance ? 0 : -1), "unlink");
}

/* One name, four processes: one creates it each time. */
static void create_one(uintptr_t me)
{
	char name[16];

	snprintf(name, sizeof name, "mine%d", (int)me);
	for (int i = 0; i < rounds(200); i++) {
		close(must_create(name));
		if (link(name, "lock") == 0) {
			check(link(name, "lock") == -1, "twice");
			must_unlink("lock");
		}
		must_unlink(name);
	}
}

static void lockfile(void)
{
	run_many(create_one, 4);
	check(!exists("lock"), "it is locked");
}

/* ---- Readers and writers of one file ---- */

enum { RECORD = 512, RECORDS = 24 };

/* Readers find each record as one write made it. */
static void read_records(uintptr_t unused)
{
	char record[RECORD];
	int fd = must_open("records");

	(void)unused;
	while (exists("busy")) {
		must_seek(fd, 0);
		for (int i = 0; i < RECORDS; i++) {
			read_whole(fd, record, RECORD);
			for (int j = 1; j < RECORD; j++)
				check(record[j] == record[0],
				      "record %d: torn at %d", i, j);
		}
	}
	close(fd);
}

static void wholerecords(void)
{
	char record[RECORD];
	int fd = must_create("records");

	memset(record, 0, RECORD);
	for (int i = 0; i < RECORDS; i++)
		write_whole(fd, record, RECORD);
	write_text("busy", "");
	spawn_many(read_records, 2);
	for (int i = 0; i < rounds(200); i++) {
		memset(record, i, RECORD);
		must_seek(fd, 0);
		for (int j = 0; j < RECORDS; j++)
			write_whole(fd, record, RECORD);
	}
	must_unlink("busy");
	expect_all(2);
	close(fd);
}

/* A file that somebody else cuts holds zeros or what was written. */
static void write_under_truncation(uintptr_t unused)
{
	int fd = must_open_for("file", O_RDWR | O_APPEND);

	(void)unused;
	memset(one_block, 'w', BLOCK);
	for (int i = 0; i < rounds(300); i++)
		write_whole(fd, one_block, 1000);
	close(fd);
}

static void check_letters(void)
{
	const char *byte = (char *)one_block;
	int fd = must_open("file"), got;

	while ((got = read(fd, one_block, BLOCK)) > 0) {
		for (int i = 0; i < got; i++)
			check(byte[i] == 'w' || byte[i] == 0,
			      "byte %d is %x", i, byte[i]);
	}
	check(got == 0, "read failed");
	close(fd);
}

static void truncaterace(void)
{
	write_text("file", "");
	spawn_many(write_under_truncation, 2);
	for (int i = 0; i < rounds(150); i++) {
		close(must_open_for("file", O_WRONLY | O_TRUNC));
		check_letters();
	}
	expect_all(2);
	check_letters();
}

/* Its readers put pages into a file that somebody empties meanwhile. */
enum { CUT_BLOCKS = 64 };

static void read_at_once(uintptr_t unused)
{
	char *bytes = sbrk(CUT_BLOCKS * BLOCK);

	(void)unused;
	check(bytes != NOWHERE, "no memory");
	for (int i = 0; i < rounds(600); i++) {
		int fd = must_open("cut");
		int got = read(fd, bytes, CUT_BLOCKS * BLOCK);

		check(got >= 0, "read failed");
		for (int at = 0; at < got; at++)
			check(bytes[at] == 0 || bytes[at] == 'x',
			      "byte %d is %x", at, bytes[at]);
		close(fd);
	}
}

static void cut_again(uintptr_t unused)
{
	(void)unused;
	for (int i = 0; i < rounds(3000); i++)
		close(must_open_for("cut", O_WRONLY | O_TRUNC));
}

static void truncatereaders(void)
{
	int fd = must_create("cut");

	spawn_many(read_at_once, 2);
	spawn_many(cut_again, 2);
	for (int i = 0; i < rounds(3000); i++) {
		must_seek(fd, (long long)(CUT_BLOCKS - 1) * BLOCK);
		write_whole(fd, "x", 1);
	}
	expect_all(4);
	close(fd);
	drop_caches();
}

/* Writers with own offsets in places of their own. */
static void write_own_blocks(uintptr_t me)
{
	int fd = must_open_for("file", O_RDWR);

	for (int i = me; i < 64; i += 4) {
		must_seek(fd, (long long)i * BLOCK);
		write_blocks(fd, i, 1, 5);
	}
	close(fd);
}

static void interleaved(void)
{
	close(must_create("file"));
	run_many(write_own_blocks, 4);
	expect_file("file", 64, 5);
}

/* Many files are read at a time, from the disk and not from memory. */
static void read_from_disk(uintptr_t me)
{
	for (int i = 0; i < 4; i++)
		expect_file(numbered("r", (me + i) % 4), 40, 9);
}

static void bug27_28_disk_load(void)
{
	for (int i = 0; i < 4; i++)
		make_file(numbered("r", i), 40, 9);
	for (int i = 0; i < (full ? 10 : 2); i++) {
		drop_caches();
		run_many(read_from_disk, 4);
	}
}

/* ---- Kills ---- */

static void write_for_ever(uintptr_t blocks)
{
	uint32_t *filler = filler_pages();
	int fd = must_create("long");

	for (int i = 0; i < (int)blocks; i += FILLER) {
		for (int j = 0; j < FILLER; j++)
			fill(filler + j * BLOCK / 4, BLOCK,
			     seed_of(6, i + j));
		write_whole(fd, filler, FILLER * BLOCK);
	}
	for (;;)
		sleep(1);
}

/* Killed while it writes: whole blocks up to the end. */
static void killwriter(void)
{
	int blocks = share_of_disk(50, 1024) / FILLER * FILLER;

	for (int i = 0; i < (full ? 20 : 4); i++) {
		int pid = spawn(write_for_ever, blocks), count;
		uint64_t size;

		sleep(i % 5);
		check(kill(pid) == 0, "cannot kill");
		expect(pid, KILLED, "the writer");
		if (!exists("long"))
			continue;
		size = stat_of("long").size;
		count = (int)(size / BLOCK);
		check(size % BLOCK == 0 && count <= blocks,
		      "%d bytes", (int)size);
		expect_file("long", count, 6);
		must_unlink("long");
	}
}

static void change_names_for_ever(uintptr_t unused)
{
	(void)unused;
	for (int i = 0;; i++) {
		close(open("one", O_CREATE | O_RDWR));
		link("one", "two");
		rename("two", "three");
		mkdir("dir");
		unlink("one");
		unlink("three");
		unlink("dir");
	}
}

/* Killed among names: they can be removed. */
static void killnames(void)
{
	for (int i = 0; i < (full ? 30 : 5); i++) {
		int pid = spawn(change_names_for_ever, 0);

		sleep(1 + i % 3);
		check(kill(pid) == 0, "cannot kill");
		expect(pid, KILLED, "the child");
		unlink("one");
		unlink("two");
		unlink("three");
		unlink("dir");
		check(each_entry(".", count_entry) == 0, "left over");
	}
}

static const struct test race_tests[] = {
	{ "fourfiles", fourfiles, QUICK | FILES },
	{ "createdelete", createdelete, QUICK | FILES },
	{ "manywrites", manywrites, QUICK | FILES },
	{ "concreate", concreate, QUICK | FILES },
	{ "linkunlink", linkunlink, QUICK | FILES },
	{ "onedirectory", onedirectory, QUICK | FILES },
	{ "renameatomic", renameatomic, QUICK | FILES },
	{ "renamedirectories", renamedirectories, QUICK | FILES },
	{ "renameloop", renameloop, QUICK | FILES },
	{ "mkdirrace", mkdirrace, QUICK | FILES },
	{ "lockfile", lockfile, QUICK | FILES },
	{ "wholerecords", wholerecords, QUICK | FILES },
	{ "truncaterace", truncaterace, QUICK | FILES },
	{ "truncatereaders", truncatereaders, QUICK | FILES },
	{ "interleaved", interleaved, QUICK | FILES },
	{ "killwriter", killwriter, QUICK | FILES },
	{ "killnames", killnames, QUICK | FILES },
	{ "bug27_28_disk_load", bug27_28_disk_load, QUICK | FILES },
};
