/*
 * The states that a crash may have left: everything before the last flush
 * is on the disk, and of the sectors written since then, any.
 */
#include "crash.h"
#include "files/check.h"

enum { CHOICES = 8 };           /* 2^8 subsets are tried one by one */

uint64_t moments[1 << 16];
uint64_t states_checked, states_distinct, states_limit = UINT64_MAX;
void (*tell_story)(void);

/* ---- Which states were there before --------------------------------- */

static uint64_t *known;
static size_t known_room, known_count;

static bool add_key(uint64_t *table, size_t room, uint64_t key)
{
	size_t i = key & (room - 1);

	while (table[i] && table[i] != key)
		i = (i + 1) & (room - 1);
	if (table[i])
		return false;
	table[i] = key;
	return true;
}

/* Was there no state with this hash before? */
static bool is_new(uint64_t key)
{
	key += key == 0;
	if (2 * known_count >= known_room) {
		size_t room = known_room ? 2 * known_room : 1 << 16;
		uint64_t *table = calloc(room, sizeof *table);

		for (size_t i = 0; i < known_room; i++)
			if (known[i])
				add_key(table, room, known[i]);
		free(known);
		known = table;
		known_room = room;
	}
	if (!add_key(known, known_room, key))
		return false;
	known_count++;
	return true;
}

/* The disk's hash is the sum of those of its sectors. */
static uint64_t hash_sector(uint32_t block, unsigned sector,
			    const uint8_t *data)
{
	uint64_t a = block * 8 + sector + 1, b = ~a, word;

	for (int i = 0; i < SECTOR; i += 16) {
		memcpy(&word, data + i, 8);
		a = (a ^ word) * 0x9e3779b97f4a7c15;
		a ^= a >> 31;
		memcpy(&word, data + i + 8, 8);
		b = (b ^ word) * 0xbf58476d1ce4e5b9;
		b ^= b >> 29;
	}
	return (a ^ b >> 7) * 0x94d049bb133111eb;
}

static uint64_t disk_hash;      /* of disk_now */

static uint64_t hash_disk(void)
{
	uint64_t sum = 0;

	for (uint32_t block = 0; block < disk.blocks; block++)
		for (unsigned s = 0; s < SECTORS; s++)
			sum += hash_sector(block, s, disk_now[block] +
					   s * SECTOR);
	return sum;
}

/* Puts a sector on the disk and keeps the hash right. */
static void put(const struct write *write, unsigned sector)
{
	const uint8_t *old = disk_now[write->block] + sector * SECTOR;

	disk_hash -= hash_sector(write->block, sector, old);
	disk_put(write, sector);
	disk_hash += hash_sector(write->block, sector,
				 write->data + sector * SECTOR);
}

/* ---- Checking one --------------------------------------------------- */

static const char *trying;      /* how the state was made */
static size_t try_epoch, try_units;
static uint64_t try_which;

_Noreturn void wrong(const char *what)
{
	static char text[300];

	snprintf(text, sizeof text, "%s", what);
	printf("WRONG after %llu states: %s\n",
	       (unsigned long long)states_distinct, text);
	if (trying)
		printf("Of the %zu units since flush %zu there are: %s "
		       "%llx.\n", try_units, try_epoch, trying,
		       (unsigned long long)try_which);
	if (tell_story)
		tell_story();
	fflush(stdout);
	exit(1);
}

_Noreturn void host_panic(const char *text)
{
	wrong(text);
}

/* The messages of a checker that has found something, again. */
static void complain(const char *when)
{
	printf("%s:\n", when);
	fflush(stdout);
	host_console = stdout;
	disk_check();
	wrong("the checker complains");
}

static unsigned find_moment(uint64_t hash, unsigned promised,
			    unsigned latest)
{
	if (latest > now)
		latest = now;
	for (unsigned m = latest; m + 1 > promised; m--)
		if (moments[m] == hash)
			return m;
	printf("On the disk, after %u to %u operations:\n", promised,
	       latest);
	mounted_print();
	for (unsigned m = 0; m <= now; m++)
		if (moments[m] == hash) {
			printf("This is the state after %u.\n", m);
			wrong("something that was promised is missing");
		}
	wrong("no order of the operations explains this");
}

unsigned check_state(unsigned promised, unsigned latest)
{
	uint32_t blocks = disk.blocks;
	unsigned moment, inodes;
	uint64_t hash;

	host_start(FRAMES, blocks);
	if (disk_check())
		complain("before the restart");
	filesystem_start();
	if (disk.memory)
		wrong("it cannot be mounted");
	hash = mounted_hash(&inodes);
	moment = find_moment(hash, promised, latest);
	if (fs.super->used_inodes != inodes)
		wrong("files without a name are left");
	if (fs.changed || one_in(16)) {
		if (filesystem_sync())
			wrong("sync after the restart fails");
		if (disk_check())
			complain("after the restart");
	}
	return moment;
}

/* ---- All of an epoch ------------------------------------------------ */

static const struct epoch *epoch;
static uint64_t base_hash;

static void check_if_new(void)
{
	uint64_t key = disk_hash ^ epoch->promised * 0x9e3779b97f4a7c15 ^
		       moments[epoch->promised];

	states_distinct += is_new(disk_hash);
	if (is_new(key)) {
		states_checked++;
		check_state(epoch->promised, epoch->latest);
	}
}

/* Units FIRST to END of 0 to COUNT: sectors FROM to TO. */
static void put_sectors(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		put(&recording.write[epoch->first + i / SECTORS],
		    i % SECTORS);
}

/* Back to what is there for sure. */
static void back(void)
{
	disk_undo();
	disk_hash = base_hash;
}

/* In the order of writing; at the end all are on the disk, for good. */
static void check_prefixes(size_t sectors)
{
	trying = "the first";
	for (size_t n = 0; n <= sectors; n++) {
		try_which = n;
		check_if_new();
		back();
		if (n < sectors)
			put_sectors(n, n + 1);
		disk_note();
		base_hash = disk_hash;
	}
}

/* Every subset of UNITS groups of sectors. */
static void check_subsets(size_t sectors, size_t units)
{
	trying = "the set";
	for (uint64_t set = 0; set < (uint64_t)1 << units; set++) {
		try_which = set;
		for (size_t i = 0; i < units; i++)
			if (set >> i & 1)
				put_sectors(sectors * i / units,
					    sectors * (i + 1) / units);
		check_if_new();
		back();
	}
}

static void check_random(size_t sectors)
{
	size_t rarely = 1 + below(8);

	trying = "random ones of seed";
	try_which = random_state;
	for (size_t i = 0; i < sectors; i++)
		if (one_in(2) ? !one_in((unsigned)rarely) : one_in(2))
			put_sectors(i, i + 1);
	check_if_new();
	back();
}

static void check_epoch(unsigned random)
{
	size_t sectors = (epoch->end - epoch->first) * SECTORS;
	size_t units = sectors < CHOICES ? sectors : CHOICES;

	try_units = sectors;
	check_subsets(sectors, units);
	for (unsigned i = 0; i < random && sectors > CHOICES &&
	     states_distinct < states_limit; i++)
		check_random(sectors);
	check_prefixes(sectors);
	trying = NULL;
}

void check_states(unsigned random)
{
	memcpy(disk_now, disk_before, disk.blocks * (size_t)BLOCK_SIZE);
	disk_note();
	disk_hash = hash_disk();
	for (size_t i = 0; i < recording.epochs; i++) {
		epoch = &recording.epoch[i];
		base_hash = disk_hash;
		try_epoch = i;
		check_epoch(random);
	}
}
