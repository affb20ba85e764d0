/*
 * Tests of bugs that other kernels had in their files, and of wild
 * arguments of the calls on files.  Where all 52 of known-bugs are:
 *
 *	1 3 4 6 11 12 15 16 18 22 23 24 30 32 33 34 36 37 38 42 48 51 52
 *		bugNN_... in pointers.c, memory.c, exec.c, process.c
 *		and machine.c
 *	2 29    bug02_sleep_negative, bug29_reparent_lock: process.c
 *	5 7 10 14 17 31 35 39 43 44 45 46 47 49 50
 *		bugNN_... in this file
 *	21 25   bug21_..., bug25_...: images.c
 *	27 28   bug27_28_disk_load: races.c
 *	40      pipes.c
 *	7 8 13  with crashes and failures: tests/test_crash.py
 *	26      tests/test_disk.py: a device that reports errors
 *	9       the kernel under the sanitizer of undefined behaviour
 *	19      by inspection: one instruction reads and clears; and by
 *		all tests, with two processors
 *	20      tests/host/test_entries.c
 *	41      tests/test_user.py: control-P while others print
 */

/* ---- The current directory is gone ---- */

static void enter_removed(void)
{
	write_text("file", "x");
	must_mkdir("gone");
	must_chdir("gone");
	must_unlink("../gone");
}

/* 5: nothing can be made where nobody could ever find it. */
static void bug05_removed_directory(void)
{
	unsigned inodes;

	enter_removed();
	inodes = disk_now().inodes;
	check(open("x", O_CREATE | O_RDWR) == -1, "5: open");
	check(mkdir("x") == -1, "5: mkdir");
	check(mknod("x", 1, 0) == -1, "5: mknod");
	check(link(WORKPLACE "/file", "x") == -1, "5: link");
	check(rename(WORKPLACE "/file", "x") == -1, "5: rename");
	check(open("x", O_RDONLY) == -1, "5: x is there");
	check(unlink("x") == -1, "5: unlink");
	check(unlink(".") == -1 && unlink("..") == -1, "5: unlink .");
	check(rename("x", WORKPLACE "/y") == -1, "5: rename to y");
	check(disk_now().inodes == inodes, "5: %d inodes, then %d",
	      (int)inodes, (int)disk_now().inodes);
	expect_text(WORKPLACE "/file", "x");
}

static void nothing_here(const struct directory_entry *entry)
{
	fail("5: entry %s", entry->name);
}

/* 5: looking at it and leaving it is harmless. */
static void bug05_look_around(void)
{
	char *word[] = { "x", 0 };

	enter_removed();
	each_entry(".", nothing_here);  /* may fail, too */
	check(run("x", word) == NO_EXEC, "5: a program");
	check(run(TINY, word) == OK, "5: no program starts");
	if (chdir("..") == 0)
		check(stat_of(".").type == T_DIR, "5: .. is odd");
	must_chdir(WORKPLACE);
	check(!exists("gone"), "5: it is back");
	expect_text("file", "x");
}

/* 5: removed, while another process is in it, and made again. */
static void make_in_gone(uintptr_t unused)
{
	(void)unused;
	if (chdir("gone") < 0)
		return;
	for (int i = 0; i < 20; i++) {
		int fd = open(numbered("x", i), O_CREATE | O_RDWR);

		if (fd < 0)
			continue;
		close(fd);
		unlink(numbered("x", i));
	}
}

static void bug05_race(void)
{
	for (int i = 0; i < rounds(200); i++) {
		int pid;

		mkdir("gone");
		pid = spawn(make_in_gone, 0);
		for (int j = 0; j < 20; j++)
			unlink("gone");
		expect(pid, OK, "5: the child");
	}
}

/* ---- Last references ---- */

/* 7: unlinked, open, and then the process ends or is killed. */
static void hold_unlinked(uintptr_t blocks)
{
	int fd = must_create("held");

	write_blocks(fd, 0, (int)blocks, 1);
	dup(fd);
	must_unlink("held");
	write_text("ready", "");
	for (;;)
		sleep(1);
}

