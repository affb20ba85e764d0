/* The header of this name that the kernel and its programs share. */
#ifndef PUBLIC_SYSCALL_H
#define PUBLIC_SYSCALL_H

#include_next <syscall.h>

#endif
