/*
 * What the tests of files on the disk share.  Each of them runs in an
 * empty directory of its own, which is removed with all that is in it.
 */
#ifndef DISK_H
#define DISK_H

#define WORKPLACE "/usertests.d"        /* that directory */

enum { BLOCK = 4096, LONGEST_NAME = 255, LONGEST_PATH = 511 };

/* ---- Random numbers ---- */

static uint32_t random_state = 1;

/* A number from 0 to LIMIT - 1. */
static int roll(int limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % limit;
}

static void seed_random(uint32_t seed)
{
	random_state = seed * 2654435761u | 1;
}

/* ---- Calls that have to succeed ---- */

/* A new file, or an old one, for reading and writing. */
static int must_create(const char *name)
{
	int fd = open(name, O_CREATE | O_RDWR);

	check(fd >= 0, "cannot create %s", name);
	return fd;
}

static int must_open_for(const char *name, int flags)
{
	int fd = open(name, flags);

	check(fd >= 0, "cannot open %s (flags %x)", name, flags);
	return fd;
}

static void read_whole(int fd, void *to, int size)
{
	int got = read(fd, to, size);

	check(got == size, "read %d bytes of %d", got, size);
}

static void write_whole(int fd, const void *from, int size)
{
	int got = write(fd, from, size);

	check(got == size, "wrote %d bytes of %d", got, size);
}

static void must_unlink(const char *name)
{
	check(unlink(name) == 0, "cannot unlink %s", name);
}

static void must_link(const char *old, const char *new)
{
	check(link(old, new) == 0, "cannot link %s to %s", new, old);
}

static void must_mkdir(const char *name)
{
	check(mkdir(name) == 0, "cannot make directory %s", name);
}

static void must_chdir(const char *name)
{
	check(chdir(name) == 0, "cannot chdir to %s", name);
}

static void must_rename(const char *old, const char *new)
{
	check(rename(old, new) == 0, "cannot rename %s to %s", old,
	      new);
}

static void must_seek(int fd, long long offset)
{
	long long got = lseek(fd, offset, SEEK_SET);

	check(got == offset, "lseek to %lld gives %lld", offset, got);
}

/* ---- Questions ---- */

static int exists(const char *name)
{
	int fd = open(name, O_RDONLY);

	if (fd < 0)
		return 0;
	close(fd);
	return 1;
}

static struct stat stat_of(const char *name)
{
	struct stat info;

	check(stat(name, &info) == 0, "cannot stat %s", name);
	return info;
}

static struct stat stat_of_open(int fd)
{
	struct stat info;

	check(fstat(fd, &info) == 0, "cannot fstat %d", fd);
	return info;
}

/* How the disk is used; reads and writes have to be done first. */
static struct filesystem_info disk_now(void)
{
	struct filesystem_info info;

	check(filesystem(&info) == 0, "filesystem() failed");
	return info;
}

static int can_drop;                    /* the monitor can; see main() */

/* Write what is dirty, and forget all that is cached. */
static void drop_caches(void)
{
	check(sync() == 0, "sync failed");
	if (can_drop)
		monitor("drop");
}

/* This many percent of the free blocks, but not more than MOST. */
static int share_of_disk(int percent, int most)
{
	int blocks = (int)(disk_now().free * (long long)percent / 100);

	return blocks < most ? blocks : most;
}

/* ---- Names ---- */

/* STEM with the number N; good until the eighth call from now. */
static const char *numbered(const char *stem, int n)
{
	static char name[8][64];
	static int next;
	char *at = name[next++ % 8];

	snprintf(at, sizeof name[0], "%s%d", stem, n);
	return at;
}

/* ---- Contents ---- */

/* File NAME gets the text TEXT and nothing else. */
static void write_text(const char *name, const char *text)
{
	int fd = must_open_for(name, O_CREATE | O_TRUNC | O_WRONLY);

	write_whole(fd, text, strlen(text));
	close(fd);
}

/* From where FD is to the end there has to be TEXT. */
static void expect_rest(int fd, const char *text)
{
	static char found[1024];
	int size = strlen(text), got = read(fd, found, sizeof found);

	check(got == size, "%d bytes, not %d", got, size);
	check(memcmp(found, text, size) == 0, "wrong contents");
}

static void expect_text(const char *name, const char *text)
{
	int fd = must_open(name);

	expect_rest(fd, text);
	close(fd);
}

