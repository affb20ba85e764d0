/* Tests of exec with program files that were written just now. */

/* ---- Programs on the disk ---- */

/* Copy the file FROM to TO, in pieces of odd sizes. */
static void copy_file(const char *from, const char *to)
{
	static char bytes[5000];
	int in = must_open(from), got;
	int out = must_open_for(to, O_CREATE | O_TRUNC | O_WRONLY);

	while ((got = read(in, bytes, sizeof bytes)) > 0)
		write_whole(out, bytes, got);
	check(got == 0, "cannot read %s", from);
	close(in);
	close(out);
}

/* A program that was written a moment ago, and not yet to the disk. */
static void execwritten(void)
{
	char *tiny[] = { "x", 0 };
	char *word[] = { "x", "=sum", "just", "written", 0 };

	for (int i = 0; i < 3; i++) {
		copy_file(SELF, "prog");
		check(run("prog", word) == hash(4, word),
		      "wrong arguments");
		copy_file(TINY, "prog");
		check(run("prog", tiny) == OK, "the old program ran");
		must_unlink("prog");
	}
	check(run("prog", tiny) == NO_EXEC, "it ran without a file");
}

/* Through another name, when the first one is gone. */
static void execlink(void)
{
	char *word[] = { "x", "=sum", "link", 0 };

	copy_file(SELF, "prog");
	must_link("prog", "other");
	must_unlink("prog");
	check(run("other", word) == hash(3, word), "through the link");
	must_rename("other", "third");
	check(run(WORKPLACE "/third", word) == hash(3, word),
	      "under a new name");
	must_mkdir("dir");
	must_rename("third", "dir/prog");
	check(run("dir/../dir/prog", word) == hash(3, word), "moved");
}

/* A child that runs "prog" and waits there for file "go". */
static int start_lingering(void)
{
	char *word[] = { "x", "=linger", "here", "go", 0 };
	int pid = must_fork();

	if (pid == 0) {
		exec("prog", word);
		exit(NO_EXEC);
	}
	await_file("here");
	return pid;
}

/* A program goes on that has lost its name, and its neighbours. */
static void execremoved(void)
{
	int pid;

	copy_file(SELF, "prog");
	pid = start_lingering();
	must_unlink("prog");
	make_file("new", share_of_disk(50, 200), 1);
	drop_caches();
	write_text("go", "");
	expect(pid, LINGERED, "the removed program");
}

/* The file of a running program is replaced, as `make` does it. */
static void execreplaced(void)
{
	int pid;

	copy_file(SELF, "prog");
	pid = start_lingering();
	copy_file(TINY, "new");
	must_rename("new", "prog");
	write_text("go", "");
	expect(pid, LINGERED, "the replaced program");
}

/* A file is not written while a program runs from it. */
static void execoverwritten(void)
{
	int pid;

	copy_file(SELF, "prog");
	pid = start_lingering();
	check(open("prog", O_WRONLY) == -1, "open for writing");
	check(open("prog", O_RDWR | O_CREATE) == -1, "create");
	check(open("prog", O_RDONLY | O_TRUNC) == -1, "truncated");
	close(must_open("prog"));
	write_text("go", "");
	expect(pid, LINGERED, "the program");
	copy_file(TEXT_FILE, "prog");
}

/* Nor is a program started from a file that somebody may write to. */
static void execopen(void)
{
	char *word[] = { "x", 0 };
	int fd;

	copy_file(TINY, "prog");
	fd = must_open_for("prog", O_WRONLY);
	check(exec("prog", word) == -1, "exec of a file that is written");
	close(fd);
	fd = must_fork();
	if (fd == 0) {
		exec("prog", word);
		exit(NO_EXEC);
	}
	expect(fd, OK, "the program");
}

static void remove_and_make(uintptr_t unused)
{
	(void)unused;
	while (exists("busy")) {
		unlink("prog");
		copy_file(TINY, "new");
		must_rename("new", "prog");
	}
}

/* Programs that are removed and renamed while they are started. */
static void execrace(void)
{
	char *word[] = { "x", 0 };
	int pid;

	write_text("busy", "");
	pid = spawn(remove_and_make, 0);
	for (int i = 0; i < rounds(200); i++) {
		int child = must_fork(), status;

		if (child == 0) {
			exec("prog", word);
			exit(NO_EXEC);
		}
		while (wait(&status) != child)
			check(0, "the other child has ended");
		check(status == OK || status == NO_EXEC, "status %d",
		      status);
	}
	must_unlink("busy");
	expect(pid, OK, "the other child");
}

static void open_and_close(uintptr_t unused)
{
	(void)unused;
	for (int i = 0; i < rounds(100000); i++)
		close(must_open("prog"));
}

