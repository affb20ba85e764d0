/*
 * usertests: does the system behave?
 *
 *	usertests [-q] [-c] [NAME...]
 *	usertests -l
 *
 * -q leaves out what takes long, -c has the kernel check itself after
 * each test, -l lists the tests; names, of tests or of areas, select
 * some of them.
 *
 * Every test runs in a process of its own.  One that crashes or hangs
 * has failed, and the next one runs.  After each test all its processes
 * have to be gone, all its memory has to be free again, and all its
 * blocks and inodes of the disk.  Where there is no file system, tests
 * that write files are left out, and where there is no mmap(), those
 * that map something.
 */
#include "user/usertests/test.h"
#include "user/usertests/early.h"
#include "user/usertests/disk.h"
#include "user/usertests/memory.c"
#include "user/usertests/large.c"
#include "user/usertests/process.c"
#include "user/usertests/exec.c"
#include "user/usertests/pointers.c"
#include "user/usertests/ways.c"
#include "user/usertests/files.c"
#include "user/usertests/pipes.c"
#include "user/usertests/contents.c"
#include "user/usertests/names.c"
#include "user/usertests/limits.c"
#include "user/usertests/races.c"
#include "user/usertests/images.c"
#include "user/usertests/mapping.c"
#include "user/usertests/mapfiles.c"
#include "user/usertests/mapmodel.c"
#include "user/usertests/machine.c"
#include "user/usertests/bugs.c"

static const struct area {
	const char *name;
	const struct test *tests;
	int count;
} areas[] = {
	{ "memory", memory_tests, COUNT(memory_tests) },
	{ "large", large_tests, COUNT(large_tests) },
	{ "processes", process_tests, COUNT(process_tests) },
	{ "exec", exec_tests, COUNT(exec_tests) },
	{ "arguments", pointer_tests, COUNT(pointer_tests) },
	{ "copies", way_tests, COUNT(way_tests) },
	{ "files", file_tests, COUNT(file_tests) },
	{ "pipes", pipe_tests, COUNT(pipe_tests) },
	{ "contents", content_tests, COUNT(content_tests) },
	{ "names", name_tests, COUNT(name_tests) },
	{ "limits", limit_tests, COUNT(limit_tests) },
	{ "races", race_tests, COUNT(race_tests) },
	{ "mappings", mapping_tests, COUNT(mapping_tests) },
	{ "mapped", mapfile_tests, COUNT(mapfile_tests) },
	{ "modelled", mapmodel_tests, COUNT(mapmodel_tests) },
	{ "images", image_tests, COUNT(image_tests) },
	{ "bugs", bug_tests, COUNT(bug_tests) },
	{ "machine", machine_tests, COUNT(machine_tests) },
};

enum { QUICK_LIMIT = 60, SLOW_LIMIT = 300 };     /* seconds for a test */
enum { TIME_OVER = 94 };                /* the watchdog's status */
enum { FAILURES = 200 };

static int checking;                    /* -c */
static int disk;                        /* there is a file system */
static int done;                        /* tests that ran */
static int left_out;                    /* for want of a disk, or mmap */
static const char *failed[FAILURES];    /* those that failed */
static int failures;

/* ---- What a test leaves behind ---- */

/*
 * Kill the processes that came after process FIRST and have our name,
 * if KILLING; their number.
 */
static int leftovers(int first, int killing)
{
	int count = list_processes(), left = 0;

	for (int i = 0; i < count; i++) {
		const struct process_info *process = &everybody[i];

		if (process->pid < first ||
		    strcmp(process->name, "usertests") != 0)
			continue;
		left++;
		if (killing)
			kill(process->pid);
	}
	return left;
}

/* Give the processes since FIRST a second to go; how many stay? */
static int await_end(int first, int killing)
{
	int left = 0;

	for (int i = 0; i < TICKS_PER_SECOND; i++) {
		left = leftovers(first, killing);
		if (left == 0)
			return 0;
		sleep(1);
	}
	return left;
}

/* What a test may use, and has to give back. */
struct resources {
	int frames, blocks, inodes;
};

