/* Tests of names: directories, links, paths, renaming, listing. */

/* ---- Files come and go ---- */

static void createtest(void)
{
	char name[3] = "a0";

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 52; i++) {
			name[1] = '0' + i;
			if (round == 0)
				close(must_create(name));
			else
				must_unlink(name);
		}
	}
	check(!exists("a0"), "a0 is still there");
}

/* A file without a name lives until it is closed. */
static void unlinkread(void)
{
	int fd = must_create("file"), other;

	write_whole(fd, "hello", 5);
	close(fd);
	fd = must_open_for("file", O_RDWR);
	must_unlink("file");
	check(!exists("file"), "the name is still there");
	other = must_create("file");
	write_whole(other, "yyy", 3);
	close(other);
	expect_rest(fd, "hello");
	check(stat_of_open(fd).nlink == 0, "it has %d names",
	      stat_of_open(fd).nlink);
	write_blocks(fd, 0, 10, 1);
	must_seek(fd, 5);
	expect_blocks(fd, 0, 10, 1);
	close(fd);
	expect_text("file", "yyy");
}

/* Unlinked while open: the blocks come back at the last close. */
static void unlinkblocks(void)
{
	int count = share_of_disk(30, 200), fd, twin;
	struct filesystem_info before, now;

	sync();
	before = disk_now();
	fd = must_create("file");
	twin = dup(fd);
	write_blocks(fd, 0, count, 4);
	must_unlink("file");
	close(fd);
	check(disk_now().free + count <= before.free,
	      "blocks are free too early");
	must_seek(twin, 0);
	expect_blocks(twin, 0, count, 4);
	close(twin);
	sync();
	now = disk_now();
	check(now.free + 4 >= before.free, "%d blocks stay",
	      (int)(before.free - now.free));
	check(now.inodes == before.inodes, "%d inodes, then %d",
	      (int)before.inodes, (int)now.inodes);
}

static void linktest(void)
{
	struct stat one, two;

	unlink("one");
	write_text("one", "hello");
	must_link("one", "two");
	one = stat_of("one");
	two = stat_of("two");
	check(one.ino == two.ino && one.nlink == 2, "inodes %d, %d",
	      (int)one.ino, (int)two.ino);
	must_unlink("one");
	check(!exists("one"), "one is still there");
	expect_text("two", "hello");
	check(stat_of("two").nlink == 1, "two names");
	check(link("two", "two") == -1, "linked to itself");
	check(link("one", "two") == -1, "linked what is not there");
	check(link("one", "three") == -1, "linked what is not there");
	check(link(".", "three") == -1, "linked a directory");
	check(link("two", "none/three") == -1, "linked into nowhere");
	must_unlink("two");
	check(unlink("two") == -1, "removed twice");
}

/* ---- Directories ---- */

static void dirtest(void)
{
	must_mkdir("dir0");
	check(stat_of("dir0").type == T_DIR, "it is no directory");
	check(stat_of("dir0").nlink == 1, "it has %d names",
	      stat_of("dir0").nlink);
	check(mkdir("dir0") == -1, "made twice");
	must_chdir("dir0");
	check(stat_of("..").ino == stat_of(WORKPLACE).ino, "where?");
	must_chdir("..");
	must_unlink("dir0");
	check(chdir("dir0") == -1, "it is still there");
	check(stat_of("/").ino == stat_of("/..").ino, "above the root");
}

