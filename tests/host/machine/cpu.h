#ifndef CPU_H
#define CPU_H

/* The processor of the host machine, as far as memory is concerned. */

#include <sched.h>
#include "types.h"
#include "layout.h"

#define MACHINE_NAME "host"

struct trap_frame;

/* Said inside a loop that waits for another thread, which may need our
 * processor to get anywhere. */
static inline void cpu_relax(void)
{
	sched_yield();
}

/* Counted, for the tests that ask whether enough was forgotten. */
extern unsigned host_flushes;

static inline void cpu_flush_page(vaddr_t address)
{
	(void)address;
	host_flushes++;
}

static inline void cpu_flush_all(void)
{
	host_flushes++;
}

/* The host translates as it always did; the tests look at the tree. */
static inline void cpu_use_root(paddr_t root)
{
	(void)root;
}

#endif
