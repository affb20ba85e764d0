/* Tests of fork, exit, wait, kill, sleep and the scheduler. */

/* ---- fork, exit and wait ---- */

static void exit_with(uintptr_t status)
{
	exit((int)status);
}

/* Every exit status comes out of wait() as it was. */
static void exitstatus(void)
{
	const int status[] = { 0, 2, 255, 256, -2, -128, 0x12345678,
			       0x7fffffff, (int)0x80000000 };

	for (int i = 0; i < COUNT(status); i++)
		expect(spawn(exit_with, (unsigned)status[i]), status[i],
		       "exit");
}

static void exitwait(void)
{
	for (int i = 0; i < 100; i++)
		expect(spawn(exit_with, i + 2), i + 2, "exit");
	expect_no_child();
}

/* fork() tells the parent what getpid() tells the child. */
static void pids(void)
{
	for (int i = 0; i < 20; i++) {
		int pid = must_fork();

		if (pid == 0)
			exit(getpid());
		check(pid > 0 && pid != getpid(), "pid %d", pid);
		expect(pid, pid, "the child's own pid");
	}
}

/* wait() finds whichever child ended, and gives out its pid once. */
static void waitany(void)
{
	int pid[5], status, got, found;

	for (int i = 0; i < COUNT(pid); i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			sleep(COUNT(pid) - i);
			exit(10 + i);
		}
	}
	for (int n = 0; n < COUNT(pid); n++) {
		got = wait(&status);
		for (found = 0; found < COUNT(pid); found++) {
			if (pid[found] == got)
				break;
		}
		check(found < COUNT(pid), "wait returned %d", got);
		check(status == 10 + found, "status %d", status);
		pid[found] = 0;
	}
	expect_no_child();
}

/* wait(NULL) throws the status away. */
static void waitnull(void)
{
	int pid = spawn(exit_with, 5);

	check(wait(0) == pid, "wait(0) missed the child");
	expect_no_child();
}

/* Orphans: their parent ends first, and nobody waits for them. */
static void reparent(void)
{
	int master = getpid(), pid;

	for (int i = 0; i < rounds(200); i++) {
		pid = must_fork();
		if (pid == 0) {
			check(fork() >= 0, "the child cannot fork");
			exit(OK);
		}
		check(wait(0) == pid, "wait missed the child");
		check(getpid() == master, "the pid changed");
	}
	expect_no_child();
}

/* Grandchildren that end together with their parents. */
static void reparent2(void)
{
	for (int i = 0; i < rounds(800); i++) {
		int pid = must_fork();

		if (pid == 0) {
			fork();
			fork();
			exit(OK);
		}
		expect(pid, OK, "the child");
	}
}

/* A process cannot wait for its grandchild, even as an orphan. */
static void grandchild(void)
{
	int pid = must_fork();

	if (pid == 0) {
		spawn(sleep_for, 3);
		exit(OK);
	}
	expect(pid, OK, "the child");
	expect_no_child();
	sleep(5);
	expect_no_child();
}

/* An orphan's parent is the first process. */
static void orphan(void)
{
	struct process_info info;
	int pid = must_fork();

	if (pid == 0)
		exit(spawn(sleep_for, 1000));
	pid = status_of(pid);
	check(find_process(pid, &info), "the orphan is missing");
	check(info.parent == 1, "its parent is %d", info.parent);
	check(kill(pid) == 0, "it cannot be killed");
}

static void twochildren(void)
{
	for (int i = 0; i < rounds(1000); i++) {
		spawn(exit_with, OK);
		spawn(exit_with, OK);
		check(wait(0) > 0, "the first child is missing");
		check(wait(0) > 0, "the second child is missing");
	}
	expect_no_child();
}

static void fork_often(uintptr_t times)
{
	for (uintptr_t i = 0; i < times; i++)
		expect(spawn(exit_with, OK), OK, "a grandchild");
}

/* Several processes fork at the same time. */
static void forkfork(void)
{
	int status;

	for (int i = 0; i < 4; i++)
		spawn(fork_often, rounds(200));
	for (int i = 0; i < 4; i++) {
		check(wait(&status) > 0, "a child is missing");
		check(status == OK, "a child has status %d", status);
	}
}