/* Files and directories in directories, by every kind of path. */
static void subdir(void)
{
	int fd;

	must_mkdir("dd");
	write_text("dd/ff", "ff");
	check(unlink("dd") == -1, "removed with a file in it");
	must_mkdir(WORKPLACE "/dd/dd");
	write_text("dd/dd/ff", "FF");
	fd = must_open("dd/dd/../ff");
	expect_rest(fd, "ff");
	close(fd);
	must_link("dd/dd/ff", "dd/dd/ffff");
	must_unlink("dd/dd/ff");
	check(!exists("dd/dd/ff"), "dd/dd/ff is still there");
	must_chdir("dd");
	must_chdir("dd/../../dd");
	must_chdir("dd/.././../dd/./dd");
	expect_text("ffff", "FF");
	expect_text("../../dd/dd/ffff", "FF");
	check(!exists("../../dd/dd/ff"), "ff is back");
	must_chdir("../..");
	check(open("dd/ff/ff", O_CREATE) == -1, "ff is a file");
	check(open("dd/xx/ff", O_CREATE) == -1, "xx is nothing");
	check(open("dd", O_CREATE) == -1, "a directory was created");
	check(open("dd", O_RDWR) == -1, "opened for writing");
	check(open("dd", O_WRONLY) == -1, "opened for writing");
	check(open("dd", O_RDONLY | O_TRUNC) == -1, "truncated");
	check(mkdir("dd/ff/ff") == -1, "mkdir in a file");
	check(mkdir("dd/ff") == -1, "mkdir over a file");
	check(link("dd/ff/ff", "dd/x") == -1, "link of nothing");
	check(link("dd/dd/ffff", "dd/ff/x") == -1, "link in a file");
	check(link("dd/dd/ffff", "dd/ff") == -1, "link over a file");
	check(chdir("dd/ff") == -1, "chdir to a file");
	check(chdir("dd/xx") == -1, "chdir to nothing");
	check(unlink("dd/ff/ff") == -1, "unlink in a file");
	check(unlink("dd/xx/ff") == -1, "unlink in nothing");
	must_unlink("dd/dd/ffff");
	must_unlink("dd/ff");
	check(unlink("dd") == -1, "removed with a directory in it");
	must_unlink("dd/dd");
	must_unlink("dd");
	check(unlink("dd") == -1, "removed twice");
}

/* Nobody removes "." and ".." and "/". */
static void rmdot(void)
{
	must_mkdir("dots");
	must_chdir("dots");
	check(unlink(".") == -1, "unlink .");
	check(unlink("..") == -1, "unlink ..");
	must_chdir("..");
	check(unlink("dots/.") == -1, "unlink dots/.");
	check(unlink("dots/..") == -1, "unlink dots/..");
	check(unlink("/") == -1, "unlink /");
	check(unlink("//") == -1, "unlink //");
	check(unlink("/..") == -1, "unlink /..");
	check(mkdir(".") == -1, "mkdir .");
	check(mkdir("/") == -1, "mkdir /");
	check(mkdir("dots/..") == -1, "mkdir dots/..");
	must_unlink("dots");
}

/* A file is no directory. */
static void dirfile(void)
{
	int fd;

	close(must_create("dirfile"));
	check(chdir("dirfile") == -1, "chdir to a file");
	check(!exists("dirfile/xx"), "there is something in it");
	check(open("dirfile/xx", O_CREATE) == -1, "create in it");
	check(mkdir("dirfile/xx") == -1, "mkdir in it");
	check(unlink("dirfile/xx") == -1, "unlink in it");
	check(link(TEXT_FILE, "dirfile/xx") == -1, "link into it");
	check(rename("dirfile", "dirfile/xx") == -1, "into itself");
	must_unlink("dirfile");
	check(open(".", O_RDWR) == -1, ". opened for writing");
	fd = must_open(".");
	check(write(fd, "x", 1) == -1, "written to .");
	close(fd);
}

/* Calls that fail hold no inode. */
static void iref(void)
{
	enum { DEPTH = 51 };

	for (int i = 0; i < DEPTH; i++) {
		must_mkdir("irefd");
		must_chdir("irefd");
		check(mkdir("") == -1, "mkdir of no name");
		check(link(TEXT_FILE, "") == -1, "link to no name");
		check(open("", O_CREATE) == -1, "create no name");
		check(mknod("", 1, 0) == -1, "mknod of no name");
		close(must_create("xx"));
		must_unlink("xx");
	}
	for (int i = 0; i < DEPTH; i++) {
		must_chdir("..");
		must_unlink("irefd");
	}
}

/* The current directory is removed. */
static void iput(void)
{
	must_mkdir("iputdir");
	must_chdir("iputdir");
	must_unlink("../iputdir");
	must_chdir("/");
}

static void leave_removed(uintptr_t unused)
{
	(void)unused;
	must_mkdir("iputdir");
	must_chdir("iputdir");
	must_unlink("../iputdir");
}

