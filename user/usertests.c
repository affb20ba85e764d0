/*
 * usertests: does the system behave?
 *
 *	usertests [-q] [-c] [NAME...]
 *	usertests -l
 *
 * -q leaves out what takes long, -c has the kernel check itself after
 * each test, -l lists the tests; names select some of them.
 *
 * Every test runs in a process of its own.  One that crashes or hangs
 * has failed, and the next one runs.  After each test all its processes
 * have to be gone and all its memory has to be free again.
 */
#include "user/usertests/test.h"
#include "user/usertests/memory.c"
#include "user/usertests/process.c"
#include "user/usertests/exec.c"
#include "user/usertests/pointers.c"
#include "user/usertests/files.c"
#include "user/usertests/pipes.c"
#include "user/usertests/machine.c"

static const struct area {
	const char *name;
	const struct test *tests;
	int count;
} areas[] = {
	{ "memory", memory_tests, COUNT(memory_tests) },
	{ "processes", process_tests, COUNT(process_tests) },
	{ "exec", exec_tests, COUNT(exec_tests) },
	{ "arguments", pointer_tests, COUNT(pointer_tests) },
	{ "files", file_tests, COUNT(file_tests) },
	{ "pipes", pipe_tests, COUNT(pipe_tests) },
	{ "machine", machine_tests, COUNT(machine_tests) },
};

enum { QUICK_LIMIT = 30, SLOW_LIMIT = 55 };     /* seconds for a test */
enum { TIME_OVER = 94 };                /* the watchdog's status */
enum { FAILURES = 200 };

static int checking;                    /* -c */
static int done;                        /* tests that ran */
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

/* Frames that are missing, compared with BEFORE, after some time. */
static int frames_lost(uint32_t before)
{
	for (int i = 0; i < TICKS_PER_SECOND / 2; i++) {
		if (memory_now().free >= before)
			return 0;
		sleep(1);
	}
	return before - memory_now().free;
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

/* Run the current test in a child; *FIRST is the child's pid. */
static int run_child(int *first)
{
	int limit = current->group & SLOW ? SLOW_LIMIT : QUICK_LIMIT;
	int tested = fork(), watchdog;

	*first = tested;
	if (tested == 0) {
		current->run();
		exit(OK);
	}
	if (tested < 0)
		return NO_EXEC;
	watchdog = fork();
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

/*
 * Run the current test once and clean up.  True if it passed and left
 * no processes; *LOST says how many frames are missing.
 */
static int passes(int *lost)
{
	uint32_t before = memory_now().free;
	int first, status = run_child(&first), left;

	left = first > 0 ? await_end(first, 0) : 0;
	if (left > 0)
		await_end(first, 1);
	*lost = frames_lost(before);
	if (status != OK) {
		explain(status);
		return 0;
	}
	if (left > 0) {
		begin_failure();
		printf("%d processes stay\n", left);
		return 0;
	}
	return 1;
}

/*
 * Run the current test.  A kernel may keep some frames for later the
 * first time that it needs them; so frames are lost if each of three
 * runs loses some.
 */
static int passes_without_loss(void)
{
	int lost;

	for (int i = 0; i < 3; i++) {
		if (!passes(&lost))
			return 0;
		if (lost == 0)
			return 1;
	}
	begin_failure();
	printf("%d frames lost, at each run\n", lost);
	return 0;
}

static void run_test(const struct test *test)
{
	int noisy = test->group & KILLS, good;

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

/* Those of the table; without the slow ones, if so wanted. */
static void run_all(void)
{
	for (int a = 0; a < COUNT(areas); a++) {
		for (int i = 0; i < areas[a].count; i++) {
			if (full || areas[a].tests[i].group & QUICK)
				run_test(&areas[a].tests[i]);
		}
	}
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

/* Run the tests with these names; 2 if there is none of a name. */
static int run_named(char *name[], int count)
{
	for (int i = 0; i < count; i++) {
		if (!find_test(name[i])) {
			fprintf(2, "usertests: no test %s\n", name[i]);
			return 2;
		}
	}
	for (int i = 0; i < count; i++)
		run_test(find_test(name[i]));
	return 0;
}

/* The last lines, and the status. */
static int report(void)
{
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
	int i;

	if (argc > 1 && argv[1][0] == '=')
		return assist(argc, argv);
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
