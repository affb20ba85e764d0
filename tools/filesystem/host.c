/*
 * What takes the place of the rest of the kernel: memory, locks, waiting,
 * console, and the queue in front of the disk.  There is one thread.
 */
#include "host.h"
#include "console/format.h"
#include "lock.h"
#include "memory/cache.h"
#include "memory/frames.h"
#include "interrupt.h"
#include "mutex.h"
#include "processor.h"
#include "user_access.h"
#include <sys/mman.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define ASAN 1
#endif
#endif
#ifndef ASAN
#define ASAN 0
#define ASAN_POISON_MEMORY_REGION(from, size) (void)0
#define ASAN_UNPOISON_MEMORY_REGION(from, size) (void)0
#endif

/* ---- Console and panic ---------------------------------------------- */

FILE *host_console;

static void put(char c, void *file)
{
	putc(c, file);
}

void weft_vprintf(const char *text, va_list arguments)
{
	if (host_console)
		format(put, host_console, text, arguments);
}

void weft_printf(const char *text, ...)
{
	va_list arguments;

	va_start(arguments, text);
	weft_vprintf(text, arguments);
	va_end(arguments);
}

static char panic_text[256], *panic_end;

static void put_panic(char c, void *unused)
{
	(void)unused;
	if (panic_end < panic_text + sizeof panic_text - 1)
		*panic_end++ = c;
}

_Noreturn void panic(const char *text, ...)
{
	va_list arguments;

	panic_end = panic_text;
	va_start(arguments, text);
	format(put_panic, NULL, text, arguments);
	va_end(arguments);
	*panic_end = '\0';
	host_panic(panic_text);
}

/* ---- Frames --------------------------------------------------------- */

char *host_memory;
uint32_t *frame_owners;
unsigned host_fail_at;

static size_t total, fresh;     /* frames; never used yet from there on */
static uint32_t *free_stack;
static size_t free_count;
intptr_t unclaimed;

/* Is it this allocation that should fail? */
static bool fails_on_purpose(void)
{
	return host_fail_at && --host_fail_at == 0;
}

int frames_promise(size_t count)
{
	if (unclaimed - (intptr_t)count < FRAMES_PINNED)
		return -1;
	unclaimed -= (intptr_t)count;
	return 0;
}

void frames_release(size_t count)
{
	unclaimed += (intptr_t)count;
}

size_t frames_total(void)
{
	return total;
}

size_t host_frames_claimed(void)
{
	return total - (size_t)unclaimed;
}

static void *take_frame(void)
{
	size_t number;

	if (free_count == 0 && fresh == total)
		pages_reclaim(BATCH);
	if (free_count > 0)
		number = free_stack[--free_count];
	else if (fresh < total)
		number = fresh++;
	else
		return NULL;
	frame_owners[number] = 1;
	ASAN_UNPOISON_MEMORY_REGION(host_memory + number * PAGE_SIZE,
				    PAGE_SIZE);
	return host_memory + number * PAGE_SIZE;
}

void *kalloc(void)
{
	void *frame;

	if (fails_on_purpose() || frames_promise(1))
		return NULL;
	frame = take_frame();
	if (!frame)
		frames_release(1);
	return frame;
}

void *kalloc_zeroed(void)
{
	void *frame = kalloc();

	if (frame)
		memset(frame, 0, PAGE_SIZE);
	return frame;
}

void *kalloc_promised(void)
{
	return fails_on_purpose() ? NULL : take_frame();
}

void put_last_frame(void *frame)
{
	size_t number = v2p(frame) / PAGE_SIZE;

	if (number >= total || (uintptr_t)frame % PAGE_SIZE)
		panic("not a frame: %p", frame);
	frame_owners[number] = 0;
	ASAN_POISON_MEMORY_REGION(frame, PAGE_SIZE);
	free_stack[free_count++] = (uint32_t)number;
}

void kfree_promised(void *frame)
{
	if (frame_owners[v2p(frame) / PAGE_SIZE] != 1)
		panic("kfree: %p has %u owners", frame,
		      frame_owners[v2p(frame) / PAGE_SIZE]);
	put_last_frame(frame);
}

void kfree(void *frame)
{
	kfree_promised(frame);
	frames_release(1);
}

