/*
 * Looks for a crash that the file system does not survive.
 *
 *	hunt [-s SEED] [-n STATES] [-v] [disk | memory]
 *
 * A round is a few random operations, on the disk that the round before
 * has left, and beside them on a model.  Then all states that a crash
 * during the round may have left are mounted by the kernel's own code,
 * checked by its checker, and compared with the model: each must be what
 * the model was after some of the operations, all those among them that
 * were promised by a sync.
 *
 * With `disk`, a round is repeated with the first request that fails, the
 * second, and so on; with `memory`, the same with allocations.
 */
#include "crash.h"
#include "files/check.h"
#include <time.h>

enum {
	MOST_OPERATIONS = 60, MOST_OPEN = 4, MOST_PAGES = 15,
	MOST_ROUNDS = 40,       /* on one disk */
};

static uint64_t seed = 1;
static bool verbose;
static enum { NOTHING, DISK, MEMORY } failing;
static unsigned failure;        /* number of the first that fails */

/* After each operation of this round. */
static struct model models[MOST_OPERATIONS + 1];
static char story[MOST_OPERATIONS + 1][700];

/* Files that are open, so that they live on without a name. */
static struct open {
	struct inode *inode;            /* NULL: not in use */
	int node;
} opened[MOST_OPEN];

/* ---- Telling -------------------------------------------------------- */

__attribute__((__format__(__printf__, 1, 2)))
static void tell(const char *text, ...)
{
	va_list arguments;

	va_start(arguments, text);
	vsnprintf(story[now], sizeof story[now], text, arguments);
	va_end(arguments);
}

static const char *brief(const char *path)
{
	static char text[4][80];
	static unsigned turn;
	char *to = text[turn++ % 4];

	snprintf(to, 80, strlen(path) > 40 ? "%.20s..." : "%s", path);
	return to;
}

static void tell_all(void)
{
	printf("SEED=%llu", (unsigned long long)seed);
	if (failing)
		printf(", failure %u", failure);
	printf("; the operations were:\n");
	for (unsigned i = 0; i < now; i++)
		printf("%3u %s\n", i + 1, story[i]);
	if (story[now][0])
		printf("and, under way, %s\n", story[now]);
	printf("At the beginning of the round:\n");
	model_print(&models[0]);
	printf("At the end:\n");
	model_print(&models[now]);
}

static struct model *model(void)
{
	return &models[now];
}

/* ---- Random names and data ------------------------------------------ */

/* A random path: a few short names, three levels, some long names. */
static const char *random_path(void)
{
	static char text[4][1024];
	static unsigned turn;
	static const char *const directory[] = {
		"", "", "", "d/", "d/", "e/", "d/d/", "d/e/",
	};
	char *to = text[turn++ % 4], *at;

	strcpy(to, directory[below(8)]);
	at = to + strlen(to);
	if (one_in(4)) {
		size_t length = one_in(3) ? 255 : 20 + below(235);

		memset(at, 'a' + (int)below(20), length);
		at[length] = '\0';
	} else {
		*at++ = "abcde"[below(5)];
		*at = '\0';
	}
	return to;
}

/* Writes the path of the name to TO; returns its end. */
static char *put_path(char *to, const struct model_name *name)
{
	for (int i = 0; i < MODEL_NAMES && name->directory; i++) {
		const struct model_name *above = &model()->name[i];

		if (above->used && above->node == name->directory) {
			to = put_path(to, above);
			*to++ = '/';
			break;
		}
	}
	memcpy(to, name->text, name->length);
	to[name->length] = '\0';
	return to + name->length;
}

/* A path that there is, as a rule. */
static const char *known_path(void)
{
	static char text[4][16384];
	static unsigned turn;
	char *to = text[turn++ % 4];
	const struct model_name *name;
	bool open = one_in(3);          /* one that is open, if any is */

	for (int tries = 0; tries < 300 && !one_in(90); tries++) {
		name = &model()->name[below(MODEL_NAMES)];
		if (name->used && (!open || tries > 100 ||
				   model()->node[name->node].open)) {
			put_path(to, name);
			return to;
		}
	}
	return random_path();
}

static const uint8_t *random_data(size_t size)
{
	static uint8_t data[(MOST_PAGES + 1) * BLOCK_SIZE];
	uint64_t fill = random64();

	for (size_t i = 0; i + 8 <= sizeof data && i < size; i += 8) {
		memcpy(data + i, &fill, 8);
		fill += 0x9e3779b97f4a7c15;
	}
	if (one_in(10))
		memset(data, 0, size);
	return data;
}

/* ---- Operations ----------------------------------------------------- */