static void bug07_open_unlinked(void)
{
	int count = share_of_disk(20, 100);
	struct filesystem_info before, now;

	write_text("ready", "");
	for (int i = 0; i < 3; i++) {
		int pid;

		must_unlink("ready");
		sync();
		before = disk_now();
		pid = spawn(hold_unlinked, count);
		await_file("ready");
		check(disk_now().inodes >= before.inodes + 2,
		      "7: the file is gone too early");
		kill(pid);
		expect(pid, KILLED, "7: the child");
		sync();
		now = disk_now();
		check(now.free + 4 >= before.free,
		      "7: %d blocks stay",
		      (int)(before.free - now.free));
		check(now.inodes == before.inodes + 1,
		      "7: %d inodes, then %d", (int)before.inodes,
		      (int)now.inodes);
	}
}

/* 14: the last reference goes in chdir, exec, exit, dup's close. */
static void drop_by_chdir(void)
{
	must_mkdir("dir");
	must_chdir("dir");
	must_unlink("../dir");
	must_chdir(WORKPLACE);
}

static void drop_by_exec(uintptr_t unused)
{
	char *word[] = { "x", 0 };

	(void)unused;
	copy_file(TINY, "prog");
	must_mkdir("dir");
	must_chdir("dir");
	must_unlink("../dir");
	must_open(WORKPLACE "/prog");
	must_unlink(WORKPLACE "/prog");
	exec(TINY, word);
}

static void drop_by_exit(uintptr_t unused)
{
	int fd = must_create("file");

	(void)unused;
	write_whole(fd, "x", 1);
	must_unlink("file");
	dup(fd);
}

/* The file is what the process runs from. */
static void drop_program(void)
{
	char *word[] = { "x", "=linger", "here", "go", 0 };
	int pid;

	unlink("here");
	unlink("go");
	copy_file(SELF, "prog");
	pid = must_fork();
	if (pid == 0) {
		exec("prog", word);
		exit(NO_EXEC);
	}
	await_file("here");
	must_unlink("prog");
	write_text("go", "");
	expect(pid, LINGERED, "14: the program");
}

static void bug14_last_references(void)
{
	unsigned inodes;

	drop_program();
	inodes = disk_now().inodes;
	for (int i = 0; i < (full ? 30 : 3); i++) {
		drop_by_chdir();
		expect(spawn(drop_by_exec, 0), OK, "14: exec");
		expect(spawn(drop_by_exit, 0), OK, "14: exit");
		drop_program();
	}
	sync();
	check(disk_now().inodes == inodes, "14: %d inodes, then %d",
	      (int)inodes, (int)disk_now().inodes);
}

/* 50: many processes have, lose and remove the same file. */
static void lose_file(uintptr_t me)
{
	int fd[3];

	seed_random(me + 50);
	for (int i = 0; i < rounds(300); i++) {
		for (int j = 0; j < 3; j++)
			fd[j] = open("file", O_CREATE | O_RDWR);
		write(fd[0], "x", 1);
		if (roll(2))
			unlink("file");
		for (int j = 0; j < 3; j++)
			close(fd[j]);
		unlink("file");
	}
}

static void bug50_last_reference_race(void)
{
	unsigned inodes = disk_now().inodes;

	run_many(lose_file, 4);
	unlink("file");
	sync();
	check(disk_now().inodes == inodes, "50: %d inodes, then %d",
	      (int)inodes, (int)disk_now().inodes);
}

/* 45: a new file is not the old one that is still open. */
static void bug45_inode_reuse(void)
{
	for (int i = 0; i < rounds(100); i++) {
		int old = must_create("file"), new;

		write_whole(old, "old", 3);
		must_unlink("file");
		new = must_create("file");
		check(stat_of_open(old).ino != stat_of_open(new).ino,
		      "45: the same inode");
		check(stat_of_open(new).size == 0, "45: not empty");
		write_whole(new, "new!", 4);
		must_seek(old, 0);
		expect_rest(old, "old");
		close(old);
		must_seek(new, 0);
		expect_rest(new, "new!");
		close(new);
		must_unlink("file");
		must_mkdir("file");
		check(stat_of("file").type == T_DIR, "45: no dir");
		check(each_entry("file", nothing_here) == 0,
		      "45: a new directory is not empty");
		must_unlink("file");
	}
}