static void fork_until(uintptr_t end)
{
	while (uptime() < (int)end) {
		if (fork() < 0)
			sleep(1);
	}
	exit(OK);
}

/* Everybody forks as fast as possible, until the time is over. */
static void forkforkfork(void)
{
	expect(spawn(fork_until, uptime() + (full ? 20 : 8)), OK,
	       "the first of many");
	sleep(10);
}

/* There is a limit, under 1000, and afterwards all come back. */
static void forktest(void)
{
	int count, pid;

	for (count = 0; count < 1000; count++) {
		pid = fork();
		if (pid < 0)
			break;
		if (pid == 0)
			exit(OK);
	}
	check(count > 10, "fork failed after %d", count);
	check(count < 1000, "fork never failed");
	for (int i = 0; i < count; i++)
		check(wait(0) > 0, "%d of %d came back", i, count);
	expect_no_child();
}

/*
 * The limit counts living processes, and each round has as many, unless
 * it is memory that ends.
 */
static void processlimit(void)
{
	int count[2], pid, status, short_of_memory = 0;

	for (int round = 0; round < 2; round++) {
		for (count[round] = 0; count[round] < 1000;
		     count[round]++) {
			pid = fork();
			if (pid < 0)
				break;
			if (pid == 0) {
				sleep(20);
				exit(OK);
			}
		}
		short_of_memory |= available_pages() < 2000;
		for (int i = 0; i < count[round]; i++) {
			check(wait(&status) > 0, "one is missing");
			check(status == OK, "status %d", status);
		}
	}
	check(count[0] < 1000, "fork never failed");
	check(count[0] == count[1] || short_of_memory,
	      "first %d, then %d", count[0], count[1]);
}

/* ---- kill ---- */

static void killstatus(void)
{
	for (int i = 0; i < rounds(100); i++) {
		int pid = spawn(spin_in_calls, 0);

		if (i % 2)
			sleep(1);
		check(kill(pid) == 0, "kill failed");
		expect(pid, KILLED, "the killed child");
	}
}

/* One that makes no system call is killed at the next tick. */
static void killrunning(void)
{
	for (int i = 0; i < 5; i++) {
		int pid = spawn(spin, 0);

		sleep(i);
		check(kill(pid) == 0, "kill failed");
		expect(pid, KILLED, "the spinning child");
	}
}

/* One that sleeps is woken, at once. */
static void killsleeping(void)
{
	int pid = spawn(sleep_for, 1000000), start;

	await_state(pid, PROCESS_SLEEPING);
	start = uptime();
	check(kill(pid) == 0, "kill failed");
	expect(pid, KILLED, "the sleeping child");
	check(uptime() - start < TICKS_PER_SECOND, "it took long");
}

static void wait_for_sleeper(uintptr_t unused)
{
	(void)unused;
	spawn(sleep_for, 30);
	wait(0);
}

/* Killed just when it falls asleep, it does not return from sleep(). */
static void killdrowsy(void)
{
	for (int i = 0; i < rounds(3000); i++) {
		int pid = must_fork();

		if (pid == 0) {
			sleep(100 * TICKS_PER_SECOND);
			exit(OK);
		}
		for (volatile int n = i * 7 % 3000; n > 0; n--)
			;
		check(kill(pid) == 0, "kill failed");
		expect(pid, KILLED, "the drowsy child");
	}
}

/* One that waits for its child is woken; the child becomes orphan. */
static void killwaiting(void)
{
	int pid = spawn(wait_for_sleeper, 0);

	await_state(pid, PROCESS_SLEEPING);
	check(kill(pid) == 0, "kill failed");
	expect(pid, KILLED, "the waiting child");
	expect_no_child();
	sleep(30);
}

/* One that has ended keeps its status. */
static void killzombie(void)
{
	int pid = spawn(exit_with, 42);

	await_state(pid, PROCESS_ZOMBIE);
	check(kill(pid) == 0, "it cannot be killed");
	expect(pid, 42, "the zombie");
	check(kill(pid) == -1, "killed one that is gone");
}