/* And its process ends in it. */
static void exitiput(void)
{
	expect(spawn(leave_removed, 0), OK, "the child");
	check(!exists("iputdir"), "it is still there");
}

static void open_to_write(uintptr_t times)
{
	for (int i = 0; i < (int)times; i++)
		check(open("oidir", O_RDWR) == -1, "opened");
}

/* A directory goes while somebody tries to open it. */
static void openiput(void)
{
	for (int i = 0; i < rounds(50); i++) {
		int pid;

		must_mkdir("oidir");
		pid = spawn(open_to_write, 50);
		must_unlink("oidir");
		expect(pid, OK, "the child");
	}
}

/* 500 names in one directory. */
static void bigdir(void)
{
	int count = rounds(500);

	close(must_create("bd"));
	for (int i = 0; i < count; i++)
		must_link("bd", numbered("x", i));
	check(stat_of("bd").nlink == count + 1, "%d names",
	      stat_of("bd").nlink);
	must_unlink("bd");
	for (int i = 0; i < count; i++)
		must_unlink(numbered("x", i));
}

/* Directories in directories, further than a path can reach. */
static void deep(void)
{
	enum { DEPTH = 60 };
	char name[101];

	memset(name, 'd', 100);
	name[100] = 0;
	for (int i = 0; i < DEPTH; i++) {
		must_mkdir(name);
		must_chdir(name);
	}
	write_text("bottom", "here");
	expect_text("bottom", "here");
	must_unlink("bottom");
	for (int i = 0; i < DEPTH; i++) {
		must_chdir("..");
		must_unlink(name);
	}
	check(stat_of(".").ino == stat_of(WORKPLACE).ino, "where?");
}

/* ---- Long names and long paths ---- */

static char long_text[12000];

/* COUNT times the letter C; good until the next call. */
static char *repeated(char c, int count)
{
	memset(long_text, c, count);
	long_text[count] = 0;
	return long_text;
}

/* xv6 cuts names to 14 bytes; here they are whole. */
static void fourteen(void)
{
	int fd;

	must_mkdir("12345678901234");
	must_mkdir("12345678901234/123456789012345");
	check(!exists("12345678901234/12345678901234"),
	      "a name was cut");
	check(!exists("123456789012345"), "a name was cut");
	write_text("12345678901234/123456789012345/1234567890123456",
		   "16");
	check(!exists("12345678901234/123456789012345/12345678901234"),
	      "a name was cut");
	check(mkdir("12345678901234/12345678901234") == 0, "14");
	check(mkdir("123456789012345/123456789012345") == -1,
	      "nothing of 15 is there");
	fd = must_open("12345678901234/123456789012345/"
		       "1234567890123456");
	expect_rest(fd, "16");
	close(fd);
}

/* 255 bytes are a name, 256 are not, in every call. */
static void longnames(void)
{
	struct stat info;

	write_text(repeated('n', 255), "255");
	expect_text(repeated('n', 255), "255");
	check(!exists(repeated('n', 254)), "254 is the same");
	must_link(repeated('n', 255), "short");
	must_unlink(repeated('n', 255));
	must_rename("short", repeated('m', 255));
	expect_text(repeated('m', 255), "255");
	must_unlink(repeated('m', 255));
	must_mkdir(repeated('d', 255));
	must_chdir(repeated('d', 255));
	must_chdir("..");
	must_unlink(repeated('d', 255));
	write_text("file", "x");
	for (int size = 256; size < 10000; size += size) {
		char *name = repeated('x', size);

		check(open(name, O_CREATE | O_RDWR) == -1,
		      "open %d bytes", size);
		check(mkdir(name) == -1, "mkdir %d bytes", size);
		check(mknod(name, 1, 0) == -1, "mknod %d", size);
		check(link("file", name) == -1, "link %d bytes", size);
		check(rename("file", name) == -1, "rename %d", size);
		check(unlink(name) == -1, "unlink %d bytes", size);
		check(chdir(name) == -1, "chdir %d bytes", size);
		check(stat(name, &info) == -1, "stat %d bytes", size);
	}
	expect_text("file", "x");
}