static void run_forks(uintptr_t unused)
{
	char *word[] = { "x", "=forks", full ? "10000" : "2000", 0 };

	(void)unused;
	exec("prog", word);
	exit(NO_EXEC);
}

/* A program that was opened while it forked can be removed. */
static void execcounted(void)
{
	unsigned before = disk_now().inodes;

	copy_file(SELF, "prog");
	spawn_many(open_and_close, 2);
	spawn_many(run_forks, 2);
	expect_all(4);
	must_unlink("prog");
	check(sync() == 0, "sync failed");      /* a commit may hold it */
	check(disk_now().inodes == before, "its inode stays");
}

/* Not everything that has a name is a program. */
static void execnoprogram(void)
{
	char *word[] = { "x", 0 };

	must_mkdir("dir");
	refused("dir", word);
	check(mknod("device", 1, 0) == 0, "mknod failed");
	refused("device", word);
	close(must_create("empty"));
	refused("empty", word);
	make_file("noise", 3, 1);
	refused("noise", word);
	for (int size = 1; size < 52; size += 10) {
		static const char magic[52] = "\177ELF\1\1\1";
		int fd = must_create("short");

		write_whole(fd, magic, size);
		close(fd);
		refused("short", word);
		must_unlink("short");
	}
}

/* ---- Program files that are not as they should be ---- */

struct elf_header {
	unsigned char magic[16];
	uint16_t type, machine;
	uint32_t version;
	uintptr_t entry, segments, sections;
	uint32_t flags;
	uint16_t size, segment_size, segment_count;
	uint16_t section_size, section_count, names;
};

struct elf_segment {
	uint32_t type;
#ifdef __LP64__
	uint32_t flags;
#endif
	uintptr_t offset, vaddr, paddr, file_size, memory_size;
#ifndef __LP64__
	uint32_t flags;
#endif
	uintptr_t align;
};

enum { LOAD = 1, NOTE = 4, MOST_SEGMENTS = 12 };

/* A program file in memory, with room for a new table of segments. */
static struct image {
	uint32_t bytes[8192 / 4];
	int size;               /* the table at the end not counted */
	struct elf_header header;
	struct elf_segment segment[MOST_SEGMENTS];
} image;

/* Take the program apart that does nothing. */
static void read_image(void)
{
	int fd = must_open(TINY);

	image.size = read(fd, image.bytes, sizeof image.bytes);
	close(fd);
	check(image.size > 0 && image.size < (int)sizeof image.bytes,
	      "%s has %d bytes", TINY, image.size);
	memmove(&image.header, image.bytes, sizeof image.header);
	check(image.header.segment_count <= MOST_SEGMENTS / 2,
	      "%d segments", image.header.segment_count);
	memmove(image.segment,
		(char *)image.bytes + image.header.segments,
		image.header.segment_count *
		sizeof image.segment[0]);
	image.size = (image.size + 15) & -16;
	image.header.segments = image.size;
}

/* Write it, as it is now, to file "image". */
static void write_image(void)
{
	int fd = must_open_for("image", O_CREATE | O_TRUNC | O_WRONLY);

	memmove(image.bytes, &image.header, sizeof image.header);
	write_whole(fd, image.bytes, image.size);
	write_whole(fd, image.segment, sizeof image.segment);
	close(fd);
}

static int run_image(void)
{
	char *word[] = { "image", 0 };

	write_image();
	return run("image", word);
}

/* The segment that is loaded first. */
static struct elf_segment *first_load(void)
{
	for (int i = 0; i < MOST_SEGMENTS; i++) {
		if (image.segment[i].type == LOAD)
			return &image.segment[i];
	}
	fail("%s has nothing to load", TINY);
}

/* Exec of the image as it is now fails; start anew with a good one. */
static void refuse_image(const char *what)
{
	int status = run_image();

	check(status == NO_EXEC, "%s: status %d", what, status);
	read_image();
}