static void killabsent(void)
{
	const int pid[] = { -1, -2, 0x7fffffff, (int)0x80000000 };

	for (int i = 0; i < COUNT(pid); i++)
		check(kill(pid[i]) == -1, "kill(%d) succeeds", pid[i]);
}

/* A process that kills itself does not return from it. */
static void killself(void)
{
	int pid = must_fork();

	if (pid == 0) {
		kill(getpid());
		exit(OK);
	}
	expect(pid, KILLED, "the suicide");
}

/* Killed again and again, it dies once. */
static void killtwice(void)
{
	int pid = spawn(spin, 0);

	for (int i = 0; i < 10; i++)
		kill(pid);
	expect(pid, KILLED, "the child");
	expect_no_child();
}

/* Kill at any point of fork, exec, exit and sbrk. */
static void live_a_lot(uintptr_t unused)
{
	char *arguments[] = { TINY, 0 };

	(void)unused;
	for (;;) {
		if (fork() == 0) {
			exec(TINY, arguments);
			exit(NO_EXEC);
		}
		sbrk(PAGE)[0] = 1;
		sbrk(-PAGE);
		wait(0);
	}
}

static void killanywhere(void)
{
	for (int i = 0; i < rounds(200); i++) {
		int pid = spawn(live_a_lot, 0);

		for (volatile int j = 0; j < i * 1000; j++)
			;
		check(kill(pid) == 0, "kill failed");
		expect(pid, KILLED, "the child");
	}
}

/* ---- Time ---- */

/* uptime() grows while somebody computes. */
static void uptimegrows(void)
{
	int start = uptime();

	for (volatile long i = 0; i < 300000000; i++) {
		if (i % 100000 == 0 && uptime() > start + 1)
			return;
	}
	fail("uptime() stays at %d", start);
}

/* sleep(n) takes n ticks, not many more, and returns 0. */
static void sleeps(void)
{
	const int ticks[] = { 1, 2, 10, 30 };
	int start, took;

	for (int i = 0; i < COUNT(ticks); i++) {
		start = uptime();
		check(sleep(ticks[i]) == 0, "sleep failed");
		took = uptime() - start;
		check(took >= ticks[i], "sleep(%d) took %d", ticks[i],
		      took);
		check(took <= ticks[i] + 3 * TICKS_PER_SECOND,
		      "sleep(%d) took %d", ticks[i], took);
	}
	check(sleep(0) == 0, "sleep(0) failed");
}

/* Sleepers wake in the order of their times. */
static void sleeporder(void)
{
	int status;

	for (int i = 4; i > 0; i--) {
		if (must_fork() == 0) {
			sleep(i * 8);
			exit(i + 10);
		}
	}
	for (int i = 1; i <= 4; i++) {
		check(wait(&status) > 0, "a child is missing");
		check(status == i + 10, "%d woke as number %d",
		      status - 10, i);
	}
}

/* Many sleepers, and all of them wake. */
static void manysleepers(void)
{
	const int many = 60;
	int status;

	for (int i = 0; i < many; i++)
		spawn(sleep_for, i % 7);
	for (int i = 0; i < many; i++) {
		check(wait(&status) > 0, "one is missing");
		check(status == OK, "status %d", status);
	}
}

/* ---- The scheduler ---- */

/* Spin for TICKS, as the clock has them; then exit with 7. */
static void spin_for(uintptr_t ticks)
{
	int start = uptime();

	for (volatile int i = 0; uptime() - start < (int)ticks; i++)
		;
	exit(7);
}

/* MANY who never give up the CPU do not keep it from another. */
static void preempt_many(int many)
{
	int greedy[10], other, status, got, start = uptime(), took;

	for (int i = 0; i < many; i++)
		greedy[i] = spawn(spin, 0);
	for (int i = 0; i < 5; i++)
		sleep(1);
	other = spawn(spin_for, 5);
	got = wait(&status);
	took = uptime() - start;
	check(took < 3 * TICKS_PER_SECOND, "%d: it took %d ticks", many,
	      took);
	check(got == other, "%d: wait returned %d, not %d", many, got,
	      other);
	check(status == 7, "%d: it has status %d", many, status);
	for (int i = 0; i < many; i++)
		check(kill(greedy[i]) == 0, "kill failed");
	for (int i = 0; i < many; i++) {
		check(wait(&status) > 0, "one is missing");
		check(status == KILLED, "one has status %d", status);
	}
}

