/* The vector of a system call on the PC. */
#ifndef PUBLIC_TRAPS_H
#define PUBLIC_TRAPS_H

#define T_SYSCALL 64

#endif