/* No name at all. */
static void emptyname(void)
{
	write_text("file", "x");
	check(open("", O_CREATE | O_RDWR) == -1, "open");
	check(mkdir("") == -1, "mkdir");
	check(mknod("", 1, 0) == -1, "mknod");
	check(link("file", "") == -1, "link");
	check(link("", "file2") == -1, "link of it");
	check(rename("file", "") == -1, "rename");
	check(rename("", "file2") == -1, "rename of it");
	check(unlink("") == -1, "unlink");
	check(chdir("") == -1, "chdir");
	expect_text("file", "x");
}

/* The same for a path that ends in "file", SIZE bytes with FILLER. */
static const char *padded(const char *filler, int size)
{
	char *path = long_text;
	int unit = strlen(filler), at = 0;

	while (at + unit + 4 <= size) {
		memmove(path + at, filler, unit);
		at += unit;
	}
	while (at + 4 < size)
		path[at++] = '/';
	strcpy(path + at, "file");
	return path;
}

/* 511 bytes are a path, and thousands of slashes no endless loop. */
static void longpaths(void)
{
	char start[LONGEST_PATH + 1];
	int fd;

	write_text("file", "x");
	expect_text(padded("./", LONGEST_PATH), "x");
	expect_text(padded(".//", LONGEST_PATH - 1), "x");
	check(!exists(padded("./", LONGEST_PATH + 1)), "512 bytes");
	check(!exists(padded("../", LONGEST_PATH)), "in the root");
	snprintf(start, sizeof start, "%s/x", padded("./", 509));
	check(!exists(start), "the file is no directory");
	fd = open(padded("/", 10000), O_RDONLY);
	check(fd == -1, "10000 slashes lead to the root's file");
	fd = open(padded("./", 10000), O_RDONLY);
	check(fd == -1, "a path of 10000 bytes");
	memset(start, '/', LONGEST_PATH);
	start[LONGEST_PATH] = 0;
	check(stat_of(start).ino == stat_of("/").ino, "511 slashes");
	check(stat_of(".//").ino == stat_of(WORKPLACE).ino, ".//");
}

/* Every byte but 0 and '/' can be in a name. */
static void oddnames(void)
{
	char name[4] = "n?x";

	for (int c = 1; c < 256; c++) {
		name[1] = c;
		if (c != '/')
			write_text(name, name);
	}
	for (int c = 1; c < 256; c++) {
		name[1] = c;
		if (c == '/')
			continue;
		expect_text(name, name);
		must_unlink(name);
	}
	close(must_create("..."));
	close(must_create(".x"));
	must_unlink("...");
	must_unlink(".x");
}

/* ---- Devices ---- */

static void devicefile(void)
{
	struct stat info;
	int fd;

	check(mknod("console", 1, 0) == 0, "mknod failed");
	check(mknod("console", 1, 0) == -1, "made twice");
	fd = must_open_for("console", O_RDWR);
	info = stat_of_open(fd);
	check(info.type == T_DEVICE, "its type is %d", info.type);
	check(write(fd, "", 0) == 0, "nothing can be written");
	check(lseek(fd, 0, SEEK_SET) == -1, "lseek on the console");
	close(fd);
	check(chdir("console") == -1, "chdir to it");
	must_link("console", "terminal");
	must_unlink("console");
	close(must_open_for("terminal", O_WRONLY));
	must_unlink("terminal");
	check(mknod("none", 99, 0) == -1 ||
	      open("none", O_RDWR) == -1, "device 99 was opened");
	check(mknod("minus", -1, 0) == -1 ||
	      open("minus", O_RDWR) == -1, "device -1 was opened");
}

/* ---- Listing ---- */

static unsigned char seen[10000];       /* how often, each entry */
static int strangers;                   /* entries of other names */

static void count_entry(const struct directory_entry *entry)
{
	int n = entry->name[0] == 'e' ? atoi(entry->name + 1) : -1;

	if (n < 0 || n >= (int)sizeof seen)
		strangers++;
	else
		seen[n]++;
}

static void start_counting(void)
{
	memset(seen, 0, sizeof seen);
	strangers = 0;
}