/* As many as there are CPUs, so that only one waits, or more. */
static void preempt(void)
{
	static const int many[] = { 1, 2, 4, 8, 10 };

	for (int i = 0; i < COUNT(many); i++)
		preempt_many(many[i]);
}

/*
 * Compute from tick START on for one and a half seconds; exit with 10
 * and the longest time, in ticks, in which there was no turn.
 */
static void longest_wait(uintptr_t start)
{
	int last = start, longest = 0, now;

	do {
		now = uptime();
		if (now - last > longest)
			longest = now - last;
		last = now;
	} while (now - (int)start < TICKS_PER_SECOND * 3 / 2);
	exit(10 + longest);
}

/* Of those who compute, nobody waits long for a turn. */
static void fairness(void)
{
	const int many = 8;
	int start = uptime(), status;

	for (int i = 0; i < many; i++)
		spawn(longest_wait, start);
	for (int i = 0; i < many; i++) {
		check(wait(&status) > 0, "one is missing");
		check(status >= 10, "status %d", status);
		check(status - 10 < TICKS_PER_SECOND,
		      "one has waited for %d ticks", status - 10);
	}
}

/* ---- processes() ---- */

static void processinfo(void)
{
	struct process_info me, child;
	int pid = spawn(sleep_for, 10);

	await_state(pid, PROCESS_SLEEPING);
	check(find_process(getpid(), &me), "I am not in the list");
	check(find_process(pid, &child), "the child is not");
	check(me.state == PROCESS_RUNNING, "my state is %d", me.state);
	check(child.parent == getpid(), "its parent is %d",
	      child.parent);
	check(strcmp(me.name, "usertests") == 0, "my name is %s",
	      me.name);
	check(strcmp(child.name, "usertests") == 0, "its name is %s",
	      child.name);
	expect(pid, OK, "the child");
	check(!find_process(pid, &child), "it is still there");
	check(find_process(1, &child), "no first process");
}

/* Each state shows. */
static void processstates(void)
{
	struct process_info info;
	int pid = spawn(exit_with, 5);

	await_state(pid, PROCESS_ZOMBIE);
	expect(pid, 5, "the zombie");
	pid = spawn(spin, 0);
	sleep(2);
	check(find_process(pid, &info), "the spinner is missing");
	check(info.state == PROCESS_RUNNING ||
	      info.state == PROCESS_RUNNABLE, "it has state %d",
	      info.state);
	kill(pid);
	expect(pid, KILLED, "the spinner");
}

/* Pages count when reserved, resident ones when touched. */
static void processpages(void)
{
	struct process_info before, reserved, touched;
	char *at;

	find_process(getpid(), &before);
	at = new_pages(100);
	find_process(getpid(), &reserved);
	fill(at, 100 * PAGE, 1);
	find_process(getpid(), &touched);
	check(reserved.promised >= before.promised + 100, "%d, then %d pages",
	      (int)before.promised, (int)reserved.promised);
	check(reserved.resident < before.resident + 50,
	      "resident before a touch");
	check(touched.resident >= before.resident + 100,
	      "%d, then %d resident", (int)before.resident,
	      (int)touched.resident);
}

/* ---- Races ---- */

static void leave_children(uintptr_t round)
{
	for (uintptr_t i = 0; i < 3; i++) {
		int pid = fork();

		if (pid != 0)
			continue;
		for (volatile uintptr_t j = 0; j < round * i; j++)
			;
		exit(OK);
	}
}

/* 29: parent and children end at the same moment. */
static void bug29_reparent_lock(void)
{
	for (int i = 0; i < rounds(300); i++)
		expect(spawn(leave_children, i * 20), OK, "29: child");
	expect_no_child();
}