/* ---- Names and numbers ---- */

/* 10: names of more than 14 bytes that differ only behind them. */
static void bug10_names_are_whole(void)
{
	char name[40] = "exactly fourteen, and then ???";

	for (int i = 0; i < 50; i++) {
		snprintf(name + 27, 10, "%d", i);
		write_text(name, name);
	}
	for (int i = 0; i < 50; i++) {
		snprintf(name + 27, 10, "%d", i);
		expect_text(name, name);
	}
	name[14] = 0;
	check(!exists(name), "10: the first 14 bytes are a name");
}

/* 17: inode numbers are the same wherever they are told. */
static void bug17_inode_numbers(void)
{
	int count = rounds(3000), fd;

	for (int i = 0; i < count; i++) {
		fd = open(numbered("e", i), O_CREATE | O_RDWR);
		if (fd < 0)
			break;
		close(fd);
	}
	each_entry(".", compare_entry);
}

/* ---- No room ---- */

/* 39: blocks run out, in each of the calls, and nobody dies. */
static void bug39_no_blocks(void)
{
	int fd;

	write_text("file", "x");
	fill_disk(1);
	for (int i = 0; i < 300; i++) {
		fd = open(numbered("new", i), O_CREATE | O_RDWR);
		if (fd < 0)
			continue;
		check(write(fd, one_block, BLOCK) <= 0, "39: written");
		check(write(fd, one_block, 1) <= 1, "39: written");
		close(fd);
	}
	for (int i = 0; i < 20; i++) {
		mkdir(numbered("dir", i));
		link("file", numbered("link", i));
		mknod(numbered("node", i), 1, 0);
		rename(numbered("new", i), numbered("dir", i));
	}
	expect_text("file", "x");
	check(sync() == 0, "39: sync failed");
}

/* 35: a write from nowhere, to a new file, leaks its block. */
static void badwrite(void)
{
	char *nowhere = (char *)opaque(KERNEL_HALF + 12345);
	unsigned before = 0;
	int fd;

	for (int i = 0; i < rounds(600) + 10; i++) {
		fd = must_create("junk");
		check(write(fd, nowhere, 1) == -1, "35: written");
		check(stat_of_open(fd).size == 0, "35: its size");
		close(fd);
		must_unlink("junk");
		if (i == 9) {
			sync();
			before = disk_now().free;
		}
	}
	sync();
	check(disk_now().free + 4 >= before, "35: %d blocks lost",
	      (int)(before - disk_now().free));
	fd = must_create("junk");
	write_whole(fd, "x", 1);
	close(fd);
}

/* 35: the same, where a part of the bytes is there. */
static void bug35_half_write(void)
{
	char *at = new_pages(2), *end = at + 2 * PAGE;
	int fd = must_create("file"), got;

	memset(at, 'h', 2 * PAGE);
	got = write(fd, end - 100, 200);
	check(got == -1 || (got >= 0 && got <= 100),
	      "35: 200 bytes of 100 give %d", got);
	check(stat_of_open(fd).size == (uint64_t)(got < 0 ? 0 : got),
	      "35: size %d after %d",
	      (int)stat_of_open(fd).size, got);
	must_seek(fd, 0);
	got = write(fd, at, 5 * PAGE);
	check(got == -1 || (got >= 0 && got <= 2 * PAGE),
	      "35: 5 pages of 2 give %d", got);
	close(fd);
}