/* e0, e1, ... were seen once each, and nothing else. */
static void expect_seen(int count)
{
	check(strangers == 0, "%d unknown entries", strangers);
	for (int i = 0; i < (int)sizeof seen; i++)
		check(seen[i] == (i < count), "e%d: %d times", i,
		      seen[i]);
}

static void remove_seen(const struct directory_entry *entry)
{
	count_entry(entry);
	must_unlink(entry->name);
}

/* COUNT files in a directory: listed once each, opened, removed. */
static void list_many(int count)
{
	must_mkdir("many");
	must_chdir("many");
	for (int i = 0; i < count; i++)
		close(must_create(numbered("e", i)));
	start_counting();
	check(each_entry(".", count_entry) == count, "the number");
	expect_seen(count);
	for (int i = 0; i < count; i++)
		check(exists(numbered("e", (i * 7919LL) % count)),
		      "e%d is missing", (int)((i * 7919LL) % count));
	check(!exists(numbered("e", count)), "one too many");
	start_counting();
	check(each_entry(".", remove_seen) == count,
	      "removal changes the number");
	expect_seen(count);
	check(each_entry(".", count_entry) == 0, "some are left");
	must_chdir("..");
	must_unlink("many");
}

static void getdents300(void)
{
	list_many(300);
}

static void getdents10000(void)
{
	list_many(10000);
}

/* What a record says is what fstat() says. */
static void compare_entry(const struct directory_entry *entry)
{
	struct stat info = stat_of(entry->name);

	check(info.ino == entry->ino, "%s: inode %d, %d", entry->name,
	      (int)info.ino, (int)entry->ino);
	check(info.type == entry->type, "%s: type %d, %d",
	      entry->name, info.type, entry->type);
	check(entry->length == strlen(entry->name), "%s: length %d",
	      entry->name, entry->length);
	check(entry->record % 4 == 0 && entry->record >=
	      offsetof(struct directory_entry, name) +
	      entry->length + 1, "%s: record %d", entry->name,
	      entry->record);
}

/* The record of name NAME has to be at AT; its size. */
static int expect_entry(int at, const char *name, const char *path)
{
	struct directory_entry *entry;

	entry = (void *)((char *)entries + at);
	check(strcmp(entry->name, name) == 0, "%s, not %s",
	      entry->name, name);
	check(entry->ino == stat_of(path).ino, "%s: inode %d", name,
	      (int)entry->ino);
	check(entry->type == T_DIR, "%s: type %d", name, entry->type);
	return entry->record;
}

/* What is there all the time is found, though the directory doubles. */
static void getdentsdoubled(void)
{
	enum { OLD = 256, NEW = 300 };  /* a block has room for 256 */
	static char found[NEW];
	int fd, got, at;

	must_mkdir("d");
	must_chdir("d");
	for (int i = 0; i < OLD; i++)
		close(must_create(numbered("old", 10000 + i)));
	fd = must_open(".");
	got = getdents(fd, entries, 2048);
	for (int i = OLD; i < NEW; i++)
		close(must_create(numbered("new", 10000 + i)));
	while (got > 0) {
		for (at = 0; at < got;) {
			struct directory_entry *entry;

			entry = (void *)((char *)entries + at);
			at += entry->record;
			if (!is_dot(entry->name))
				found[atoi(entry->name + 3) - 10000] = 1;
		}
		got = getdents(fd, entries, sizeof entries);
	}
	check(got == 0, "getdents failed");
	for (int i = 0; i < OLD; i++)
		check(found[i], "name %d was missed", i);
}

static void getdentsrecords(void)
{
	int fd, at;

	close(must_create("file"));
	must_mkdir("directory");
	check(mknod("device", 1, 0) == 0, "mknod failed");
	close(must_create(repeated('l', 255)));
	check(each_entry(".", compare_entry) == 4, "not 4 entries");
	fd = must_open(".");
	check(getdents(fd, entries, sizeof entries) > 0, "getdents");
	at = expect_entry(0, ".", ".");
	expect_entry(at, "..", "..");
	check(getdents(fd, entries, sizeof entries) == 0, "no end");
	close(fd);
}

