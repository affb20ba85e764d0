/*
 * What takes the place of the console, of panic() and of the linker
 * script, and the little that runs the tests.
 */
#include "host.h"
#include "filesystem/random.h"
#include "machine.h"
#include "processor.h"
#include "memory/cache.h"
#include "memory/kvm.h"
#include "memory/space.h"
#include <sanitizer/asan_interface.h>

/* ---- The console ---------------------------------------------------- */

enum { CONSOLE_SIZE = 1 << 20 };

char console_text[CONSOLE_SIZE];
static size_t console_length;

void clear_console(void)
{
	console_length = 0;
	console_text[0] = '\0';
}

static void console_put(char c, void *unused)
{
	(void)unused;
	expect(console_length < CONSOLE_SIZE - 1);
	console_text[console_length++] = c;
	console_text[console_length] = '\0';
}

void console_putc(char c)
{
	console_put(c, NULL);
}

void weft_vprintf(const char *text, va_list arguments)
{
	format(console_put, NULL, text, arguments);
}

void weft_printf(const char *text, ...)
{
	va_list arguments;

	va_start(arguments, text);
	weft_vprintf(text, arguments);
	va_end(arguments);
}

/* ---- Panic ---------------------------------------------------------- */

jmp_buf panic_jump;
bool panic_expected;
char panic_text[1000];

static void panic_put(char c, void *at)
{
	char **end = at;

	if (*end < panic_text + sizeof panic_text - 1)
		*(*end)++ = c;
}

_Noreturn void panic(const char *text, ...)
{
	va_list arguments;
	char *end = panic_text;

	va_start(arguments, text);
	format(panic_put, &end, text, arguments);
	va_end(arguments);
	*end = '\0';
	if (!panic_expected)
		failed(__FILE__, __LINE__, panic_text);
	panic_expected = false;
	longjmp(panic_jump, 1);
}

/* ---- Processors ----------------------------------------------------- */

struct cpu cpus[MAX_CPUS];
unsigned cpu_count = 1;
__thread struct cpu *host_cpu = cpus;
__thread bool host_interrupts;

void use_processor(unsigned index)
{
	host_cpu = &cpus[index];
}

static void start_processors(void)
{
	cpu_count = 1;
	host_cpu = cpus;
	memset(cpus, 0, sizeof cpus);
	for (unsigned i = 0; i < MAX_CPUS; i++)
		cpus[i].index = i;
}

/* No other thread wants anything of this one. */
void answer_requests(void)
{
	__atomic_store_n(&this_cpu()->requests, 0, __ATOMIC_RELAXED);
}

bool (*host_answer)(struct cpu *cpu);

/* What the other processor would do when it is interrupted. */
void cpu_request(struct cpu *cpu, unsigned request)
{
	struct cpu *me = host_cpu;

	expect(cpu != me);
	if (host_answer && host_answer(cpu))
		return;
	host_cpu = cpu;
	if (request == REQUEST_LEAVE)
		space_leave();
	else if (request == REQUEST_FLUSH)
		space_flush();
	else
		failed(__FILE__, __LINE__, "an unknown request");
	host_cpu = me;
}

/* One thread, so whoever had to wait for a mutex would wait for ever. */
void mutex_wait(struct mutex *mutex)
{
	(void)mutex;
	expect(!"a mutex is taken twice");
}

void mutex_wake(struct mutex *mutex)
{
	expect(mutex->waiting == 0);
}

/* ---- Memory --------------------------------------------------------- */

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

/*
 * The labels of the linker script are addresses inside an array, which
 * C cannot say.  The alignment is that of the largest page a kernel map
 * may need; the kernel has 4 pages of text, 4 of constants, 8 of data.
 */
asm(".pushsection .bss\n"
    "	.balign 0x400000\n"
    "	.globl host_memory, kernel_start, text_end\n"
    "	.globl rodata_end, kernel_end\n"
    "host_memory:\n"
    "	.skip " TEXT(KERNEL_START) "\n"
    "kernel_start:\n"
    "	.skip 0x4000\n"
    "text_end:\n"
    "	.skip 0x4000\n"
    "rodata_end:\n"
    "	.skip 0x8000\n"
    "kernel_end:\n"
    "	.skip " TEXT(HOST_MEMORY_END) " - " TEXT(KERNEL_START) " - 0x10000\n"
    ".popsection");