static unsigned names_used(void)
{
	unsigned count = 0;

	for (int i = 0; i < MODEL_NAMES; i++)
		count += model()->name[i].used;
	return count;
}

/* An operation may fail if there is no room, or if the disk fails. */
enum { ENOUGH = 100 };          /* blocks for any operation */

static bool may_fail(void)
{
	return failing || fs.available - fs.kept < ENOUGH;
}

static bool could_fail;         /* when the operation began */
static uint64_t done, refusals, impossible;

/*
 * An operation has returned RESULT where the model says EXPECTED.  True:
 * it was not done, though it could have been.
 */
static bool refused(int result, int expected)
{
	if (result < 0)
		expected < 0 ? impossible++ : refusals++;
	else
		done++;
	if ((result < 0) == (expected < 0))
		return result < 0;
	if (result < 0 && could_fail)
		return true;
	printf("returned %d, expected was %d\n", result, expected);
	wrong("an operation has another result");
}

/* The model tries it beside the current one, and takes it over if so. */
static struct model trial;

static void begin_trial(void)
{
	model_copy(&trial, model());
}

static void end_trial(bool take)
{
	if (take) {
		model_free(model());
		*model() = trial;
	} else {
		model_free(&trial);
	}
}

static void do_create(enum model_type type)
{
	const char *path = random_path();
	struct inode *inode;
	int node;

	if (names_used() > 60)
		return;
	tell("create %s, type %d", brief(path), (int)type);
	begin_trial();
	node = model_create(&trial, path, type);
	inode = path_create(path, type, 1, 0, false);
	end_trial(!refused(inode ? 0 : -1, node < 0 ? -1 : 0));
	if (inode)
		inode_put(inode);
}

static void do_link(void)
{
	const char *old = known_path(), *new = random_path();

	if (names_used() > 60)
		return;
	tell("link %s %s", brief(old), brief(new));
	begin_trial();
	end_trial(!refused(path_link(old, new),
			   model_link(&trial, old, new)));
}

static void do_unlink(void)
{
	const char *path = known_path();
	int expected;

	tell("unlink %s", brief(path));
	begin_trial();
	expected = model_unlink(&trial, path);
	end_trial(!refused(path_unlink(path), expected));
}

static void do_rename(void)
{
	const char *old = known_path();
	const char *new = one_in(3) ? known_path() : random_path();
	int expected;

	tell("rename %s %s", brief(old), brief(new));
	begin_trial();
	expected = model_rename(&trial, old, new);
	end_trial(!refused(path_rename(old, new), expected));
}

/* A random open file, or one with a random path; or NULL. */
static struct inode *random_file(int *node, bool *ours)
{
	struct open *open = &opened[below(MOST_OPEN)];
	const char *path = known_path();

	*ours = open->inode && model()->node[open->node].type == PLAIN &&
		one_in(3);
	if (*ours) {
		*node = open->node;
		return open->inode;
	}
	*node = model_find(model(), path);
	if (*node < 0 || model()->node[*node].type != PLAIN)
		return NULL;
	return path_find(path);
}

static uint64_t random_offset(uint64_t size)
{
	if (one_in(3))
		return size;
	if (one_in(12))
		return below((uint64_t)1 << (20 + below(14)));
	return below(size + 3 * BLOCK_SIZE);
}

static void do_write(void)
{
	int node;
	bool ours, append = one_in(3);
	struct inode *inode = random_file(&node, &ours);
	size_t size = one_in(2) ? 1 + below(2 * BLOCK_SIZE)
				: 1 + below(MOST_PAGES * BLOCK_SIZE);
	uint64_t offset, start;
	const uint8_t *data;
	intptr_t count;

	if (!inode)
		return;
	offset = random_offset(model()->node[node].size);
	if (one_in(4)) {
		offset = offset / BLOCK_SIZE * BLOCK_SIZE;
		size = (size / BLOCK_SIZE + 1) * BLOCK_SIZE;
		if (size > MOST_PAGES * BLOCK_SIZE)
			size = BLOCK_SIZE;
	}
	data = random_data(size);
	start = append ? model()->node[node].size : offset;
	tell("write node %d (inode %u), %zu bytes at %llu%s", node,
	     inode->number, size, (unsigned long long)start,
	     append ? " (append)" : "");
	count = inode_write(inode, (vaddr_t)data, &offset, size,
			    append ? AT_THE_END : ANYWHERE);
	if (!refused(count < 0 ? -1 : 0, 0)) {
		if ((size_t)count < size && !could_fail)
			wrong("a write is short");
		if (offset != start + (size_t)count)
			wrong("a write ends somewhere else");
		model_write(model(), node, start, data, (size_t)count);
	}
	if (!ours)
		inode_put(inode);
}

