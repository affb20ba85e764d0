#ifndef LAYOUT_H
#define LAYOUT_H

/*
 * The layout of the host machine, in place of a real machine's: that of
 * a PC, with "physical memory" an array in the test program.  Physical
 * addresses are thus small whatever the host does, and fit the entries
 * of both geometries.
 */
extern char host_memory[];              /* physical address 0 */

#define KERNBASE ((uintptr_t)host_memory)
#define KERNEL_START 0x100000
#define BOOT_MAP_END 0x400000
#define RAM_LIMIT 0x40000000
#define HOST_MEMORY_END 0x1800000       /* RAM of any test ends here */
#define HOST_DEVICE 0x4000              /* there is nothing, really */
#define HOST_DEVICE_END 0x6000

/* The lower half, of either geometry. */
#define USER_END (PT_LEVELS == 3 ? 0x4000000000 : 0x80000000)

/* A part of the upper half that nothing else uses, for either geometry. */
#define STACK_AREA (PT_LEVELS == 3 ? 0xffffffffc0000000 : 0xf0000000)

#endif
