/* xv6's name for a header that the kernel and its programs share. */
#ifndef KERNEL_SYSCALL_H
#define KERNEL_SYSCALL_H

#include <syscall.h>

#endif