/* The next record needs more than SIZE bytes. */
static void getdentssmall(void)
{
	int fd = must_open("."), got;

	check(getdents(fd, entries, 0) == -1, "0 bytes");
	check(getdents(fd, entries, 4) == -1, "4 bytes");
	check(getdents(fd, entries, -1) == -1, "-1 bytes");
	check(getdents(fd, entries, 0x80000000) == -1, "- 2 GiB");
	got = getdents(fd, entries, 40);
	check(got > 0 && got <= 40, "40 bytes: %d", got);
	expect_entry(0, ".", ".");
	close(fd);
	fd = must_open(TEXT_FILE);
	check(getdents(fd, entries, sizeof entries) == -1, "a file");
	close(fd);
	check(getdents(1, entries, sizeof entries) == -1, "console");
	check(getdents(-1, entries, sizeof entries) == -1, "-1");
	check(getdents(99, entries, sizeof entries) == -1, "99");
}

/* Read as in xv6: records of 16 bytes, names of up to 14. */
static void readdirectory(void)
{
	struct { uint16_t ino; char name[14]; } record;
	int fd, found = 0, total = 0;

	close(must_create("short"));
	close(must_create("exactly14bytes"));
	close(must_create("a name of more than 14 bytes"));
	must_unlink("short");
	close(must_create("short"));
	fd = must_open(".");
	while (read(fd, &record, sizeof record) == sizeof record) {
		if (record.ino == 0)
			continue;
		total++;
		found += memcmp(record.name, "a name of more", 14) == 0;
		found += memcmp(record.name, "exactly14bytes", 14) == 0;
		if (strcmp(record.name, "short") != 0)
			continue;
		check(zero(record.name + 5, 9), "no zeros");
		check(record.ino == (uint16_t)stat_of("short").ino,
		      "inode %d", record.ino);
		found++;
	}
	close(fd);
	check(total == 5, "%d entries", total);
	check(found == 3, "%d of 3 names", found);
}

/* ---- Renaming ---- */

static void renametest(void)
{
	struct stat before;

	write_text("old", "contents");
	before = stat_of("old");
	must_rename("old", "new");
	check(!exists("old"), "the old name stays");
	expect_text("new", "contents");
	check(stat_of("new").ino == before.ino, "another inode");
	check(stat_of("new").nlink == 1, "%d names",
	      stat_of("new").nlink);
	must_mkdir("dir");
	must_rename("new", "dir/new");
	must_rename("dir/new", "dir/newer");
	must_rename(WORKPLACE "/dir/newer", "new");
	expect_text("new", "contents");
	must_unlink("dir");
}

/* Over a file: that one's blocks come back, unless it is open. */
static void renameover(void)
{
	int count = share_of_disk(20, 100), fd;
	unsigned before;

	write_text("new", "new");
	sync();
	before = disk_now().free;
	make_file("old", count, 1);
	must_rename("new", "old");
	expect_text("old", "new");
	check(!exists("new"), "the other name stays");
	sync();
	check(disk_now().free + 4 >= before, "%d blocks stay",
	      (int)(before - disk_now().free));
	make_file("old2", count, 2);
	fd = must_open("old2");
	must_rename("old", "old2");
	expect_blocks(fd, 0, count, 2);
	close(fd);
	expect_text("old2", "new");
}

/* To the name that it has, or another one that it has. */
static void renameself(void)
{
	write_text("file", "x");
	must_rename("file", "file");
	expect_text("file", "x");
	must_rename("file", "./file");
	expect_text("file", "x");
	must_link("file", "link");
	must_rename("file", "link");
	expect_text("link", "x");
	check(stat_of("link").nlink == 1 + exists("file"),
	      "%d names", stat_of("link").nlink);
	must_mkdir("dir");
	must_rename("dir", "dir");
	must_unlink("dir");
}