/* 35: nor does it leave its bytes, behind the end or before it. */
static void bug35_no_trace(void)
{
	char *at = new_pages(1), *end = at + PAGE;
	int fd = must_create("file");

	memset(at, 'h', PAGE);
	write_whole(fd, "before", 6);
	check(write(fd, end - 100, 200) == -1, "35: it was written");
	must_seek(fd, 0);
	check(write(fd, end - 3, 6) == -1, "35: written over");
	must_seek(fd, 200);
	write_whole(fd, "x", 1);
	must_seek(fd, 0);
	read_whole(fd, one_block, 201);
	check(memcmp(one_block, "before", 6) == 0, "35: before the end");
	check(zero((char *)one_block + 6, 194), "35: behind the end");
	close(fd);
}

/* 44: dirty pages while somebody else takes all memory. */
static void take_memory(uintptr_t unused)
{
	(void)unused;
	take_all(1);
}

/* Try to write COUNT blocks to file NAME; were they written? */
static int try_file(const char *name, int count, uint32_t seed)
{
	int fd = open(name, O_CREATE | O_TRUNC | O_WRONLY), i = 0;

	if (fd < 0)
		return 0;
	do
		fill(one_block, BLOCK, seed_of(seed, i));
	while (i < count && write(fd, one_block, BLOCK) == BLOCK && ++i);
	close(fd);
	return i == count;
}

/* A call may fail for want of memory; one that succeeds has to count. */
static void make_file_at_last(const char *name, int count, uint32_t seed)
{
	for (int i = 0; !try_file(name, count, seed); i++) {
		check(i < 10 * TICKS_PER_SECOND, "44: %s is not made",
		      name);
		sleep(1);
	}
}

static void expect_file_at_last(const char *name, int count,
				uint32_t seed)
{
	int fd, tries = 0;

	while ((fd = open(name, O_RDONLY)) < 0 && tries++ < 1000)
		sleep(1);
	for (int i = 0; i < count; i++) {
		while (read(fd, one_block, BLOCK) != BLOCK) {
			check(tries++ < 1000, "44: cannot read %s", name);
			sleep(1);
		}
		check(intact(one_block, BLOCK, seed_of(seed, i)),
		      "44: block %d of %s is wrong", i, name);
	}
	close(fd);
}

static void bug44_dirty_pages(void)
{
	int count = share_of_disk(30, full ? 1000 : 300), pid;

	for (int i = 0; i < (full ? 5 : 1); i++) {
		pid = spawn(take_memory, 0);
		make_file_at_last("file", count, i);
		make_file_at_last("other", count, i + 100);
		expect(pid, OK, "44: the large process");
		pid = spawn(take_memory, 0);
		expect_file_at_last("file", count, i);
		expect_file_at_last("other", count, i + 100);
		expect(pid, OK, "44: the large process");
	}
}

/* ---- At the same time ---- */

/* 31: creation in a directory that another one removes. */
static void create_in_a(uintptr_t me)
{
	for (int i = 0; i < rounds(300); i++) {
		if (me % 2) {
			mkdir("a");
			close(open("a/x", O_CREATE | O_RDWR));
			mkdir("a/b");
			link("a/x", "a/b/x");
			rename("a/x", "a/b/y");
		} else {
			unlink("a/b/x");
			unlink("a/b/y");
			unlink("a/b");
			unlink("a/x");
			unlink("a");
		}
	}
}

static void bug31_create_unlink(void)
{
	run_many(create_in_a, 4);
}

/* 43: several at once, and each wants it on the disk. */
static void write_and_sync(uintptr_t me)
{
	const char *name = numbered("s", me);

	for (int i = 0; i < rounds(60); i++) {
		int fd = must_open_for(name, O_CREATE | O_TRUNC |
					     O_RDWR);

		write_blocks(fd, 0, 2, me + i);
		check(fsync(fd) == 0, "43: fsync failed");
		must_seek(fd, 0);
		expect_blocks(fd, 0, 2, me + i);
		close(fd);
		if (i % 4 == 3)
			must_unlink(name);
		if (i % 8 == 5)
			check(sync() == 0, "43: sync failed");
	}
}

static void bug43_concurrent_commits(void)
{
	run_many(write_and_sync, 4);
}