/* Patterns of a block; SEED says which file, INDEX which block. */
static uint32_t seed_of(uint32_t seed, int index)
{
	return seed * 69069 + index * 31;
}

static uint32_t one_block[BLOCK / 4];

/* Blocks FIRST to FIRST + COUNT - 1 of a file, written where FD is. */
static void write_blocks(int fd, int first, int count, uint32_t seed)
{
	for (int i = first; i < first + count; i++) {
		fill(one_block, BLOCK, seed_of(seed, i));
		write_whole(fd, one_block, BLOCK);
	}
}

/* These blocks have to be where FD is. */
static void expect_blocks(int fd, int first, int count, uint32_t seed)
{
	for (int i = first; i < first + count; i++) {
		read_whole(fd, one_block, BLOCK);
		check(intact(one_block, BLOCK, seed_of(seed, i)),
		      "block %d is wrong", i);
	}
}

/* A file of COUNT blocks. */
static void make_file(const char *name, int count, uint32_t seed)
{
	int fd = must_open_for(name, O_CREATE | O_TRUNC | O_WRONLY);

	write_blocks(fd, 0, count, seed);
	close(fd);
}

static void expect_file(const char *name, int count, uint32_t seed)
{
	int fd = must_open(name);

	expect_blocks(fd, 0, count, seed);
	check(read(fd, one_block, 1) == 0, "%s is longer", name);
	close(fd);
}

/* ---- Children ---- */

/* COUNT children that do ACT(0), ACT(1), ... */
static void spawn_many(void (*act)(uintptr_t), int count)
{
	for (int i = 0; i < count; i++)
		spawn(act, i);
}

/* Wait for COUNT of the children; they have to be well. */
static void expect_some(int count)
{
	for (int i = 0; i < count; i++) {
		int status, pid = wait(&status);

		check(pid > 0, "a child is missing");
		if (status == FAILED)
			exit(FAILED);
		check(status == OK, "a child has status %d", status);
	}
}

/* The same, and they have to be all there are. */
static void expect_all(int count)
{
	expect_some(count);
	expect_no_child();
}

static void run_many(void (*act)(uintptr_t), int count)
{
	spawn_many(act, count);
	expect_all(count);
}

/* Wait until there is a file NAME. */
static void await_file(const char *name)
{
	for (int i = 0; i < 20 * TICKS_PER_SECOND; i++) {
		if (exists(name))
			return;
		sleep(1);
	}
	fail("%s does not come", name);
}

/* ---- Directories ---- */

static uint32_t entries[1024];          /* words: records are aligned */

static int is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/*
 * Call ACT for each entry of the directory NAME but "." and "..".  ACT
 * may remove it.  How many there were, or -1.
 */
static int each_entry(const char *name,
		      void (*act)(const struct directory_entry *))
{
	int fd = open(name, O_RDONLY), got, count = 0;

	if (fd < 0)
		return -1;
	while ((got = getdents(fd, entries, sizeof entries)) > 0) {
		for (int at = 0; at < got;) {
			struct directory_entry *entry;

			entry = (void *)((char *)entries + at);
			at += entry->record;
			if (is_dot(entry->name))
				continue;
			count++;
			act(entry);
		}
	}
	close(fd);
	return got < 0 ? got : count;
}

/* ---- The workplace ---- */

static char stubborn[LONGEST_NAME + 1]; /* a directory, not empty */

static void remove_entry(const struct directory_entry *entry)
{
	if (unlink(entry->name) < 0 && entry->type == T_DIR)
		strcpy(stubborn, entry->name);
}

/* Empty the current directory, as far as possible. */
static void remove_all(void)
{
	char name[LONGEST_NAME + 1];

	for (;;) {
		stubborn[0] = 0;
		each_entry(".", remove_entry);
		if (!stubborn[0])
			return;
		strcpy(name, stubborn);
		if (chdir(name) < 0)
			return;
		remove_all();
		if (chdir("..") < 0 || unlink(name) < 0)
			return;
	}
}

/* Make the workplace, and go there. */
static void enter_workplace(void)
{
	must_mkdir(WORKPLACE);
	must_chdir(WORKPLACE);
}

/* Remove it, for somebody whose place is /; 0, or -1 if it stays. */
static int remove_workplace(void)
{
	if (chdir(WORKPLACE) < 0)
		return 0;
	remove_all();
	must_chdir("/");
	return unlink(WORKPLACE);
}

#endif