static void do_truncate(void)
{
	int node, failed = -1;
	bool ours;
	struct inode *inode = random_file(&node, &ours);
	struct operation op;

	if (!inode)
		return;
	tell("truncate node %d (inode %u)", node, inode->number);
	if (operation_begin(&op, 8, SHRINKS) == 0) {
		mutex_lock(&inode->lock);
		failed = inode_truncate(&op, inode);
		mutex_unlock(&inode->lock);
		operation_end(&op);
	}
	if (!refused(failed, 0))
		model_truncate(model(), node);
	if (!ours)
		inode_put(inode);
}

static void do_open(void)
{
	const char *path = known_path();
	int node = model_find(model(), path);
	struct open *open = &opened[below(MOST_OPEN)];

	if (open->inode || node <= 0 || model()->node[node].open ||
	    model()->node[node].type == DEVICE)
		return;
	tell("open %s", brief(path));
	open->inode = path_find(path);
	open->node = node;
	if (!refused(open->inode ? 0 : -1, 0))
		model()->node[node].open = true;
}

static void do_close(void)
{
	struct open *open = &opened[below(MOST_OPEN)];

	if (!open->inode)
		return;
	tell("close node %d (inode %u)", open->node, open->inode->number);
	model_close(model(), open->node);
	inode_put(open->inode);
	open->inode = NULL;
}

static void do_sync(void)
{
	tell("sync");
	if (!refused(filesystem_sync(), 0)) {
		now++;
		record_promise();
		now--;
	}
}

/* One operation, on the file system and on the model. */
static void do_something(void)
{
	story[now][0] = '\0';
	could_fail = may_fail();
	switch (below(16)) {
	case 0: case 1: case 9: do_create(PLAIN); break;
	case 2: do_create(one_in(8) ? DEVICE : DIRECTORY); break;
	case 3: case 4: case 5: case 6: do_write(); break;
	case 7: do_truncate(); break;
	case 8: do_link(); break;
	case 10: do_unlink(); break;
	case 11: case 12: do_rename(); break;
	case 13: do_open(); break;
	case 14: do_close(); break;
	default: do_sync();
	}
}

/* The same; it has ended, and the model after it is kept. */
static void step(void)
{
	do {
		model_copy(&models[now + 1], &models[now]);
		/* Operations change the model at NOW: that before is kept. */
		struct model before = models[now];

		models[now] = models[now + 1];
		do_something();
		models[now + 1] = models[now];
		models[now] = before;
		if (!story[now][0])
			model_free(&models[now + 1]);
	} while (!story[now][0]);
	if (verbose)
		printf("%3u %s\n", now + 1, story[now]);
	now++;
	moments[now] = model_hash(&models[now]);
}

/* ---- Rounds --------------------------------------------------------- */

static void free_models(unsigned from, unsigned to)
{
	for (unsigned i = from; i <= to; i++)
		model_free(&models[i]);
}

/* An empty disk, mounted, and a model that knows it. */
static void new_disk(uint32_t blocks)
{
	memset(disk_now, 0, sizeof disk_now);
	host_start(FRAMES, blocks);
	disk_note();
	if (filesystem_format())
		wrong("no file system can be made");
	filesystem_start();
	memset(opened, 0, sizeof opened);
	model_init(&models[0]);
	now = 0;
	moments[0] = model_hash(&models[0]);
}

/* Some operations, which begin with models[0]; they are recorded. */
static void round_of(unsigned operations)
{
	disk_record();
	for (unsigned i = 0; i < operations; i++)
		step();
	if (one_in(2)) {
		filesystem_sync();
		story[now][0] = '\0';
	}
}

/*
 * After a crash in one of the states of this round, the machine starts
 * again: models[0] is what is there.
 */
static void crash_and_restart(void)
{
	size_t which = below(recording.epochs), count;
	struct epoch epoch = recording.epoch[which];
	unsigned moment;

	memcpy(disk_now, disk_before, disk.blocks * (size_t)BLOCK_SIZE);
	disk_note();
	count = (size_t)below((epoch.end - epoch.first) * SECTORS + 1);
	for (size_t i = 0; i < epoch.first * SECTORS + count; i++)
		disk_put(&recording.write[i / SECTORS], i % SECTORS);
	moment = check_state(epoch.promised, epoch.latest);
	for (unsigned i = 0; i <= now; i++)
		if (i != moment)
			model_free(&models[i]);
	if (moment != 0)
		models[0] = models[moment];
	model_close_all(&models[0]);
	memset(opened, 0, sizeof opened);
	now = 0;
	moments[0] = model_hash(&models[0]);
}