/* 46: reads, writes, truncation and names of one file at once. */
static void use_file(uintptr_t me)
{
	seed_random(me + 46);
	for (int i = 0; i < rounds(300); i++) {
		int fd = open("file", O_CREATE | O_RDWR |
				      (roll(4) ? 0 : O_TRUNC));
		int what = roll(5);

		if (fd < 0)
			continue;
		if (what == 0)
			write(fd, filler_pages(), 5 * BLOCK);
		else if (what == 1)
			read(fd, one_block, BLOCK);
		else if (what == 2)
			rename("file", "other");
		else if (what == 3)
			link("other", "file");
		else
			fsync(fd);
		close(fd);
	}
}

static void bug46_lock_order(void)
{
	run_many(use_file, 4);
}

/* 47: two read through one offset; each byte comes once. */
static int shared_fd;

static void read_numbers(uintptr_t me)
{
	int number, out = must_create(numbered("got", me));

	while (read(shared_fd, &number, 4) == 4)
		write_whole(out, &number, 4);
	close(out);
}

static void bug47_offset(void)
{
	static int count[2000];
	int times = rounds(2000), number;

	shared_fd = must_create("numbers");
	for (int i = 0; i < times; i++)
		write_whole(shared_fd, &i, 4);
	must_seek(shared_fd, 0);
	run_many(read_numbers, 2);
	close(shared_fd);
	for (int me = 0; me < 2; me++) {
		int fd = must_open(numbered("got", me));

		while (read(fd, &number, 4) == 4) {
			check(number >= 0 && number < times,
			      "47: number %d", number);
			count[number]++;
		}
		close(fd);
	}
	for (int i = 0; i < times; i++)
		check(count[i] == 1, "47: %d was read %d times", i,
		      count[i]);
}

/* 49: processes are killed while they come to be. */
static void kill_the_next(uintptr_t unused)
{
	int me = getpid();

	(void)unused;
	for (int i = 0; i < 3000; i++)
		kill(me + 1 + i % 40);
}

static void bug49_pid_and_state(void)
{
	for (int i = 0; i < (full ? 10 : 2); i++) {
		int killer = spawn(kill_the_next, 0), status, pid;

		for (int n = 0; n < 30; n++) {
			pid = fork();
			if (pid == 0)
				exit(OK);
			check(pid > 0, "49: fork failed");
		}
		while ((pid = wait(&status)) > 0)
			check(status == OK || (status == KILLED &&
					       pid != killer),
			      "49: status %d", status);
	}
}

/* ---- Wild arguments ---- */

/* Calls that store something at BAD. */
static void try_stores(void *bad)
{
	int fd = must_open("dir"), got;

	check(raw_call(SYS_lseek, fd, (long)bad, SEEK_CUR) == -1,
	      "lseek with %p", bad);
	check(lseek(fd, 0, SEEK_CUR) == 0, "lseek with %p moved", bad);
	check(getdents(fd, bad, 4096) == -1, "getdents to %p", bad);
	got = getdents(fd, entries, sizeof entries);
	check(got > 0, "getdents failed after %p", bad);
	expect_entry(0, ".", "dir");
	check(filesystem(bad) == -1, "filesystem to %p", bad);
	close(fd);
}

static void try_rename(void *bad)
{
	check(rename("file", bad) == -1, "rename to %p", bad);
	check(rename(bad, "file") == -1, "rename from %p", bad);
	check(rename(bad, bad) == -1, "rename of %p", bad);
}

static void wild_files(void)
{
	char *last;

	must_mkdir("dir");
	write_text("file", "x");
	each_wild(try_stores);
	each_wild(try_rename);
	last = new_pages(1) + PAGE - 1;
	*last = 'x';
	try_stores(last);
	try_rename(last);
	try_stores((char *)opaque((uintptr_t)wild_files));
	expect_text("file", "x");
	check(each_entry(".", compare_entry) == 2, "what is here?");
}