static void start_memory(size_t frames)
{
	if (frames != total) {
		free(free_stack);
		free(frame_owners);
		if (host_memory)
			munmap(host_memory, total * PAGE_SIZE);
		host_memory = mmap(NULL, frames * PAGE_SIZE,
				   PROT_READ | PROT_WRITE, MAP_PRIVATE |
				   MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		free_stack = calloc(frames, sizeof *free_stack);
		frame_owners = calloc(frames, sizeof *frame_owners);
		if (host_memory == MAP_FAILED || !free_stack ||
		    !frame_owners)
			panic("there is not so much memory");
	}
	total = frames;
	unclaimed = (intptr_t)frames;
	fresh = free_count = 0;
	host_fail_at = 0;
	ASAN_POISON_MEMORY_REGION(host_memory, total * PAGE_SIZE);
}

/* ---- Small objects -------------------------------------------------- */

#if ASAN
/* With the sanitizer, objects of malloc(), whose misuse it notices. */
static struct object {
	struct object *next, **link;
} *objects;

void *cache_alloc(struct cache *cache)
{
	struct object *object;

	if (fails_on_purpose())
		return NULL;
	object = malloc(sizeof *object + cache->size);
	memset(object, 0xa5, sizeof *object + cache->size);
	object->next = objects;
	object->link = &objects;
	if (objects)
		objects->link = &object->next;
	objects = object;
	return object + 1;
}

void cache_free(struct cache *cache, void *at)
{
	struct object *object = (struct object *)at - 1;

	(void)cache;
	*object->link = object->next;
	if (object->next)
		object->next->link = object->link;
	free(object);
}

static void start_objects(void)
{
	while (objects)
		cache_free(NULL, objects + 1);
}
#else
static void start_objects(void)
{
}
#endif

/* ---- One thread ----------------------------------------------------- */

static struct process process = { .name = "host" };
static struct cpu cpu = { .process = &process };

struct cpu *host_cpu = &cpu;

void acquire(struct spinlock *lock)
{
	if (lock->serving)
		panic("lock %s is taken twice", lock->name);
	lock->serving = 1;
}

void release(struct spinlock *lock)
{
	if (!lock->serving)
		panic("lock %s is not taken", lock->name);
	lock->serving = 0;
}

void mutex_lock(struct mutex *mutex)
{
	if (mutex->taken)
		panic("a mutex is taken twice");
	mutex->taken = true;
}

void mutex_unlock(struct mutex *mutex)
{
	if (!mutex->taken)
		panic("a mutex is not taken");
	mutex->taken = false;
}

void wait_for_good(struct wait_queue *queue, struct spinlock *lock)
{
	(void)queue;
	panic("waits for ever, with lock %s", lock->name);
}

void wake_all(struct wait_queue *queue)
{
	(void)queue;
}

int clock_sleep(int count)
{
	(void)count;
	return 0;
}

/* Nothing goes on in the background. */
int process_create(const char *name, void (*function)(void *),
		   void *argument)
{
	(void)name;
	(void)function;
	(void)argument;
	return 1;
}

/* Programs are this one. */
int copy_from_user(void *to, vaddr_t from, size_t size)
{
	memcpy(to, (const void *)from, size);
	return 0;
}

int copy_to_user(vaddr_t to, const void *from, size_t size)
{
	memcpy((void *)to, from, size);
	return 0;
}

/* ---- The disk ------------------------------------------------------- */

struct disk disk;

void disk_submit(struct disk_request *request)
{
	if (request->action == DISK_READ)
		disk.reads++;
	else if (request->action == DISK_WRITE)
		disk.writes++;
	else
		disk.flushes++;
	if (request->action != DISK_FLUSH &&
	    (request->count < 1 || request->count > CLUSTER ||
	     request->block >= disk.blocks ||
	     request->count > disk.blocks - request->block))
		request->status = -1;
	else
		request->status = host_disk_do(request);
	disk.failures += request->status != 0;
}

int disk_wait(struct disk_request *request)
{
	return request->status;
}

int disk_do(struct disk_request *request)
{
	disk_submit(request);
	return disk_wait(request);
}

/* There is no other disk: what is on this one will be lost. */
void disk_use_memory(void)
{
	disk.memory = true;
}

/* There is no archive to fill it from. */
void filesystem_fill(void)
{
}

/* ---- Starting ------------------------------------------------------- */

#define WEAK __attribute__((weak))

extern char __start_weft_bss[] WEAK, __stop_weft_bss[] WEAK;
extern char __start_weft_data[] WEAK, __stop_weft_data[] WEAK;

/* Not memcpy(): the sanitizer would find the gaps between variables. */
__attribute__((no_sanitize("address"), noinline))
static void copy_words(long *to, const long *from, size_t size)
{
	for (size_t i = 0; i < size / sizeof *to; i++)
		((volatile long *)to)[i] = from[i];
}

static void start_variables(void)
{
	static long *first;
	size_t bss = (size_t)(__stop_weft_bss - __start_weft_bss);
	size_t data = (size_t)(__stop_weft_data - __start_weft_data);

	if (!first) {
		first = calloc(1, bss + data + 2 * sizeof *first);
		copy_words(first, (long *)__start_weft_data, data);
		copy_words(first + data / sizeof *first,
			   (long *)__start_weft_bss, bss);
		return;
	}
	if (bss == 0)
		panic("this program can start once");
	copy_words((long *)__start_weft_data, first, data);
	copy_words((long *)__start_weft_bss, first + data / sizeof *first,
		   bss);
}

void host_start(size_t frames, uint32_t blocks)
{
	start_variables();
	start_memory(frames);
	start_objects();
	process.directory = NULL;
	disk = (struct disk){ .name = "disk", .blocks = blocks };
}
