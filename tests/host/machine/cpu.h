#ifndef CPU_H
#define CPU_H

/* The processor of the host machine, as far as memory is concerned. */

#include <sched.h>
#include "types.h"
#include "layout.h"

#define MACHINE_NAME "host"

struct trap_frame {
	uintptr_t pc;
};

/* Said inside a loop that waits for another thread, which may need our
 * processor to get anywhere. */
static inline void cpu_relax(void)
{
	sched_yield();
}

/*
 * Counted, for the tests that ask whether enough was forgotten.  One
 * that keeps what a processor remembers wants to know more.
 */
extern unsigned host_flushes;
extern void (*host_flushed)(bool all, vaddr_t address);

static inline void host_flush(bool all, vaddr_t address)
{
	host_flushes++;
	if (host_flushed)
		host_flushed(all, address);
}

static inline void cpu_flush_page(vaddr_t address)
{
	host_flush(false, address);
}

static inline void cpu_flush_all(void)
{
	host_flush(true, 0);
}

static inline void cpu_flush_global(void)
{
	host_flushes++;
}

/* The host translates as it always did; the tests look at the tree. */
static inline void cpu_use_root(paddr_t root)
{
	(void)root;
}

static inline void cpu_switch_root(paddr_t root)
{
	(void)root;
	host_flush(true, 0);
}

static inline uintptr_t cpu_root_value(paddr_t root)
{
	return root;
}

static inline void cpu_sync_code(void)
{
}

/* Built in: string.h may be the kernel's here, or the host's. */
static inline void cpu_copy_page(void *to, const void *from)
{
	__builtin_memcpy(to, from, 4096);
}

static inline void cpu_clear_page(void *page)
{
	__builtin_memset(page, 0, 4096);
}

static inline uint64_t cpu_load_64(uint64_t *from)
{
	return *from;
}

static inline void cpu_store_64(uint64_t *to, uint64_t value)
{
	*to = value;
}

/* ---- Processors: threads ---------------------------------------------- */

struct cpu;

/* Each thread is a processor: the first, unless a test says otherwise. */
extern __thread struct cpu *host_cpu;
extern __thread bool host_interrupts;

static inline struct cpu *this_cpu(void)
{
	return host_cpu;
}

static inline void cpu_interrupts_on(void)
{
	host_interrupts = true;
}

static inline bool cpu_interrupts_off(void)
{
	bool on = host_interrupts;

	host_interrupts = false;
	return on;
}

static inline void cpu_halt(void)
{
	sched_yield();
}

static inline void cpu_wait(void)
{
	sched_yield();
}

/* Not the time, but it goes on. */
static inline uint64_t cpu_cycles(void)
{
	static __thread uint64_t cycles;

	return ++cycles;
}

#endif