/* What is free now; a used inode counts as one less. */
static struct resources resources_now(void)
{
	struct resources now = { .frames = memory_now().free };

	if (disk) {
		now.blocks = disk_now().free;
		now.inodes = -disk_now().inodes;
	}
	return now;
}

/* How much less there is NOW than BEFORE. */
static int missing(int before, int now)
{
	return now < before ? before - now : 0;
}

static int is_loss(const struct resources *lost)
{
	return lost->frames || lost->blocks || lost->inodes;
}

/* What is missing, compared with BEFORE, after some time. */
static struct resources resources_lost(const struct resources *before)
{
	struct resources lost = { 0 };

	if (disk)
		drop_caches();
	for (int i = 0; i < TICKS_PER_SECOND / 2; i++) {
		struct resources now = resources_now();

		lost.frames = missing(before->frames, now.frames);
		lost.blocks = missing(before->blocks, now.blocks);
		lost.inodes = missing(before->inodes, now.inodes);
		if (!is_loss(&lost))
			break;
		sleep(1);
	}
	return lost;
}

/* ---- One test ---- */

/* After its time, kill VICTIM. */
static void watch(int victim, int seconds)
{
	sleep(seconds * TICKS_PER_SECOND);
	kill(victim);
	exit(TIME_OVER);
}

/*
 * Wait for the two children, TESTED and its WATCHDOG; the status of the
 * former, or TIME_OVER.
 */
static int await_both(int tested, int watchdog)
{
	int status, result = KILLED, late = 0;

	for (int n = 0; n < 2; n++) {
		int pid = wait(&status);

		if (pid == tested) {
			result = status;
			kill(watchdog);
		} else if (pid == watchdog && status == TIME_OVER) {
			late = 1;
		}
	}
	return late ? TIME_OVER : result;
}

/* Fork; if there is no memory, again when there may be some. */
static int fork_in_time(void)
{
	int pid = fork();

	for (int i = 0; pid < 0 && i < 20 * TICKS_PER_SECOND; i++) {
		sleep(1);
		pid = fork();
	}
	return pid;
}

/*
 * Run the current test in a child; *FIRST is the child's pid.  A test
 * may have taken all memory before its watchdog is there.
 */
static int run_child(int *first)
{
	int limit = full ? SLOW_LIMIT : QUICK_LIMIT;
	int tested = fork(), watchdog;

	*first = tested;
	if (tested == 0) {
		if (current->group & FILES)
			enter_workplace();
		current->run();
		exit(OK);
	}
	if (tested < 0)
		return NO_EXEC;
	watchdog = fork_in_time();
	if (watchdog == 0)
		watch(tested, limit);
	if (watchdog > 0)
		return await_both(tested, watchdog);
	kill(tested);
	wait(0);
	return NO_EXEC;
}

/* Say why a test with this STATUS failed, unless it did so itself. */
static void explain(int status)
{
	if (status == FAILED)
		return;
	begin_failure();
	if (status == KILLED)
		printf("it was killed\n");
	else if (status == TIME_OVER)
		printf("it did not end in time\n");
	else if (status == NO_EXEC)
		printf("cannot fork\n");
	else
		printf("its status is %d\n", status);
}

/* Say that there is something that should be gone; 0. */
static int complain(const char *what)
{
	begin_failure();
	printf("%s\n", what);
	return 0;
}

/*
 * Run the current test once and clean up.  True if it passed and left
 * no processes and files; *LOST says what is missing.
 */
static int passes(struct resources *lost)
{
	struct resources before = resources_now();
	int first, status = run_child(&first), left, stay;

	left = first > 0 ? await_end(first, 0) : 0;
	if (left > 0)
		await_end(first, 1);
	stay = current->group & FILES ? remove_workplace() : 0;
	*lost = resources_lost(&before);
	if (status != OK) {
		explain(status);
		return 0;
	}
	if (left > 0)
		return complain("processes stay");
	if (stay < 0)
		return complain("files cannot be removed");
	return 1;
}

/*
 * Run the current test.  A kernel may keep some frames for later the
 * first time that it needs them, and a directory its blocks; so
 * something is lost if each of three runs loses it.
 */
