#ifndef HOST_H
#define HOST_H

/* What the tests of the kernel's C on the host share. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From here on memset is the library's, weft_memset the kernel's. */
#include "names.h"
#include "console.h"
#include "console/format.h"
#include "lock.h"
#include "memory.h"
#include "string.h"
#include "memory/frames.h"
#include "memory/page_table.h"
#include "memory/plant.h"
#undef memset
#undef memcpy
#undef memmove
#undef memcmp
#undef strlen
#undef strcmp
#undef strncmp
#undef printf
#undef vprintf

/* ---- Tests -------------------------------------------------------- */

struct test {
	const char *name;
	void (*run)(void);
};

extern const struct test tests[];       /* ends with a NULL */

/* Ends the program, unless CONDITION holds, and says where. */
#define expect(condition) \
	((condition) ? (void)0 : failed(__FILE__, __LINE__, #condition))

_Noreturn void failed(const char *file, int line, const char *what);

/* Random numbers: the same every time, unless SEED says otherwise. */
uint64_t random64(void);
uint64_t below(uint64_t limit);         /* 0 to LIMIT - 1 */
bool one_in(unsigned n);

/* ---- The machine -------------------------------------------------- */

/* What the kernel has printed since the last clear_console(). */
extern char console_text[];
void clear_console(void);

/*
 * Does STATEMENT panic with a message that begins with TEXT?  A panic
 * in the middle leaves things as they are: start the machine anew.
 */
#define panics(statement, text) \
	(setjmp(panic_jump) == 0 \
	 ? (panic_expected = true, (void)(statement), \
	    panic_expected = false) \
	 : strncmp(panic_text, text, strlen(text)) == 0)

extern jmp_buf panic_jump;
extern bool panic_expected;
extern char panic_text[];

/*
 * Switches the machine on, with RAM full of junk in the given ranges,
 * and runs phase one or both phases.  An access outside RAM, or outside
 * the boot map in phase one, is an error that AddressSanitizer reports.
 */
struct ram {
	paddr_t start, end;             /* both 0 after the last */
};

void start_phase_one(const struct ram *ram);
void start_phase_two(const struct ram *ram);
void start(const struct ram *ram);

#define RAM(...) ((const struct ram[]){ __VA_ARGS__, { 0, 0 } })
#define SOME_RAM RAM({ 0, 0x9f000 }, { 0x100000, 0x1000000 })

/* From now on this thread is processor INDEX, below cpu_count. */
void use_processor(unsigned index);

/* A test's own answer to a request to a processor; true: that is all. */
extern bool (*host_answer)(struct cpu *cpu);

/* Frames that the kernel keeps for its own lists, and promises nobody. */
size_t frames_reserve(void);

/* Takes a frame even if it is one of those. */
void *kalloc_last(void);

/* Allocates frames until LEFT are free, and the reverse. */
void use_up_memory(size_t left);
void give_memory_back(void);

#endif
