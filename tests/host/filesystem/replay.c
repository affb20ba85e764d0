/*
 *	replay IMAGE LOG CONSOLE
 *
 * A kernel has run on IMAGE, in an emulator which has recorded all writes
 * and flushes in LOG (dm-log-writes, as QEMU's blklogwrites makes it), and
 * has printed on CONSOLE what it was doing (see recorded.c).  Goes through
 * the states that a crash may have left.
 */
#include "crash.h"
#include "files/check.h"

static struct model model;
static unsigned last_sync;

static _Noreturn void give_up(const char *what)
{
	printf("replay: %s\n", what);
	exit(2);
}

static uint8_t *read_all(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;

	if (!file)
		give_up(path);
	fseek(file, 0, SEEK_END);
	*size = (size_t)ftell(file);
	rewind(file);
	data = calloc(1, *size + 1);
	if (fread(data, 1, *size, file) != *size)
		give_up(path);
	fclose(file);
	return data;
}

/* ---- The image ------------------------------------------------------ */

/* The root has only files, as mkfs has made it. */
static void import(void)
{
	const struct directory_record *record;
	uint32_t position = 0;
	void *frame, *page;

	while ((record = directory_next(fs.root, &position, &frame))) {
		struct inode *inode = inode_get(record->inode);
		char name[256] = { 0 };
		uint64_t size = inode_size(inode);
		int node;

		memcpy(name, record->name, record->length);
		node = model_create(&model, name, PLAIN);
		for (uint64_t at = 0; at < size; at += BLOCK_SIZE) {
			page = page_get(inode, 0,
					(uint32_t)(at / BLOCK_SIZE), 1);
			model_write(&model, node, at, page,
				    size - at < BLOCK_SIZE ? size - at
							   : BLOCK_SIZE);
			page_put(page);
		}
		inode_put(inode);
		page_put(frame);
	}
}

static void read_image(const char *path)
{
	size_t size;
	uint8_t *image = read_all(path, &size);
	unsigned count;

	if (size > sizeof disk_now)
		give_up("the image is too large");
	memcpy(disk_now, image, size);
	free(image);
	host_start(FRAMES, (uint32_t)(size / BLOCK_SIZE));
	disk_note();
	filesystem_start();
	model_init(&model);
	import();
	moments[0] = model_hash(&model);
	if (disk.memory || mounted_hash(&count) != moments[0])
		give_up("the image is not understood");
}

/* ---- The console ---------------------------------------------------- */

static void moment(void)
{
	moments[++now] = model_hash(&model);
}

static void follow(const char *what, const char *a, const char *b,
		   unsigned offset, unsigned size, unsigned seed)
{
	static uint8_t data[1 << 16];
	int result = 0;

	if (strcmp(what, "create") == 0)
		result = model_create(&model, a, PLAIN);
	else if (strcmp(what, "mkdir") == 0)
		result = model_create(&model, a, DIRECTORY);
	else if (strcmp(what, "unlink") == 0)
		result = model_unlink(&model, a);
	else if (strcmp(what, "rename") == 0)
		result = model_rename(&model, a, b);
	else if (strcmp(what, "link") == 0)
		result = model_link(&model, a, b);
	else if (strcmp(what, "write") == 0) {
		for (unsigned i = 0; i < size; i++)
			data[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
		model_write(&model, model_find(&model, a), offset, data,
			    size);
	} else if (strcmp(what, "sync") != 0) {
		give_up(what);
	}
	if (result < 0)
		wrong("the kernel has done what the model cannot");
}

static void read_console(const char *path)
{
	char what[20], a[100], b[100];
	unsigned offset, size, seed;
	size_t length;
	char *at = (char *)read_all(path, &length);
	int result;

	/* init makes the console before anything else. */
	model_create(&model, "console", DEVICE);
	moment();
	while ((at = strstr(at, "@ "))) {
		if (sscanf(at, "@ %19s %99s %99s %u %u %u %d", what, a, b,
			   &offset, &size, &seed, &result) != 7)
			give_up("a line of the console");
		at++;
		if (result == 0) {
			follow(what, a, b, offset, size, seed);
			moment();
		}
		if (result == 0 && strcmp(what, "sync") == 0)
			last_sync = now;
	}
}

/* ---- The log -------------------------------------------------------- */

enum { LOG_FLUSH = 1, LOG_DISCARD = 4, LOG_MARK = 8 };

struct log_super {
	uint64_t magic, version, entries;
	uint32_t sector_size;
} __attribute__((packed));

struct log_entry {
	uint64_t sector, sectors, flags, length;
};

static void read_log(const char *path)
{
	size_t size, at;
	uint8_t *log = read_all(path, &size);
	struct log_super *super = (struct log_super *)log;

	if (super->magic != 0x6a736677736872 || super->sector_size != SECTOR)
		give_up("this is no log");
	at = SECTOR;
	for (uint64_t i = 0; i < super->entries; i++) {
		struct log_entry *entry = (struct log_entry *)(log + at);

		at += SECTOR;
		if (entry->flags & LOG_FLUSH)
			record_flush();
		if (entry->flags & (LOG_DISCARD | LOG_MARK) ||
		    entry->sectors == 0)
			continue;
		if (entry->sector % SECTORS || entry->sectors % SECTORS)
			give_up("not a whole block");
		for (uint64_t n = 0; n < entry->sectors; n += SECTORS)
			record_write((uint32_t)((entry->sector + n) /
						SECTORS),
				     log + at + n * SECTOR);
		at += entry->sectors * SECTOR;
	}
	free(log);
}

/* ---- Promises ------------------------------------------------------- */

/*
 * The log does not say when a sync returned.  But what was there after a
 * flush must be there after every later crash.
 */
static void find_promises(void)
{
	unsigned promised = 0, m = 0;

	for (size_t i = 0; i < recording.epochs; i++) {
		struct epoch *epoch = &recording.epoch[i];

		disk_note();
		m = check_state(promised, now);
		disk_undo();
		while (moments[promised] != moments[m])
			promised++;
		epoch->promised = promised;
		epoch->latest = now;
		for (size_t w = epoch->first; w < epoch->end; w++)
			for (unsigned s = 0; s < SECTORS; s++)
				disk_put(&recording.write[w], s);
	}
	if (m < last_sync)
		wrong("the last sync is not on the disk");
}

int main(int argc, char **argv)
{
	if (argc != 4)
		give_up("replay IMAGE LOG CONSOLE");
	random_state = 1;
	read_image(argv[1]);
	disk_record();
	read_console(argv[3]);
	read_log(argv[2]);
	find_promises();
	check_states(40);
	printf("%u operations, %zu writes, %zu flushes, %llu distinct "
	       "states: all in order\n", now, recording.writes,
	       recording.epochs - 1, (unsigned long long)states_distinct);
	return 0;
}
