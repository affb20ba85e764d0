/*
 * Some of xv6's programs include this since its file.h wants it there.
 * Kernel locks are of no use to a program, so it is empty.
 */
#ifndef KERNEL_SPINLOCK_H
#define KERNEL_SPINLOCK_H

#endif
