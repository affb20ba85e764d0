#ifndef CRASH_H
#define CRASH_H

/* What the parts of the crash hunt share: see hunt.c. */

#include "host.h"
#include "model.h"

enum { MOST_BLOCKS = 512, FRAMES = 4096, SECTOR = 512, SECTORS = 8 };

/* ---- The disk ------------------------------------------------------- */

/* A block that was written, in the order of writing. */
struct write {
	uint32_t block;
	unsigned moment;                /* operations that had ended */
	uint8_t data[BLOCK_SIZE];
};

/* Writes between two flushes: any of their sectors may be missing. */
struct epoch {
	size_t first, end;              /* of the writes */
	unsigned promised;              /* operations that must be there */
	unsigned latest;                /* ... that can be */
};

/* Everything since disk_record(). */
struct recording {
	struct write *write;
	size_t writes, room;
	struct epoch *epoch;            /* the last one is open */
	size_t epochs, epoch_room;
};

extern struct recording recording;
extern uint8_t disk_now[MOST_BLOCKS][BLOCK_SIZE];
extern uint8_t disk_before[MOST_BLOCKS][BLOCK_SIZE];    /* all of it */
extern unsigned now;            /* operations that have ended */

/* From now on requests are recorded, or may be undone. */
void disk_record(void);
void disk_note(void);
void disk_undo(void);

/* Puts a sector of a recorded write on the disk; undone with the rest. */
void disk_put(const struct write *write, unsigned sector);

/* A write, or a flush, that somebody else has recorded. */
void record_write(uint32_t block, const void *data);
void record_flush(void);

/* All operations that have ended are promised from now on. */
void record_promise(void);

/* The requests from the FIRST from now on fail, COUNT of them. */
void disk_fail_requests(unsigned first, unsigned count);
bool disk_is_about_to_fail(void);
extern unsigned disk_requests;

/* ---- States --------------------------------------------------------- */

extern uint64_t moments[];      /* the model's hash, after each */

/*
 * Goes through the states that a crash may have left, RANDOM random ones
 * for each epoch among them, and checks each.  Ends the program if one
 * is wrong.
 */
void check_states(unsigned random);

extern uint64_t states_checked, states_distinct, states_limit;

/* Restarts from what is on the disk now; which moment is it? */
unsigned check_state(unsigned promised, unsigned latest);

/* What to print when a state is wrong. */
extern void (*tell_story)(void);

/* Prints, and ends the program with status 1. */
_Noreturn void wrong(const char *what);

/* ---- Random numbers ------------------------------------------------- */

extern uint64_t random_state;

uint64_t random64(void);
uint64_t below(uint64_t limit);
bool one_in(unsigned n);

#endif