/* The image with a value in place of another is refused. */
#define refuse_with(field, value)                                      \
	do {                                                           \
		(field) = (value);                                     \
		refuse_image(#field " = " #value);                     \
	} while (0)

/* 21: addresses and sizes that wrap around or reach the kernel. */
static void bug21_segments(void)
{
	read_image();
	check(run_image() == OK, "21: the image as it should be");
	read_image();
#define SEGMENT first_load()
	refuse_with(SEGMENT->vaddr, UINTPTR_MAX - PAGE + 1);
	refuse_with(SEGMENT->vaddr, UINTPTR_MAX);
	refuse_with(SEGMENT->vaddr, USER_END);
	refuse_with(SEGMENT->vaddr, KERNEL_HALF);
	refuse_with(SEGMENT->vaddr, KERNEL_TEXT);
	refuse_with(SEGMENT->vaddr, SEGMENT->vaddr + 1);
	refuse_with(SEGMENT->memory_size, UINTPTR_MAX);
	refuse_with(SEGMENT->memory_size, UINTPTR_MAX - PAGE);
	refuse_with(SEGMENT->memory_size, USER_END);
	refuse_with(SEGMENT->memory_size, -SEGMENT->vaddr);
	refuse_with(SEGMENT->memory_size, -SEGMENT->vaddr + PAGE);
	refuse_with(SEGMENT->memory_size, 1);
	refuse_with(SEGMENT->file_size, UINTPTR_MAX);
	refuse_with(SEGMENT->file_size, SEGMENT->memory_size + 1);
	refuse_with(SEGMENT->offset, UINTPTR_MAX);
	refuse_with(SEGMENT->offset, -(uintptr_t)PAGE);
	refuse_with(SEGMENT->offset, 0x7ffff000);
#undef SEGMENT
}

static void bug21_headers(void)
{
	read_image();
	refuse_with(image.header.magic[0], 0);
	refuse_with(image.header.magic[3], 'f');
	refuse_with(image.header.magic[4], 3);
	refuse_with(image.header.type, 1);
	refuse_with(image.header.type, 4);
	refuse_with(image.header.machine, 8);
	refuse_with(image.header.machine, 0xffff);
	refuse_with(image.header.segments, UINTPTR_MAX);
	refuse_with(image.header.segments, UINTPTR_MAX - 31);
	refuse_with(image.header.segments, 0x7ffffff0);
	refuse_with(image.header.segment_count, 0);
	refuse_with(image.header.segment_count, 0xffff);
	refuse_with(image.header.segment_size, 0);
	refuse_with(image.header.segment_size, 1);
	refuse_with(image.header.segment_size, 0xffff);
}

/* 21: any bytes at all; whatever starts has nowhere to go. */
static void bug21_random(void)
{
	seed_random(21);
	for (int i = 0; i < rounds(300); i++) {
		unsigned char *byte = (unsigned char *)image.segment;
		int status;

		read_image();
		for (int n = roll(4) + 1; n > 0; n--) {
			int last = image.header.segment_count *
				   (int)sizeof image.segment[0];

			byte[roll(last)] = roll(256);
		}
		image.header.entry = UINTPTR_MAX - 1;
		status = run_image();
		check(status == NO_EXEC || status == KILLED,
		      "21: status %d", status);
	}
}

/* How much of the file is loaded. */
static int end_of_loads(void)
{
	int end = 0;

	for (int i = 0; i < image.header.segment_count; i++) {
		int here = (int)(image.segment[i].offset +
				 image.segment[i].file_size);

		if (image.segment[i].type == LOAD && here > end)
			end = here;
	}
	return end;
}

/* What is cut before the end of the program is none. */
static void execcut(void)
{
	char *word[] = { "x", 0 };
	int end;

	read_image();
	end = end_of_loads();
	for (int size = 0; size < image.size;
	     size += size < 400 ? 13 : 1200) {
		int fd = must_create("image"), status;

		write_whole(fd, image.bytes, size);
		close(fd);
		status = run("image", word);
		check(status == (size < end ? NO_EXEC : OK),
		      "%d bytes: status %d", size, status);
		must_unlink("image");
	}
}

/* Put a segment before all others. */
static struct elf_segment *insert_segment(void)
{
	memmove(image.segment + 1, image.segment,
		image.header.segment_count * sizeof image.segment[0]);
	image.header.segment_count++;
	memset(image.segment, 0, sizeof image.segment[0]);
	return image.segment;
}

/* 25: what newer linkers add is passed over. */
static void bug25_notes(void)
{
	const uint32_t type[] = { NOTE, 0x6474e550, 0x6474e551,
				  0x6474e552, 0x6474e553, 0x70000003,
				  0, 0x7fffffff };

	for (int i = 0; i < COUNT(type); i++) {
		struct elf_segment *segment;

		read_image();
		segment = insert_segment();
		segment->type = type[i];
		segment->vaddr = segment->offset = 0x238 + i;
		segment->memory_size = segment->file_size = 0x24;
		check(run_image() == OK, "25: type %x", (int)type[i]);
		segment->vaddr = UINTPTR_MAX - 3;
		segment->offset = UINTPTR_MAX;
		check(run_image() == OK, "25: type %x, far away",
		      (int)type[i]);
	}
}

/* 25: a segment of no size is none. */
static void bug25_empty_segment(void)
{
	struct elf_segment *segment;

	read_image();
	segment = insert_segment();
	segment->type = LOAD;
	check(run_image() == OK, "25: nothing at 0");
	segment->vaddr = image.header.entry;
	check(run_image() == OK, "25: nothing at the entry");
	segment->vaddr = KERNEL_HALF;
	check(run_image() == OK, "25: nothing in the kernel");
}

/* A segment whose bytes are not where a page of the file begins. */
static void execshifted(void)
{
	const int shift = 32;

	read_image();
	check(image.size + shift < (int)sizeof image.bytes, "room");
	memmove((char *)image.bytes + shift, image.bytes, image.size);
	for (int i = 0; i < image.header.segment_count; i++) {
		if (image.segment[i].vaddr % PAGE != 0)
			return;         /* refused, and rightly so */
		image.segment[i].offset += shift;
	}
	image.size += shift;
	image.header.segments += shift;
	check(run_image() == OK, "it does not run");
}

/* ---- A program that is linked at 0 ---- */

/*
 * Exit with the byte at sp, moved down by a page for each argument but
 * the first.
 */
#ifdef __riscv
static const uint32_t stack_probe[] = {
	0xfff50513,             /* addi a0, a0, -1 */
	0x00c51513,             /* slli a0, a0, 12 */
	0x40a10133,             /* sub sp, sp, a0 */
	0x00014503,             /* lbu a0, 0(sp) */
	0x00200893,             /* li a7, 2: exit */
	0x00000073,             /* ecall */
};
#else
static const unsigned char stack_probe[] = {
	0x8b, 0x4c, 0x24, 0x04, /* movl 4(%esp), %ecx */
	0x49,                   /* decl %ecx */
	0xc1, 0xe1, 0x0c,       /* shll $12, %ecx */
	0x29, 0xcc,             /* subl %ecx, %esp */
	0x0f, 0xb6, 0x04, 0x24, /* movzbl (%esp), %eax */
	0x50, 0x50,             /* pushl %eax, twice */
	0xb8, 2, 0, 0, 0,       /* movl $2, %eax: exit */
	0xcd, 0x40,             /* int $0x40 */
};
#endif

/* "image" becomes the code above and MARKs, one page from address 0. */
static void write_low_image(int mark)
{
	static char page[PAGE];
	struct elf_segment *load;
	int fd;

	read_image();
	load = first_load();
	*load = (struct elf_segment){
		.type = LOAD, .flags = 7, .offset = PAGE,
		.file_size = PAGE, .memory_size = PAGE, .align = PAGE,
	};
	image.header.entry = 0;
	image.header.segments = sizeof image.header;
	image.header.segment_count = 1;
	memset(page, mark, sizeof page);
	memmove(page, stack_probe, sizeof stack_probe);
	fd = must_open_for("image", O_CREATE | O_TRUNC | O_WRONLY);
	write_whole(fd, &image.header, sizeof image.header);
	write_whole(fd, load, sizeof *load);
	memset(image.bytes, 0, PAGE);
	write_whole(fd, image.bytes,
		    PAGE - sizeof image.header - sizeof *load);
	write_whole(fd, page, sizeof page);
	close(fd);
}

/* xv6's layout: the image, a guard, and a stack of a single page. */
static void onepagestack(void)
{
	enum { MARK = 77 };
	char *word[] = { "image", 0, 0, 0 };
	int status;

	write_low_image(MARK);
	status = run("image", word);
	check(status != KILLED && status != NO_EXEC,
	      "on the stack: status %d", status);
	word[1] = "";
	status = run("image", word);
	check(status == KILLED, "on the guard: status %d", status);
	word[2] = "";
	status = run("image", word);
	check(status == MARK, "on the image: status %d", status);
}

static const struct test image_tests[] = {
	{ "execwritten", execwritten, QUICK | FILES },
	{ "execlink", execlink, QUICK | FILES },
	{ "execremoved", execremoved, QUICK | FILES },
	{ "execreplaced", execreplaced, QUICK | FILES },
	{ "execoverwritten", execoverwritten, QUICK | FILES },
	{ "execopen", execopen, QUICK | FILES },
	{ "execrace", execrace, QUICK | FILES },
	{ "execcounted", execcounted, QUICK | FILES },
	{ "execnoprogram", execnoprogram, QUICK | FILES },
	{ "execshifted", execshifted, QUICK | FILES },
	{ "execcut", execcut, QUICK | FILES },
	{ "bug21_segments", bug21_segments, QUICK | FILES },
	{ "bug21_headers", bug21_headers, QUICK | FILES },
	{ "bug21_random", bug21_random, QUICK | KILLS | FILES },
	{ "onepagestack", onepagestack, QUICK | KILLS | FILES },
	{ "bug25_notes", bug25_notes, QUICK | FILES },
	{ "bug25_empty_segment", bug25_empty_segment, QUICK | FILES },
};