unsigned host_flushes;
void (*host_flushed)(bool all, vaddr_t address);

void machine_describe(void)
{
	kernel_map_add("device", HOST_DEVICE, HOST_DEVICE_END, MAP_WRITE);
}

/* Lets the kernel use what lies in RAM and in [FROM, TO). */
static void allow(const struct ram *ram, paddr_t from, paddr_t to)
{
	for (; ram->end; ram++) {
		paddr_t start = ram->start > from ? ram->start : from;
		paddr_t end = ram->end < to ? ram->end : to;

		if (start < end)
			ASAN_UNPOISON_MEMORY_REGION(p2v(start),
						    end - start);
	}
}

/* No cache has an object any more. */
static void start_caches(void)
{
	for (struct cache *c = caches; c; c = c->next) {
		c->partial = c->full = NULL;
		c->slabs = 0;
		memset(c->hand, 0, sizeof c->hand);
	}
}

void start_phase_one(const struct ram *ram)
{
	paddr_t end = v2p(kernel_end);

	ASAN_UNPOISON_MEMORY_REGION(host_memory, HOST_MEMORY_END);
	memset(host_memory, 0xa5, HOST_MEMORY_END);
	ASAN_POISON_MEMORY_REGION(host_memory, HOST_MEMORY_END);
	allow(ram, end, BOOT_MAP_END);
	memory_map.count = 0;
	start_processors();
	start_caches();
	frames = (struct frames){ .lock = SPINLOCK("frames") };
	unclaimed = 0;
	page_tables = 0;
	kalloc_fail_at = 0;
	clear_console();
	for (const struct ram *r = ram; r->end; r++)
		memory_map_add(r->start, r->end);
	boot_alloc_init();
}

void start_phase_two(const struct ram *ram)
{
	allow(ram, BOOT_MAP_END, HOST_MEMORY_END);
	alloc_init();
}

void start(const struct ram *ram)
{
	start_phase_one(ram);
	start_phase_two(ram);
}

size_t frames_reserve(void)
{
	size_t all = frames_unclaimed(), kept = 0;

	while (kept < all && frames_promise(all - kept))
		kept++;
	frames_release(all - kept);
	return kept;
}

void *kalloc_last(void)
{
	void *frame = kalloc();

	if (frame)
		return frame;
	frame = kalloc_promised();
	unclaimed -= frame != NULL;
	return frame;
}

static struct frame *used_up;

void use_up_memory(size_t left)
{
	while (frames_free() > left) {
		struct frame *frame = kalloc_last();

		expect(frame);
		frame->next = used_up;
		used_up = frame;
	}
}

void give_memory_back(void)
{
	while (used_up) {
		struct frame *next = used_up->next;

		kfree(used_up);
		used_up = next;
	}
}

/* ---- Tests ---------------------------------------------------------- */

static uint64_t seed, random_state;
static const char *running;

uint64_t random64(void)
{
	return next_random(&random_state);
}

uint64_t below(uint64_t limit)
{
	return random64() % limit;
}

bool one_in(unsigned n)
{
	return below(n) == 0;
}

_Noreturn void failed(const char *file, int line, const char *what)
{
	printf("FAILED %s, SEED=%llu\n%s:%d: %s\n", running,
	       (unsigned long long)seed, file, line, what);
	if (*console_text)
		printf("The console says:\n%s\n", console_text);
	exit(1);
}

/* Should the test run, if the program has these arguments? */
static bool is_chosen(const char *name, char **argument)
{
	bool chosen = !*argument || **argument == '-';

	for (; *argument; argument++) {
		if (strcmp(*argument, name) == 0)
			chosen = true;
		if (**argument == '-' && strcmp(*argument + 1, name) == 0)
			chosen = false;
	}
	return chosen;
}

/* Runs the tests named as arguments; or all but those named -NAME. */
int main(int argc, char **argv)
{
	(void)argc;
	setvbuf(stdout, NULL, _IOLBF, 0);
	seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
	for (const struct test *test = tests; test->name; test++) {
		if (!is_chosen(test->name, argv + 1))
			continue;
		running = test->name;
		random_state = seed ^ 0x9e3779b97f4a7c15;
		clear_console();
		test->run();
		printf("ok %s\n", test->name);
	}
	return 0;
}