/* A read or write of a disk file with a wild address moves nothing. */
static void try_file_data(void *bad)
{
	int fd = must_open_for("file", O_RDWR);

	check(read(fd, bad, 4) == -1, "read to %p", bad);
	check(write(fd, bad, 4) == -1, "write from %p", bad);
	check(write(fd, bad, 3 * BLOCK) == -1, "blocks from %p", bad);
	expect_rest(fd, "contents");
	close(fd);
}

static void wild_contents(void)
{
	write_text("file", "contents");
	each_wild(try_file_data);
	expect_text("file", "contents");
}

/* 6, 22: negative and huge counts, on files of the disk. */
static void bug22_counts_on_disk(void)
{
	const int count[] = { -1, -4096, (int)0x80000000 };
	int fd = must_create("file"), got;

	write_whole(fd, "contents", 8);
	must_seek(fd, 0);
	for (int i = 0; i < COUNT(count); i++) {
		check(read(fd, one_block, count[i]) == -1, "22: read");
		check(write(fd, one_block, count[i]) == -1,
		      "22: write");
		check(getdents(fd, one_block, count[i]) == -1,
		      "22: getdents");
	}
	check(write(fd, one_block, 0) == 0, "22: write of nothing");
	check(read(fd, one_block, 0) == 0, "22: read of nothing");
	expect_rest(fd, "contents");
	got = write(fd, one_block, 0x7fffffff);
	check(got == -1 || got < 0x1000000, "22: wrote %d", got);
	close(fd);
}

/* 1: read() of a file into text, which it was not loaded from. */
static void bug01_file_into_text(void)
{
	char *text = (char *)opaque((uintptr_t)burrow);
	int fd = must_create("file"), first = text[0];

	write_blocks(fd, 0, 1, 1);
	must_seek(fd, 0);
	check(read(fd, text, 100) == -1, "1: read into text");
	check(getdents(must_open("."), text, 500) == -1, "1: getdents");
	check(text[0] == first, "1: the text has changed");
	expect_blocks(fd, 0, 1, 1);
	close(fd);
}

static const struct test bug_tests[] = {
	{ "badwrite", badwrite, QUICK | FILES },
	{ "wild_files", wild_files, QUICK | FILES },
	{ "wild_contents", wild_contents, QUICK | FILES },
	{ "bug01_file_into_text", bug01_file_into_text, QUICK | FILES },
	{ "bug05_removed_directory", bug05_removed_directory,
	  QUICK | FILES },
	{ "bug05_look_around", bug05_look_around, QUICK | FILES },
	{ "bug05_race", bug05_race, QUICK | FILES },
	{ "bug07_open_unlinked", bug07_open_unlinked, QUICK | FILES },
	{ "bug10_names_are_whole", bug10_names_are_whole,
	  QUICK | FILES },
	{ "bug14_last_references", bug14_last_references,
	  QUICK | FILES },
	{ "bug17_inode_numbers", bug17_inode_numbers, QUICK | FILES },
	{ "bug22_counts_on_disk", bug22_counts_on_disk, QUICK | FILES },
	{ "bug31_create_unlink", bug31_create_unlink, QUICK | FILES },
	{ "bug35_half_write", bug35_half_write, QUICK | FILES },
	{ "bug35_no_trace", bug35_no_trace, QUICK | FILES },
	{ "bug39_no_blocks", bug39_no_blocks, SLOW | FILES },
	{ "bug43_concurrent_commits", bug43_concurrent_commits,
	  QUICK | FILES },
	{ "bug44_dirty_pages", bug44_dirty_pages, QUICK | FILES },
	{ "bug45_inode_reuse", bug45_inode_reuse, QUICK | FILES },
	{ "bug46_lock_order", bug46_lock_order, QUICK | FILES },
	{ "bug47_offset", bug47_offset, QUICK | FILES },
	{ "bug49_pid_and_state", bug49_pid_and_state, QUICK },
	{ "bug50_last_reference_race", bug50_last_reference_race,
	  QUICK | FILES },
};