static unsigned random_operations(void)
{
	return one_in(10) ? 10 + (unsigned)below(31)
			  : 1 + (unsigned)below(3);
}

/* ---- Something fails ------------------------------------------------ */

/* After the trouble: everything is there, and can be written. */
static void check_recovered(void)
{
	unsigned inodes;

	disk_fail_requests(0, 0);
	host_fail_at = 0;
	if (filesystem_sync())
		wrong("sync fails, though the disk works again");
	if (disk_check()) {
		host_console = stdout;
		disk_check();
		wrong("the checker complains when the disk works again");
	}
	if (mounted_hash(&inodes) != moments[now]) {
		printf("On the disk:\n");
		mounted_print();
		wrong("an operation that failed has done something");
	}
}

/* Request, or allocation, N fails.  False: there were not so many. */
static bool round_with_failure(unsigned n, unsigned operations)
{
	bool reached;

	disk_record();
	failure = n;
	if (failing == DISK)
		disk_fail_requests(n, one_in(2) ? 1 : (unsigned)below(6));
	else
		host_fail_at = n;
	for (unsigned i = 0; i < operations; i++)
		step();
	reached = failing == DISK ? !disk_is_about_to_fail()
				  : host_fail_at == 0;
	check_recovered();
	return reached;
}

/* A round, with the first failure, the second, and so on. */
static uint64_t fail_everywhere(unsigned operations)
{
	static uint8_t start[MOST_BLOCKS][BLOCK_SIZE];
	uint64_t scenario = random_state;
	uint64_t failures = 0;
	bool more = true;

	memcpy(start, disk_now, sizeof start);
	for (unsigned n = 1; more; n++) {
		host_start(FRAMES, disk.blocks);
		memcpy(disk_now, start, sizeof start);
		disk_note();
		filesystem_start();
		memset(opened, 0, sizeof opened);
		now = 0;
		random_state = scenario;
		more = round_with_failure(n, operations);
		if (one_in(8))
			check_states(4);
		free_models(1, now);
		failures += more;
	}
	memcpy(disk_now, start, sizeof start);
	return failures;
}

static void hunt_failures(uint64_t limit)
{
	uint64_t failures = 0, rounds = 0;

	while (failures < limit) {
		new_disk(64 + (uint32_t)below(193));
		disk_record();
		for (int i = 0; i < 30; i++)
			step();
		filesystem_sync();
		record_promise();
		crash_and_restart();
		for (int i = 0; i < 10; i++) {
			failures += fail_everywhere(random_operations());
			rounds++;
		}
		free_models(0, 0);
	}
	printf("%llu failures in %llu rounds: all in order\n",
	       (unsigned long long)failures, (unsigned long long)rounds);
}

/* ---- The whole hunt ------------------------------------------------- */

static double seconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void hunt(uint64_t limit)
{
	double start = seconds(), next = start + 10;
	uint64_t rounds = 0;

	states_limit = limit;
	while (states_distinct < limit) {
		unsigned left = 1 + (unsigned)below(MOST_ROUNDS);

		new_disk(64 + (uint32_t)below(193));
		for (; left > 0 && states_distinct < limit; left--) {
			round_of(random_operations());
			check_states(40);
			crash_and_restart();
			rounds++;
		}
		free_models(0, 0);
		if (seconds() > next) {
			next += 10;
			printf("%llu states, %.0f a second\n",
			       (unsigned long long)states_distinct,
			       (double)states_distinct /
			       (seconds() - start));
			fflush(stdout);
		}
	}
	printf("%llu distinct states in %llu rounds, %.0f a second: "
	       "all in order\n", (unsigned long long)states_distinct,
	       (unsigned long long)rounds,
	       (double)states_distinct / (seconds() - start));
	printf("%llu operations done, %llu refused for want of room, "
	       "%llu impossible\n", (unsigned long long)done,
	       (unsigned long long)refusals, (unsigned long long)impossible);
}

int main(int argc, char **argv)
{
	uint64_t limit = 100000;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-s") == 0 && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "-n") == 0 && i + 1 < argc)
			limit = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "-v") == 0)
			verbose = true;
		else if (strcmp(argv[i], "disk") == 0)
			failing = DISK;
		else if (strcmp(argv[i], "memory") == 0)
			failing = MEMORY;
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	random_state = seed * 0x9e3779b97f4a7c15 + 1;
	tell_story = tell_all;
	if (failing)
		hunt_failures(limit);
	else
		hunt(limit);
	return 0;
}
