#ifndef IMAGE_H
#define IMAGE_H

#include "host.h"

/*
 * Makes the file PATH the disk and switches the machine on.  BLOCKS: it
 * is made, or emptied, with this size; 0: it is there, and only read.
 * Ends the program with status 2, and a message, if that cannot be done.
 */
void image_open(const char *path, uint32_t blocks);

/* Prints a message and ends the program with status 2. */
__attribute__((__format__(__printf__, 1, 2)))
_Noreturn void give_up(const char *text, ...);

extern const char *program;     /* for its messages */

#endif
