#ifndef LAYOUT_H
#define LAYOUT_H

/* "Physical memory" is one piece of this program's memory. */
extern char *host_memory;

#define KERNBASE ((uintptr_t)host_memory)

#endif
