/*
 * Some of xv6's programs include this since its file.h wants it there.
 * Kernel locks are of no use to a program, so it is empty.
 */
#ifndef KERNEL_SLEEPLOCK_H
#define KERNEL_SLEEPLOCK_H

#endif