static int passes_without_loss(void)
{
	struct resources lost;

	for (int i = 0; i < 3; i++) {
		if (!passes(&lost))
			return 0;
		if (!is_loss(&lost))
			return 1;
	}
	begin_failure();
	printf("lost at each run: %d frames, %d blocks, %d inodes\n",
	       lost.frames, lost.blocks, lost.inodes);
	return 0;
}

static void run_test(const struct test *test)
{
	int noisy = test->group & KILLS, good;

	if ((test->group & FILES && !disk) ||
	    (test->group & MAPS && !mappings)) {
		left_out++;
		return;
	}
	current = test;
	done++;
	printf("test %s: %s", test->name, noisy ? "\n" : "");
	good = passes_without_loss();
	if (good && noisy)
		printf("test %s: ", test->name);
	if (good)
		printf("OK\n");
	if (checking && monitor("check") != 0) {
		printf("after %s: the kernel's check FAILED\n",
		       test->name);
		good = 0;
	}
	if (!good && failures < FAILURES)
		failed[failures++] = test->name;
	current = 0;
}

/* ---- All of them ---- */

static const struct area *find_area(const char *name)
{
	for (int a = 0; a < COUNT(areas); a++) {
		if (!strcmp(areas[a].name, name))
			return &areas[a];
	}
	return 0;
}

static const struct test *find_test(const char *name)
{
	for (int a = 0; a < COUNT(areas); a++) {
		for (int i = 0; i < areas[a].count; i++) {
			if (!strcmp(areas[a].tests[i].name, name))
				return &areas[a].tests[i];
		}
	}
	return 0;
}

/* Those of AREA; without the slow ones, if so wanted. */
static void run_area(const struct area *area)
{
	for (int i = 0; i < area->count; i++) {
		if (full || area->tests[i].group & QUICK)
			run_test(&area->tests[i]);
	}
}

static void run_all(void)
{
	for (int a = 0; a < COUNT(areas); a++)
		run_area(&areas[a]);
}

static int list(void)
{
	for (int a = 0; a < COUNT(areas); a++) {
		printf("%s:\n", areas[a].name);
		for (int i = 0; i < areas[a].count; i++) {
			const struct test *test = &areas[a].tests[i];

			printf("  %s%s\n", test->name,
			       test->group & SLOW ? " (slow)" : "");
		}
	}
	return 0;
}

/* Run what has these names; 2 if there is nothing of a name. */
static int run_named(char *name[], int count)
{
	for (int i = 0; i < count; i++) {
		if (!find_test(name[i]) && !find_area(name[i])) {
			fprintf(2, "usertests: no test %s\n", name[i]);
			return 2;
		}
	}
	for (int i = 0; i < count; i++) {
		if (find_test(name[i]))
			run_test(find_test(name[i]));
		else
			run_area(find_area(name[i]));
	}
	return 0;
}

/* The last lines, and the status. */
static int report(void)
{
	if (left_out)
		printf("%d tests left out: no %s\n", left_out,
		       disk ? "mmap" : "file system");
	if (failures == 0) {
		printf("ALL TESTS PASSED\n");
		return 0;
	}
	printf("%d of %d tests FAILED:", failures, done);
	for (int i = 0; i < failures; i++)
		printf(" %s", failed[i]);
	printf("\n");
	return 1;
}

static int usage(void)
{
	fprintf(2, "usage: usertests [-q] [-c] [NAME...], or -l\n");
	return 2;
}

int main(int argc, char *argv[])
{
	struct filesystem_info info;
	int i;

	if (argc > 1 && argv[1][0] == '=')
		return assist(argc, argv);
	disk = filesystem(&info) == 0;
	can_drop = disk && monitor("drop") == 0;
	mappings = has_mappings();
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-l") == 0)
			return list();
		if (strcmp(argv[i], "-q") == 0)
			full = 0;
		else if (strcmp(argv[i], "-c") == 0)
			checking = 1;
		else
			return usage();
	}
	if (i == argc)
		run_all();
	else if (run_named(argv + i, argc - i) != 0)
		return 2;
	return report();
}