/* A directory takes along what is in it, and finds its new parent. */
static void renamedir(void)
{
	must_mkdir("one");
	must_mkdir("two");
	must_mkdir("one/sub");
	write_text("one/sub/file", "x");
	must_rename("one/sub", "two/moved");
	expect_text("two/moved/file", "x");
	check(stat_of("two/moved/..").ino == stat_of("two").ino,
	      "its parent is the old one");
	must_unlink("one");
	must_mkdir("empty");
	must_rename("two/moved", "empty");
	expect_text("empty/file", "x");
	check(stat_of("empty/..").ino == stat_of(".").ino, "parent");
	must_unlink("two");
	must_chdir("empty");
	must_rename("../empty", "../again");
	check(stat_of("..").ino == stat_of(WORKPLACE).ino, "parent");
	must_chdir("..");
	check(stat_of("again").nlink == 1, "%d names",
	      stat_of("again").nlink);
}

/* What cannot be renamed stays as it was. */
static void renamefails(void)
{
	must_mkdir("dir");
	must_mkdir("dir/sub");
	must_mkdir("full");
	write_text("full/file", "x");
	write_text("file", "y");
	check(rename("dir", "dir/sub/x") == -1, "into its subtree");
	check(rename("dir", "dir/x") == -1, "into itself");
	check(rename("dir", "dir/sub/../sub/x") == -1, "into itself");
	check(rename("dir", "dir/sub") == -1, "over its own child");
	check(rename("dir/sub", "dir") == -1, "over its parent");
	check(rename("dir", "full") == -1, "over a full directory");
	check(rename("file", "dir/sub") == -1, "file over directory");
	check(rename("dir", "file") == -1, "directory over file");
	check(rename("none", "x") == -1, "what is not there");
	check(rename("none", "file") == -1, "what is not there");
	check(rename("file", "none/x") == -1, "to nowhere");
	check(rename("file", "file/x") == -1, "below itself");
	check(rename(".", "x") == -1, ".");
	check(rename("..", "x") == -1, "..");
	check(rename("dir/.", "x") == -1, "dir/.");
	check(rename("dir/sub/..", "x") == -1, "dir/sub/..");
	check(rename("/", "x") == -1, "/");
	check(rename("file", ".") == -1, "to .");
	check(rename("file", "..") == -1, "to ..");
	check(rename("dir", ".") == -1, "directory to .");
	check(rename("dir", "full/..") == -1, "directory to ..");
	check(rename("dir", "/") == -1, "directory to /");
	check(!exists("x"), "x came to be");
	expect_text("full/file", "x");
	expect_text("file", "y");
	must_unlink("dir/sub");
	must_unlink("dir");
}

static const struct test name_tests[] = {
	{ "createtest", createtest, QUICK | FILES },
	{ "unlinkread", unlinkread, QUICK | FILES },
	{ "unlinkblocks", unlinkblocks, QUICK | FILES },
	{ "linktest", linktest, QUICK | FILES },
	{ "dirtest", dirtest, QUICK | FILES },
	{ "subdir", subdir, QUICK | FILES },
	{ "rmdot", rmdot, QUICK | FILES },
	{ "dirfile", dirfile, QUICK | FILES },
	{ "iref", iref, QUICK | FILES },
	{ "iput", iput, QUICK | FILES },
	{ "exitiput", exitiput, QUICK | FILES },
	{ "openiput", openiput, QUICK | FILES },
	{ "bigdir", bigdir, QUICK | FILES },
	{ "deep", deep, QUICK | FILES },
	{ "fourteen", fourteen, QUICK | FILES },
	{ "longnames", longnames, QUICK | FILES },
	{ "emptyname", emptyname, QUICK | FILES },
	{ "longpaths", longpaths, QUICK | FILES },
	{ "oddnames", oddnames, QUICK | FILES },
	{ "devicefile", devicefile, QUICK | FILES },
	{ "getdents300", getdents300, QUICK | FILES },
	{ "getdentsdoubled", getdentsdoubled, QUICK | FILES },
	{ "getdents10000", getdents10000, SLOW | FILES },
	{ "getdentsrecords", getdentsrecords, QUICK | FILES },
	{ "getdentssmall", getdentssmall, QUICK | FILES },
	{ "readdirectory", readdirectory, QUICK | FILES },
	{ "renametest", renametest, QUICK | FILES },
	{ "renameover", renameover, QUICK | FILES },
	{ "renameself", renameself, QUICK | FILES },
	{ "renamedir", renamedir, QUICK | FILES },
	{ "renamefails", renamefails, QUICK | FILES },
};
