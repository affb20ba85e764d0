#ifndef CPU_H
#define CPU_H

/* The processor of this computer, as far as files are concerned. */

#include "types.h"
#include "layout.h"

#define MACHINE_NAME "host"

struct trap_frame {
	uintptr_t pc;
};

struct cpu;

extern struct cpu *host_cpu;

static inline struct cpu *this_cpu(void)
{
	return host_cpu;
}

/* There are no traps here, but every machine has these. */
static inline bool trap_is_call(const struct trap_frame *frame)
{
	return frame->pc && false;
}

static inline unsigned trap_call(const struct trap_frame *frame)
{
	return frame->pc && false;
}

static inline const uintptr_t *
trap_arguments(const struct trap_frame *frame, uintptr_t *buffer,
	       unsigned count)
{
	return frame->pc && count ? NULL : buffer;
}

static inline unsigned trap_access(const struct trap_frame *frame)
{
	return frame->pc && false;
}

static inline void cpu_copy_page(void *to, const void *from)
{
	__builtin_memcpy(to, from, 4096);
}

static inline void cpu_clear_page(void *page)
{
	__builtin_memset(page, 0, 4096);
}

#endif