static void exit_after(uintptr_t loops)
{
	for (volatile uintptr_t i = 0; i < loops; i++)
		;
}

/* 30: a child exits while its parent does, and its parent's parent. */
static void bug30_exit_exit(void)
{
	for (int i = 0; i < rounds(300); i++) {
		int pid = must_fork();

		if (pid == 0) {
			if (fork() == 0) {
				fork();
				exit_after(i * 10);
				exit(OK);
			}
			exit_after((300 - i) * 10);
			exit(OK);
		}
		expect(pid, OK, "30: the child");
	}
}

static void kill_many_times(uintptr_t pid)
{
	for (int i = 0; i < 20; i++)
		kill((int)pid);
}

static void sleep_and_call(uintptr_t unused)
{
	(void)unused;
	for (;;) {
		sleep(0);
		getpid();
		uptime();
	}
}

/* 18: several killers at a time, and nobody misses the kill. */
static void bug18_killed_race(void)
{
	for (int i = 0; i < rounds(50); i++) {
		int victim = spawn(sleep_and_call, 0), status, got;

		for (int j = 0; j < 3; j++)
			spawn(kill_many_times, victim);
		for (int j = 0; j < 4; j++) {
			got = wait(&status);
			check(got > 0, "18: a child is missing");
			check(status == (got == victim ? KILLED : OK),
			      "18: status %d", status);
		}
	}
	expect_no_child();
}

/* 2: a negative time is refused, or over, at once. */
static void bug02_sleep_negative(void)
{
	int start = uptime();

	sleep(-1);
	sleep((int)0x80000000);
	check(uptime() - start < 2 * TICKS_PER_SECOND,
	      "2: sleep(-1) slept");
}

/* 3: there is no process 0, nor one to become it. */
static void bug03_kill_zero(void)
{
	check(kill(0) == -1, "3: kill(0) succeeds");
	for (int i = 0; i < 10; i++) {
		int pid = spawn(sleep_for, 1);

		expect(pid, OK, "3: a later child");
	}
}

static const struct test process_tests[] = {
	{ "exitstatus", exitstatus, QUICK },
	{ "exitwait", exitwait, QUICK },
	{ "pids", pids, QUICK },
	{ "waitany", waitany, QUICK },
	{ "waitnull", waitnull, QUICK },
	{ "reparent", reparent, QUICK },
	{ "reparent2", reparent2, QUICK },
	{ "grandchild", grandchild, QUICK },
	{ "orphan", orphan, QUICK },
	{ "twochildren", twochildren, QUICK },
	{ "forkfork", forkfork, QUICK },
	{ "forkforkfork", forkforkfork, QUICK },
	{ "forktest", forktest, QUICK },
	{ "processlimit", processlimit, QUICK },
	{ "killstatus", killstatus, QUICK },
	{ "killrunning", killrunning, QUICK },
	{ "killsleeping", killsleeping, QUICK },
	{ "killdrowsy", killdrowsy, QUICK },
	{ "killwaiting", killwaiting, QUICK },
	{ "killzombie", killzombie, QUICK },
	{ "killabsent", killabsent, QUICK },
	{ "killself", killself, QUICK },
	{ "killtwice", killtwice, QUICK },
	{ "killanywhere", killanywhere, QUICK },
	{ "uptimegrows", uptimegrows, QUICK },
	{ "sleeps", sleeps, QUICK },
	{ "sleeporder", sleeporder, QUICK },
	{ "manysleepers", manysleepers, QUICK },
	{ "preempt", preempt, QUICK },
	{ "fairness", fairness, SLOW },
	{ "processinfo", processinfo, QUICK },
	{ "processstates", processstates, QUICK },
	{ "processpages", processpages, QUICK },
	{ "bug02_sleep_negative", bug02_sleep_negative, QUICK },
	{ "bug03_kill_zero", bug03_kill_zero, QUICK },
	{ "bug18_killed_race", bug18_killed_race, QUICK },
	{ "bug29_reparent_lock", bug29_reparent_lock, QUICK },
	{ "bug30_exit_exit", bug30_exit_exit, QUICK },
};
